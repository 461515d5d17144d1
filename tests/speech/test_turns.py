"""Which turns are the learner's, and their share of the talk."""

from __future__ import annotations

from pathlib import Path

import pytest

from cara.speech import SpeechMeasures, measure
from cara.speech.turns import own_passages


def _measured(text: str, learner_label: str | None = None, seconds: int = 60) -> SpeechMeasures:
    return measure(text, duration_seconds=seconds, feature_type="conversation", learner_label=learner_label)


@pytest.mark.parametrize(
    "label", ["You", "Me", "User", "Learner", "I", "you", "**You", "[00:12] You", "- Me", "[You]"]
)
def test_the_usual_labels_of_the_learner_are_recognized(label: str):
    measures = _measured(f"{label}: one two three\nCoach: four five\nsix\n{label}: seven")
    assert measures.words == 4
    assert measures.turns == 2
    assert measures.talk_share == pytest.approx(4 / 7, abs=0.001)


@pytest.mark.parametrize("other", ["Coach", "Interviewer", "AI", "Assistant", "Cara"])
def test_a_coach_or_a_machine_is_never_the_learner(other: str):
    measures = _measured(f"{other}: um, hello there\n{other}: um, goodbye", learner_label=other)
    assert measures.words == 0
    assert measures.fillers is not None
    assert measures.fillers.count == 0
    assert measures.talk_share == 0.0
    assert any("Only other speakers" in note for note in measures.notes)


def test_the_first_of_numbered_speakers_is_the_learner_and_a_note_says_so():
    text = (Path(__file__).parent / "transcripts" / "two_speakers.txt").read_text(encoding="utf-8")
    measures = _measured(text)
    assert measures.words == 11 + 3  # `Could you … noon` without its label; `Thanks. That helps`
    assert measures.fillers is not None
    assert measures.fillers.count == 0  # the two `um` are the other speaker's
    assert any("the turns of “speaker 1” were taken" in note for note in measures.notes)


def test_a_given_label_names_the_learner():
    text = (Path(__file__).parent / "transcripts" / "two_speakers.txt").read_text(encoding="utf-8")
    measures = _measured(text, learner_label="speaker 2")
    assert measures.words == 7
    assert measures.fillers is not None
    assert measures.fillers.by_word == {"um": 2}
    assert measures.notes == []


def test_the_partner_of_an_interviewer_is_the_learner():
    measures = _measured("Interviewer: Why us?\nCandidate: I like the work.\nInterviewer: Good.")
    assert measures.words == 4


def test_unknown_names_are_labels_only_in_a_dialogue():
    assert _measured("Green: one two\nBlack: three\nGreen: four").words == 3
    assert _measured("Note: we begin.\nPlan: we go on.").words == 7
    assert _measured("Thank you all.\nAI: it is everywhere.\nWe use it.").words == 10


def test_an_ordinary_word_with_a_colon_is_no_label():
    measures = _measured("You: here is the plan\nFirst: we hire\nThen: we build\nCoach: fine")
    assert measures.words == 10


def test_the_voices_of_subtitles_are_labels():
    cue = "00:00:01.000 --> 00:00:02.000\n"
    said = ("<v Ann Lee>We grew.</v>\n\n", "<v.loud Bob>Why?</v>\n\n", "<v Ann Lee>We\nhired.</v>")
    text = "WEBVTT\n\n" + "".join(cue + words for words in said)
    measures = _measured(text)
    assert (measures.words, measures.turns, measures.talk_share) == (4, 2, 0.8)
    assert [text[start:end].strip() for start, end in own_passages(text)] == [
        "We grew.</v>\n\n" + cue.strip(),
        "We\nhired.</v>",
    ]


def test_topics_and_addresses_are_no_labels():
    measures = _measured("You: see this\nURL: it.is\nPros: cheap\nhttps://x.y\nMailto://z\nCoach: fine")
    assert (measures.words, measures.turns) == (2 + 3 + 2 + 3 + 2, 1)


def test_a_name_before_a_timestamp_is_a_label():
    measures = _measured("Speaker 1  00:01\nhello there you\n\nSpeaker 2  00:09\nhi")
    assert measures.words == 3
    assert measures.talk_share == 0.75


def test_text_before_the_first_label_belongs_to_nobody():
    measures = _measured("Practice call of Monday\nYou: hello\nCoach: hi")
    assert measures.words == 1
    assert measures.talk_share == 0.5


def test_without_labels_all_text_is_the_learners_and_there_is_no_talk_share():
    measures = _measured("We begin here.\nWe go on.")
    assert measures.words == 6
    assert measures.talk_share is None
    assert measures.turns == 1


def test_a_missing_learner_label_is_noted():
    measures = _measured("We begin here.", learner_label="Anchor")
    assert measures.words == 3
    assert any("No turns are labelled" in note for note in measures.notes)


def test_own_passages_are_ranges_of_the_unchanged_transcript():
    subtitle = "\ufeff1\r\n00:00:01,000 --> 00:00:02,000\r\nE\u0301va: Hi.\r\n"
    text = f"{subtitle}[00:03] You: We\u200b go.\r\nE\u0301va: Bye.\nYou: So."
    assert [text[start:end] for start, end in own_passages(text)] == [" We\u200b go.\r\n", " So."]
    assert own_passages("We go.") == [(0, 6)]
    assert own_passages("Coach: We go.") == own_passages("") == []
