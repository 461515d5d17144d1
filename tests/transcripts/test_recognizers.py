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
from cara.transcripts.utterances import Transcript, TranscriptFormat, turns_of

FILES = Path(__file__).parent / "files"
Said = tuple[str | None, float | None, float | None, str]

HI: dict[str, Any] = {"word": "hi", "start": 0.5, "end": 1, "punctuated_word": "Hi."}
YES: dict[str, Any] = {"word": "yes", "start": 2, "end": 2.5, "punctuated_word": "Yes,"}
WELL: dict[str, Any] = {"word": "well", "start": 3, "end": 3.5, "punctuated_word": "well."}


def _require_true_offsets(source: str, transcript: Transcript) -> None:
    for utterance in transcript.utterances:
        text, offsets = utterance.text
        assert len(offsets) == len(text) + 1
        assert offsets == sorted(offsets)
        for character, offset in zip(text, offsets, strict=False):
            if character.isalnum() and source[offset] != "\\":
                assert source[offset] == character


def _said(value: object, format: TranscriptFormat | None = None) -> list[Said]:
    source = value if isinstance(value, str) else json.dumps(value)
    transcript = read_json(source, format)
    assert transcript is not None
    _require_true_offsets(source, transcript)
    return [(one.speaker, one.start, one.end, one.text.text) for one in transcript.utterances]


def _format_of(value: object) -> str:
    return read_transcript(json.dumps(value)).format


@pytest.mark.parametrize("name", ["whisper-verbose", "assemblyai-utterances", "deepgram"])
def test_the_same_dialogue_is_read_from_each_recognizer(name: str):
    source = (FILES / f"{name}.json").read_text(encoding="utf-8")
    expected = json.loads((FILES.parent / "expected.json").read_text(encoding="utf-8"))[f"{name}.json"]
    transcript = read_transcript(source)
    _require_true_offsets(source, transcript)
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


WHISPERS = [
    pytest.param(
        {"text": "Hi. Yes.", "words": [HI, YES]}, "whisper", [(None, 0.5, 2.5, "Hi. Yes.")], id="words alone"
    ),
    pytest.param(
        {"text": "Hi. ", "usage": {"type": "tokens"}}, "whisper", [(None, None, None, "Hi.")], id="text"
    ),
    pytest.param(
        {
            "transcription": [
                {"offsets": {"from": 0, "to": 6240}, "text": " Hi.", "tokens": [{"text": "[_BEG_]"}]}
            ]
        },
        "whisper",
        [(None, 0, 6.24, "Hi.")],
        id="whisper.cpp",
    ),
    pytest.param(
        [{"id": 1, "seek": 0, "start": 0.0, "end": 2.0, "text": " Hi.", "tokens": [1], "words": None}],
        "whisper",
        [(None, 0, 2, "Hi.")],
        id="faster-whisper",
    ),
    pytest.param(
        {
            "text": " Hi.",
            "chunks": [{"timestamp": [0.0, 3.0], "text": " Hi."}, {"timestamp": [3.0, None], "text": "Yes"}],
        },
        "whisper",
        [(None, 0, 3, "Hi."), (None, 3, None, "Yes")],
        id="transformers",
    ),
    pytest.param(
        {
            "segments": [
                {"type": "transcript.text.segment", "start": 0, "end": 4.7, "text": "Hi.", "speaker": "agent"}
            ]
        },
        "whisper",
        [("agent", 0, 4.7, "Hi.")],
        id="gpt-4o-transcribe-diarize",
    ),
    pytest.param(
        {
            "segments": [{"start": 0.5, "end": 1, "text": " Hi.", "words": [HI], "speaker": "SPEAKER_00"}],
            "word_segments": [],
        },
        "whisperx",
        [("SPEAKER_00", 0.5, 1, "Hi.")],
        id="whisperx",
    ),
    pytest.param(
        {
            "segments": [
                {
                    "text": "hi yes",
                    "words": [{**HI, "speaker": "SPEAKER_00"}, {**YES, "speaker": "SPEAKER_01"}],
                }
            ]
        },
        "whisperx",
        [("SPEAKER_00", 0.5, 1, "Hi."), ("SPEAKER_01", 2, 2.5, "Yes,")],
        id="whisperx, speakers of words alone",
    ),
]


