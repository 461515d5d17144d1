"""The measures of the four samples, compared with counts by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from cara.samples import SAMPLES
from cara.speech import SpeechMeasures, measure


def _measured(name: str) -> SpeechMeasures:
    sample = next(sample for sample in SAMPLES if sample.name == name)
    return measure(
        sample.transcript(), duration_seconds=sample.duration_seconds, feature_type=sample.feature_type
    )


_FLUENT_WORDS = 181 - 33 - 5 - 1 - 3  # fillers (five of two words), `the`, `we had to`


def test_the_fillers_of_the_project_update_match_the_count_by_hand():
    found = _measured("project_update").fillers
    assert found is not None
    # First paragraph: so um | uh | um basically, like, you know | um | i mean uh   (10; `kind of` is a hedge)
    # Second: so | um like right | so uh you know | um | like (before the ellipsis) | actually   (10; neither
    #   `I like the new form` nor `looks like`)
    # Third: um, i mean | uh basically well | like um   (7)
    # Fourth: so yeah uh | you know um | um   (6)
    assert found.count == 10 + 10 + 7 + 6
    assert found.by_word == {
        "um": 9, "uh": 5, "so": 4, "like": 4, "you know": 3, "i mean": 2,
        "basically": 2, "right": 1, "actually": 1, "well": 1, "yeah": 1,
    }  # fmt: skip
    assert found.per_hundred_words == pytest.approx(100 * 33 / _FLUENT_WORDS, abs=0.01)
    assert found.per_minute == pytest.approx(33 / 80 * 60, abs=0.01)


def test_the_other_measures_of_the_project_update_match_the_count_by_hand():
    measures = _measured("project_update")
    assert measures.words == 181  # 182 runs between spaces, one of them [pause]
    assert measures.sentences == 5 + 6 + 3 + 4  # paragraph by paragraph; `like... way` doesn't end one
    assert measures.fluent_words == _FLUENT_WORDS
    assert measures.words_per_minute == pytest.approx(_FLUENT_WORDS / 80 * 60, abs=0.06)
    assert measures.repetitions == 2  # `the, the`; `we had to, I mean, we had to`
    assert measures.questions == 2  # `right?`, `any questions?`
    assert measures.stage_marks == {"pause": 1}
    assert measures.hedges is not None
    assert measures.hedges.phrases == {"kind of": 1, "i guess": 1}


def test_the_salary_conversation_matches_the_count_by_hand():
    measures = _measured("salary_conversation")
    assert measures.words == 26 + 42 + 53 + 27  # the four turns after `You:`
    assert measures.talk_share == pytest.approx(148 / (148 + 13 + 10 + 9 + 14), abs=0.001)
    assert measures.turns == 4
    assert measures.hedges is not None
    # First turn: just wanted, maybe, a little, i'm not sure, to be honest. Second: i think, sort of, might,
    # i feel like, could be, a bit, perhaps, possibly, i guess. Third: probably, i think, a little, if that
    # makes sense. Fourth: maybe, just think, i guess, perhaps.
    assert measures.hedges.count == 5 + 9 + 4 + 4
    assert measures.fillers is not None
    assert measures.fillers.by_word == {"well": 1}
    assert measures.questions == 3  # possibly? about it? okay?
    assert measures.closing_words == "Would that be okay?"


def test_the_interview_matches_the_count_by_hand():
    measures = _measured("job_interview")
    assert measures.turns == 3
    assert measures.sentences == 6 + 4 + 4
    assert measures.fillers is not None
    assert measures.fillers.count == 0
    assert measures.hedges is not None
    assert measures.hedges.count == 0
    assert measures.assertives is not None
    assert measures.assertives.phrases == {"we decided": 1, "i led": 1, "the result was": 1, "i recommend": 1}


def test_the_gettysburg_address_has_its_known_counts():
    measures = _measured("gettysburg_address")
    assert measures.words == 271  # 272 with `battle-field` as two
    assert measures.sentences == 10
    assert measures.longest_sentence_words == 82  # the last, famously
    assert measures.mean_sentence_words == 27.1
    assert measures.fillers is not None
    assert measures.fillers.count == 0
    assert measures.false_starts == 0  # its dashes break off nothing
    assert measures.words_per_minute == pytest.approx(271 / 135 * 60, abs=0.06)
    assert measures.reading_ease == pytest.approx(65, abs=3)


def test_a_transcript_with_timestamps_and_stage_marks_matches_the_count_by_hand():
    text = (Path(__file__).parent / "transcripts" / "standup_with_timestamps.txt").read_text(encoding="utf-8")
    measures = measure(text, duration_seconds=30, feature_type="video")
    # Good morning everyone (3) | Dr Gray asked for figures we served 1,240 people in 3.5 hours (12) |
    # The well-known café didn't open until 10:30 (7) | It rained… we carried on anyway (6) |
    # Was it worth it (4) | Yes (1)
    assert measures.words == 3 + 12 + 7 + 6 + 4 + 1
    assert measures.sentences == 6
    assert measures.longest_sentence_words == 12
    assert measures.stage_marks == {"applause": 1, "pause": 1, "laughs": 1}
    assert measures.questions == 1
    assert measures.opening_words == "Good morning, everyone."


def test_every_sample_has_a_unique_name_and_a_plausible_pace():
    assert len({sample.name for sample in SAMPLES}) == len(SAMPLES) == 4
    for sample in SAMPLES:
        assert not _measured(sample.name).words_per_minute_implausible
        assert _measured(sample.name).not_applicable == []
