"""The JSON of speech recognizers: who said what, when, and where it stands in the text that was sent."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.transcripts.reading import UnreadableTranscript, read_transcript
from cara.transcripts.recognizers import read_json
from cara.transcripts.utterances import turns_of
from tests.transcripts.said import format_of, require_true_offsets, said_in

FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("name", ["whisper-verbose", "assemblyai-utterances", "deepgram"])
def test_the_same_dialogue_is_read_from_each_recognizer(name: str):
    source = (FILES / f"{name}.json").read_text(encoding="utf-8")
    expected = json.loads((FILES.parent / "expected.json").read_text(encoding="utf-8"))[f"{name}.json"]
    transcript = read_transcript(source)
    require_true_offsets(source, transcript)
    assert transcript.format == name.partition("-")[0]
    assert len(transcript.speakers) == expected["speakers"]
    own = [turn for turn in turns_of(transcript.utterances) if turn.speaker == expected.get("learnerLabel")]
    assert len(own) == expected["learner"]["turns"]
    assert len(" ".join(turn.text.text for turn in own).split()) == expected["learner"]["words"]
    assert sum(len(utterance.words) for turn in own for utterance in turn.utterances) == 27
    assert own[0].utterances[0].start == 3.9
    assert own[-1].utterances[-1].end == 18.7


def test_the_length_of_the_recording_is_that_which_the_source_states():
    assert read_transcript('{"text": "Hi.", "duration": "19.5"}').duration_seconds == 19.5
    assert read_transcript('{"text": "Hi.", "audio_url": "", "audio_duration": 19}').duration_seconds == 19
    assert (
        read_transcript('{"metadata": {"duration": 3.5}, "results": {"channels": []}}').duration_seconds
        == 3.5
    )
    assert read_transcript('{"recognizedPhrases": [], "durationInTicks": 41200000}').duration_seconds == 4.12
    assert read_transcript('{"recognizedPhrases": [], "duration": "PT1H0M4.5S"}').duration_seconds == 3604.5
    assert read_transcript('{"results": [{"alternatives": [{"transcript": "Hi"}]}]}').duration_seconds is None


def test_the_own_json_and_what_is_like_it():
    own = [
        {
            "speaker": "You",
            "start": 0,
            "end": 4,
            "text": "Hi.",
            "words": [{"word": "Hi", "start": 0, "end": 1}],
        },
        {"text": "Yes."},
    ]
    told = [("You", 0, 4, "Hi."), (None, None, None, "Yes.")]
    assert said_in(own) == said_in({"utterances": own}) == said_in(own, "utterances") == told
    assert format_of(own) == "utterances"
    meeting = [
        {"speaker_name": "Ann", "text": "Hi.", "start": "00:01:02,500"},
        {"speaker": {"id": 7, "name": "Ben"}, "sentence": "Yes.", "time": "1:05"},
    ]
    assert said_in({"data": {"transcript": {"sentences": meeting}}}) == [
        ("Ann", 62.5, None, "Hi."),
        ("Ben", 65, None, "Yes."),
    ]
    assert said_in('```json\n[{"role": "user", "content": "Hi."}]\n```\n') == [("user", None, None, "Hi.")]
    blocks = [
        {"participant": {"name": "Ann"}, "words": [{"text": "Hi.", "start_timestamp": {"relative": 1.5}}]}
    ]
    assert said_in(blocks) == [("Ann", 1.5, None, "Hi.")]
    in_result = {
        "result": {
            "metadata": {},
            "transcription": {"utterances": [{"text": "Hi.", "speaker": 0, "start": 0.5}]},
        }
    }
    assert said_in(in_result) == [("0", 0.5, None, "Hi.")]


@pytest.mark.parametrize(("unit", "start", "end"), [(1, 1, 5), (1_000, 1, 5), (10_000_000, 1, 5)])
def test_whole_numbers_tell_their_unit_by_how_slow_the_speech_would_be(unit: int, start: float, end: float):
    phrases = [{"speaker": "A", "text": "What did you change at the clinic?", "start": unit, "end": 5 * unit}]
    assert said_in(phrases) == [("A", start, end, "What did you change at the clinic?")]


def test_a_place_is_that_of_the_character_as_it_was_sent():
    said = r"A \"caf\u00e9\" \ud83d\ude00\nb\ud800c"
    source = '\ufeff{"utterances":\r\n\t[{"text": "' + said + '", "speaker": "\\u00c9"}]}'
    transcript = read_transcript(source)
    (text, offsets), speaker = transcript.utterances[0].text, transcript.utterances[0].speaker
    assert (text, speaker) == ('A "café" 😀\nb\ufffdc', "É")
    pieces = [source[start:end] for start, end in pairwise(offsets)]
    assert pieces == [
        "A",
        " ",
        '\\"',
        "c",
        "a",
        "f",
        "\\u00e9",
        '\\"',
        " ",
        "\\ud83d\\ude00",
        "\\n",
        "b",
        "\\ud800",
        "c",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[Music] Hello there.",
        "{laughs} Hi.",
        '"Hello," she said.',
        "12",
        "[1, 2",
        "",
        '{"a": 1} is an object',
    ],
)
def test_a_talk_that_begins_with_a_bracket_is_no_json(text: str):
    assert read_json(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[1, 2]",
        '{"a": {"b": 1}}',
        '[{"name": "a", "value": "b"}]',
        '{"text": 5}',
        '{"error": "busy"}',
        '{"results": {}}',
        "[" * 100_000 + "]" * 100_000,
        '{"utterances": [{"speaker": "A", "text": "cut o',
    ],
)
def test_json_that_is_not_known_or_broken_is_unreadable(text: str):
    with pytest.raises(UnreadableTranscript):
        read_transcript(text)


def test_a_file_that_says_nothing_has_no_utterances():
    for silent in (
        '{"text": ""}',
        '{"segments": []}',
        "[]",
        '{"utterances": []}',
        '{"results": {"items": []}}',
        '[{"text": " "}]',
    ):
        assert read_transcript(silent).utterances == ()


def test_json_of_another_recognizer_than_told_is_unreadable():
    with pytest.raises(UnreadableTranscript):
        read_transcript('{"text": "Hi."}', "deepgram")
    assert read_json("Hello.", "aws") is None


@pytest.mark.parametrize(
    "times",
    [
        {"start": -1},
        {"start": 5, "end": 4},
        {"start": "soon"},
        {"start": True},
        {"start": {"a": 1}},
        {"start": [1]},
        {"start": 1e300},
        {"start": "1" * 1000},
        {"start": {"seconds": {}, "nanos": []}},
        {"timestamp": "2026-01-01T10:00:00Z"},
    ],
)
def test_times_that_make_no_sense_are_none(times: dict[str, Any]):
    assert said_in([{"text": "Hi.", "words": [{"word": "Hi.", **times}], **times}]) == [
        (None, None, None, "Hi.")
    ]
    assert said_in('[{"text": "Hi.", "start": NaN, "end": 1' + "0" * 5000 + "}]") == [
        (None, None, None, "Hi.")
    ]


@pytest.mark.parametrize(
    ("speaker", "label"),
    [
        (["A"], None),
        (True, None),
        (1.5, None),
        (1.0, "1"),
        ("  ", None),
        ({}, None),
        ({"name": "A"}, "A"),
        ("a" * 300, "a" * 100),
    ],
)
def test_a_speaker_is_a_label_of_bounded_length(speaker: object, label: str | None):
    assert said_in([{"speaker": speaker, "text": "Hi."}]) == [(label, None, None, "Hi.")]


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
_NAMES = st.sampled_from(
    "text words word start end speaker results utterances channels alternatives items segments offset "
    "duration nBest recognizedPhrases transcript transcripts speakerTag channelTag content type".split()
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=25,
)


@given(_JSON)
def test_any_json_is_read_or_unreadable(value: object):
    source = json.dumps(value)
    try:
        transcript = read_json(source)
    except UnreadableTranscript:
        return
    if transcript is not None:
        require_true_offsets(source, transcript)


# What is no markup and nothing that is taken out of every text.
_PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="<&"), min_size=1)


@given(st.lists(_PLAIN, min_size=1, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_how_the_json_is_written_changes_no_word(texts: list[str], ascii_only: bool, indent: int | None):
    source = json.dumps([{"text": text} for text in texts], ensure_ascii=ascii_only, indent=indent)
    transcript = read_transcript(source)
    require_true_offsets(source, transcript)
    assert [said.text.text for said in transcript.utterances] == [
        text.strip() for text in texts if text.strip()
    ]