@pytest.mark.parametrize(("value", "format", "said"), WHISPERS)
def test_whisper_and_its_relatives(value: object, format: TranscriptFormat, said: list[Said]):
    assert _format_of(value) == format
    assert _said(value) == _said(value, "whisper") == _said(value, "whisperx") == said


def test_words_that_stand_beside_the_segments_are_given_to_them_by_their_times():
    segments = [{"start": 0, "end": 1.2, "text": "Hi."}, {"start": 1.2, "end": 4, "text": "Yes, well."}]
    transcript = read_transcript(json.dumps({"segments": segments, "words": [HI, YES, {"word": "x"}, WELL]}))
    assert [[word.text for word in one.words] for one in transcript.utterances] == [
        ["Hi."],
        ["Yes,", "well."],
    ]


def _deepgram(*channels: dict[str, Any]) -> dict[str, Any]:
    return {"results": {"channels": [{"alternatives": [best, {"transcript": "worse"}]} for best in channels]}}


def test_deepgram_words_are_joined_by_speaker_with_their_punctuation():
    words = [{**HI, "speaker": 0}, {**YES, "speaker": 1}, {**WELL, "speaker": 1}]
    assert _said(_deepgram({"words": words})) == [("0", 0.5, 1, "Hi."), ("1", 2, 3.5, "Yes, well.")]


def test_deepgram_channels_are_speakers_and_take_turns():
    value = _deepgram({"words": [HI, WELL]}, {"words": [YES]})
    assert _said(value) == [("0", 0.5, 1, "Hi."), ("1", 2, 2.5, "Yes,"), ("0", 3, 3.5, "well.")]
    utterances = [
        {"channel": 1, "transcript": "B.", "start": 5},
        {"channel": 0, "transcript": "A.", "start": 0},
    ]
    assert _said({"results": {"utterances": utterances}}) == [("0", 0, None, "A."), ("1", 5, None, "B.")]


def test_deepgram_without_words_has_paragraphs_or_a_transcript():
    paragraphs = {"paragraphs": [{"speaker": 1, "sentences": [{"text": "Hi.", "start": 0, "end": 1}]}]}
    assert _said(_deepgram({"paragraphs": paragraphs})) == [("1", 0, 1, "Hi.")]
    assert _said(_deepgram({"transcript": "Hi."})) == [(None, None, None, "Hi.")]


def test_assemblyai_is_in_milliseconds_with_or_without_utterances():
    words = [
        {"text": "Hi.", "start": 100, "end": 900, "speaker": "A"},
        {"text": "Yes.", "start": 950, "end": 1400},
    ]
    value = {"audio_url": "", "text": "Hi. Yes.", "utterances": None, "words": words}
    assert _said(value) == [("A", 0.1, 0.9, "Hi."), (None, 0.95, 1.4, "Yes.")]
    assert _said({"utterances": [{"text": "Hi.", "speaker": "B", "start": 5}]}, "assemblyai") == [
        ("B", 0.005, None, "Hi.")
    ]
    assert _said({"status": "error", "audio_url": "", "text": None}) == []


def _google_word(word: str, start: str, end: str, **members: object) -> dict[str, Any]:
    return {"word": word, "startTime": start, "endTime": end, **members}


