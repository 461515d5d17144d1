"""The files that people have: one dialogue and one talk, as a dozen and more programs write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cara.speech import SpeechMeasures, count_spoken_words, measure_talk
from cara.speech.schemas import ResponseLatency
from cara.transcripts.reading import read_transcript
from cara.transcripts.speakers import LearnerUnknown
from cara.transcripts.talk import Talk, read_talk, spoken_seconds

HERE = Path(__file__).parent
EXPECTED = {
    name: expected
    for name, expected in json.loads((HERE / "expected.json").read_text()).items()
    if not name.startswith("_")
}
DIALOGUES = [name for name, expected in EXPECTED.items() if "other" in expected]
TIMED = [name for name in DIALOGUES if name.endswith((".vtt", ".srt", ".cha", ".json"))]
JOINED_CUES = ("childes.cha", "assemblyai-utterances.json", "deepgram.json")
SOLO = [name for name in EXPECTED if "solo" in name or "youtube" in name]


def sent(name: str) -> str:
    return (HERE / "files" / name).read_bytes().decode()


def talk(name: str) -> Talk:
    return read_talk(sent(name), learner_label=EXPECTED[name].get("learnerLabel"))


def measured(name: str) -> SpeechMeasures:
    return measure_talk(talk(name), duration_seconds=None, feature_type="conversation")


def counted(measures: SpeechMeasures) -> dict[str, Any]:
    fillers = measures.fillers.by_word if measures.fillers else {}
    return {**measures.model_dump(), "fillers": fillers}


@pytest.mark.parametrize("name", [name for name in EXPECTED if "learner" in EXPECTED[name]])
def test_the_learner_is_counted_alone(name: str) -> None:
    found, expected = counted(measured(name)), EXPECTED[name]["learner"]
    assert {measure: found[measure] for measure in expected} == expected


@pytest.mark.parametrize("name", DIALOGUES)
def test_the_other_is_counted_apart(name: str) -> None:
    others, expected = talk(name).others, EXPECTED[name]["other"]
    assert count_spoken_words(others) == expected["words"]
    assert sum(turn.text.text.count("?") for turn in others) == expected["questions"]


@pytest.mark.parametrize("name", list(EXPECTED))
def test_the_speakers_are_told_apart(name: str) -> None:
    transcript = read_transcript(sent(name))
    assert len(transcript.speakers) == (EXPECTED[name]["speakers"] or 2)
    if labels := EXPECTED[name].get("labels"):
        assert list(transcript.speakers) == labels


@pytest.mark.parametrize("name", DIALOGUES)
def test_no_speaker_is_taken_for_the_learner_without_a_word(name: str) -> None:
    with pytest.raises(LearnerUnknown):
        read_talk(sent(name))


@pytest.mark.parametrize("name", TIMED)
def test_the_times_of_the_learner_are_those_of_the_cues(name: str) -> None:
    assert spoken_seconds(talk(name).own) == pytest.approx(11.6 if name in JOINED_CUES else 11.3)


@pytest.mark.parametrize("name", SOLO)
def test_a_talk_has_the_times_of_its_cues(name: str) -> None:
    assert spoken_seconds(talk(name).own) == pytest.approx(8.0)


@pytest.mark.parametrize("name", TIMED)
def test_a_timed_dialogue_tells_pace_turns_and_replies_whatever_wrote_it(name: str) -> None:
    measures = measured(name)
    own = 11.6 if name in JOINED_CUES else 11.3
    assert measures.duration_seconds == pytest.approx(19.0 if name == "deepgram.json" else 18.7)
    assert measures.words_per_minute == pytest.approx(60 * measures.fluent_words / own, abs=0.05)
    assert measures.timing is not None
    assert measures.timing.response_latency_seconds == ResponseLatency(median=0.8, longest=0.9)
    assert measures.timing.longest_monologue_seconds == 5.9
    assert measures.timing.talk_share_by_time == pytest.approx(own / (own + 4.7), abs=0.001)
    assert measures.timing.interruptions == 0
    assert (measures.timing.pauses is None) is not name.endswith(".json")


@pytest.mark.parametrize("name", SOLO)
def test_a_talk_has_the_pace_of_its_own_time(name: str) -> None:
    assert measured(name).words_per_minute == 105


def test_changes_of_the_speaker_without_names_are_a_guess() -> None:
    transcript = read_transcript(sent("chevrons.txt"))
    assert transcript.speakers_guessed
    assert transcript.speakers == ("Speaker 1", "Speaker 2")
    assert transcript.notes
    with pytest.raises(LearnerUnknown):
        read_talk(sent("chevrons.txt"))
    chosen = read_talk(sent("chevrons.txt"), learner_label="Speaker 2")
    assert count_spoken_words(chosen.own) == 27
    assert count_spoken_words(chosen.others) == 13


@pytest.mark.parametrize("name", list(EXPECTED))
@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_change_nothing(name: str, line_end: str) -> None:
    if name.endswith(".json"):
        line_end = "\r\n"
    as_sent = "\ufeff" + sent(name).replace("\n", line_end)
    there, here = read_transcript(as_sent), read_transcript(sent(name))
    assert [(one.speaker, one.text.text.split()) for one in there.utterances] == [
        (one.speaker, one.text.text.split()) for one in here.utterances
    ]


@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.endswith((".json", ".cha"))])
def test_every_letter_is_found_again_in_what_was_sent(name: str) -> None:
    text = sent(name)
    for utterance in read_transcript(text).utterances:
        for character, offset in zip(utterance.text.text, utterance.text.offsets, strict=False):
            assert not character.isalnum() or text[offset] == character


def test_japanese_is_counted_in_words() -> None:
    own = read_talk(sent("japanese-labels.txt"), learner_label="田中")
    assert [turn.text.text for turn in own.own] == ["よろしくお願いします。営業を三年やりました。"]
    assert count_spoken_words(own.own) >= 8