def test_google_says_all_words_once_more_with_speakers_which_are_counted_once():
    one, two = ("Hi.", "0.100s", "0.500s"), ("Yes.", "2s", "2.500s")
    results = [
        {
            "alternatives": [
                {"transcript": "Hi.", "words": [_google_word(*one, speakerTag=0)]},
                {"transcript": "High"},
            ]
        },
        {"alternatives": [{"transcript": " Yes.", "words": [_google_word(*two)]}]},
        {"alternatives": [{"words": [_google_word(*one, speakerTag=1), _google_word(*two, speakerTag=2)]}]},
    ]
    told = [("1", 0.1, 0.5, "Hi."), ("2", 2, 2.5, "Yes.")]
    assert _said({"results": results}) == told
    assert _said({"name": "1", "done": True, "response": {"results": results}}) == told
    assert _said({"results": results[:2]}) == [(None, 0.1, 0.5, "Hi."), (None, 2, 2.5, "Yes.")]
    streamed = [
        {"alternatives": [{"words": results[2]["alternatives"][0]["words"][:count]}]} for count in (1, 2)
    ]
    assert _said({"results": streamed}) == told


def test_google_results_that_each_tell_their_speakers_are_all_read():
    one = {
        "word": "Hi.",
        "startOffset": "1s",
        "endOffset": {"seconds": "1", "nanos": 500_000_000},
        "speakerLabel": "1",
    }
    two = {**one, "startOffset": "2s", "endOffset": "3s", "speakerLabel": "2"}
    results = [{"alternatives": [{"transcript": "Hi.", "words": [word]}]} for word in (one, two)]
    value = {"results": {"gs://bucket/a.wav": {"transcript": {"results": results}}}}
    assert _said(value) == [("1", 1, 1.5, "Hi."), ("2", 2, 3, "Hi.")]
    assert _format_of(value) == "google"


def test_google_channels_are_speakers():
    results = [
        {"channelTag": tag, "alternatives": [{"transcript": said}]} for tag, said in ((1, "Hi."), (2, "Yes."))
    ]
    assert _said({"results": results}) == [("1", None, None, "Hi."), ("2", None, None, "Yes.")]


def _aws(content: str, start: str | None = None, **members: object) -> dict[str, Any]:
    kind = "pronunciation" if start else "punctuation"
    times = {"start_time": start, "end_time": f"{float(start) + 0.4:.2f}"} if start else {}
    return {"type": kind, "alternatives": [{"content": content, "confidence": "0.9"}], **times, **members}


AWS_ITEMS = [_aws("Hi", "0.5"), _aws("."), _aws("Yes", "2.0"), _aws(","), _aws("well", "3.00"), _aws(".")]


def test_aws_tells_speakers_in_a_table_or_with_the_items():
    times = [("spk_0", "0.50"), ("spk_1", "2.0"), ("spk_1", "3.0")]
    table = [{"speaker_label": who, "items": [{"start_time": at, "speaker_label": who}]} for who, at in times]
    told = [("spk_0", 0.5, 0.9, "Hi."), ("spk_1", 2, 3.4, "Yes, well.")]
    assert _said({"results": {"speaker_labels": {"segments": table}, "items": AWS_ITEMS}}) == told
    labels = ["spk_0", "spk_0", "spk_1", "spk_1", "spk_1", "spk_1"]
    items = [{**item, "speaker_label": label} for item, label in zip(AWS_ITEMS, labels, strict=True)]
    assert _said({"results": {"items": items, "transcripts": [{"transcript": "x"}]}}) == told


def test_aws_channels_take_turns_and_punctuation_is_no_timed_word():
    channels = [
        {"channel_label": "ch_0", "items": [AWS_ITEMS[0], AWS_ITEMS[1], AWS_ITEMS[4]]},
        {"channel_label": "ch_1", "items": AWS_ITEMS[2:4]},
    ]
    value = {"results": {"channel_labels": {"channels": channels}, "items": AWS_ITEMS}}
    assert _said(value) == [("ch_0", 0.5, 0.9, "Hi."), ("ch_1", 2, 2.4, "Yes,"), ("ch_0", 3, 3.4, "well")]
    alone = read_transcript(json.dumps({"results": {"items": AWS_ITEMS}}))
    assert [word.text for word in alone.utterances[0].words] == ["Hi", "Yes", "well"]


def test_aws_without_items_has_segments_or_a_text():
    segment = {
        "transcript": "Hi.",
        "start_time": "0.5",
        "end_time": "1",
        "speaker_label": "spk_0",
        "items": [0, 1],
    }
    assert _said({"results": {"items": [], "audio_segments": [segment]}}) == [("spk_0", 0.5, 1, "Hi.")]
    assert _said({"results": {"transcripts": [{"transcript": "Hi."}]}}) == [(None, None, None, "Hi.")]


AZURE = {
    "recognitionStatus": "Success",
    "speaker": 1,
    "channel": 0,
    "offset": "PT0.07S",
    "duration": "PT1M1.5S",
    "nBest": [
        {
            "lexical": "hi",
            "display": "Hi.",
            "displayWords": [{"displayText": "Hi.", "offset": "PT0.1S", "duration": "PT1S"}],
        },
        {"display": "High."},
    ],
}


def test_azure_of_batches_and_of_fast_transcription():
    transcript = read_transcript(json.dumps({"recognizedPhrases": [AZURE]}))
    assert transcript.format == "azure"
    assert [(word.text, word.start, word.end) for word in transcript.utterances[0].words] == [
        ("Hi.", 0.1, 1.1)
    ]
    assert _said({"recognizedPhrases": [AZURE]}) == [("1", 0.07, 61.57, "Hi.")]
    in_ticks = {**AZURE, "offsetInTicks": 700000.0, "durationInTicks": 15900000.0}
    assert _said({"RecognizedPhrases": [in_ticks]}) == [("1", 0.07, 1.66, "Hi.")]
    assert _said({"combinedRecognizedPhrases": [{"display": "Hi."}]}) == [(None, None, None, "Hi.")]
    fast = {"text": "Hi.", "speaker": 2, "offsetMilliseconds": 100, "durationMilliseconds": 500}
    assert _said({"combinedPhrases": [{"text": "Hi."}], "phrases": [fast]}) == [("2", 0.1, 0.6, "Hi.")]
    sdk = [
        {"DisplayText": "Hi.", "SpeakerId": "Guest-1", "Offset": 700000, "Duration": 15900000, "NBest": []}
    ]
    assert _said(sdk) == [("Guest-1", 0.07, 1.66, "Hi.")]


def test_azure_channels_take_turns():
    phrases = [
        {"channel": 0, "offset": "PT0S", "nBest": [{"display": "A."}]},
        {"channel": 0, "offset": "PT9S", "nBest": [{"display": "C."}]},
        {"channel": 1, "offset": "PT5S", "nBest": [{"display": "B."}]},
    ]
    assert [said[::3] for said in _said({"recognizedPhrases": phrases})] == [
        ("0", "A."),
        ("1", "B."),
        ("0", "C."),
    ]


def test_services_that_write_white_space_between_words_are_read_as_they_write():
    kinds = [
        ("text", "Well"),
        ("punct", ", "),
        ("text", "far"),
        ("punct", "-"),
        ("text", "off"),
        ("punct", "."),
    ]
    elements = [
        {"type": kind, "value": value, "ts": at, "end_ts": at + 1} for at, (kind, value) in enumerate(kinds)
    ]
    assert _said({"monologues": [{"speaker": 1, "elements": elements}]}) == [("1", 0, 6, "Well, far-off.")]
    scribe = [
        ("word", "Hi", 0),
        ("spacing", " ", 0),
        ("audio_event", "(laughs)", 0),
        ("spacing", " ", 0),
        ("word", "Yes", 1),
    ]
    words = [
        {"type": kind, "text": text, "start": 0.5, "end": 1, "speaker_id": f"speaker_{at}"}
        for kind, text, at in scribe
    ]
    transcript = read_transcript(
        json.dumps({"language_code": "eng", "text": "Hi (laughs) Yes", "words": words})
    )
    assert [(said.speaker, said.text.text) for said in transcript.utterances] == [
        ("speaker_0", "Hi (laughs)"),
        ("speaker_1", "Yes"),
    ]
    assert [[word.text for word in said.words] for said in transcript.utterances] == [["Hi"], ["Yes"]]


def test_speechmatics_attaches_punctuation_to_either_side():
    parts = [
        ("Hi", "S1", {}),
        (",", "S1", {"attaches_to": "previous"}),
        ("you", "S1", {}),
        ("¿", "S2", {"attaches_to": "next"}),
        ("Yes", "S2", {}),
    ]
    results = [
        {
            "type": "word",
            "start_time": 1,
            "end_time": 2,
            "alternatives": [{"content": said, "speaker": who}],
            **how,
        }
        for said, who, how in parts
    ]
    assert _said({"format": "2.9", "results": results}) == [("S1", 1, 2, "Hi, you"), ("S2", 1, 2, "¿Yes")]


def test_scripts_without_spaces_get_none():
    items = [_aws("今日", "1"), _aws("は", "2"), _aws("、"), _aws("AI", "3"), _aws("です", "4")]
    assert _said({"results": {"items": items}})[0][3] == "今日は、 AI です"


def test_the_own_json_and_what_is_like_it():
    own = [{"speaker": "You", "start": 0, "end": 4, "text": "Hi.", "words": [HI]}, {"text": "Yes."}]
    told = [("You", 0, 4, "Hi."), (None, None, None, "Yes.")]
    assert _said(own) == _said({"utterances": own}) == _said(own, "utterances") == told
    assert _format_of(own) == "utterances"
    meeting = [
        {"speaker_name": "Ann", "text": "Hi.", "start": "00:01:02,500"},
        {"speaker": {"id": 7, "name": "Ben"}, "sentence": "Yes.", "time": "1:05"},
    ]
    assert _said({"data": {"transcript": {"sentences": meeting}}}) == [
        ("Ann", 62.5, None, "Hi."),
        ("Ben", 65, None, "Yes."),
    ]
    assert _said('```json\n[{"role": "user", "content": "Hi."}]\n```\n') == [("user", None, None, "Hi.")]
    blocks = [
        {"participant": {"name": "Ann"}, "words": [{"text": "Hi.", "start_timestamp": {"relative": 1.5}}]}
    ]
    assert _said(blocks) == [("Ann", 1.5, None, "Hi.")]
    in_result = {
        "result": {
            "metadata": {},
            "transcription": {"utterances": [{"text": "Hi.", "speaker": 0, "start": 0.5}]},
        }
    }
    assert _said(in_result) == [("0", 0.5, None, "Hi.")]


@pytest.mark.parametrize(("unit", "start", "end"), [(1, 1, 5), (1_000, 1, 5), (10_000_000, 1, 5)])
def test_whole_numbers_tell_their_unit_by_how_slow_the_speech_would_be(unit: int, start: float, end: float):
    phrases = [{"speaker": "A", "text": "What did you change at the clinic?", "start": unit, "end": 5 * unit}]
    assert _said(phrases) == [("A", start, end, "What did you change at the clinic?")]


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
    assert _said([{"text": "Hi.", "words": [{"word": "Hi.", **times}], **times}]) == [
        (None, None, None, "Hi.")
    ]
    assert _said('[{"text": "Hi.", "start": NaN, "end": 1' + "0" * 5000 + "}]") == [(None, None, None, "Hi.")]


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
    assert _said([{"speaker": speaker, "text": "Hi."}]) == [(label, None, None, "Hi.")]


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
_NAMES = st.sampled_from(
    "text words word start end speaker results utterances channels alternatives items segments offset "
    "duration nBest recognizedPhrases transcript transcripts speakerTag channelTag content type timestamp".split()
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
        _require_true_offsets(source, transcript)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_how_the_json_is_written_changes_no_word(texts: list[str], ascii_only: bool, indent: int | None):
    source = json.dumps([{"text": text} for text in texts], ensure_ascii=ascii_only, indent=indent)
    transcript = read_transcript(source)
    _require_true_offsets(source, transcript)
    assert [said.text.text for said in transcript.utterances] == [
        text.strip() for text in texts if text.strip()
    ]
