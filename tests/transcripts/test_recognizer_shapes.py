"""The JSON of each recognizer: words and speakers, each said once, in its own unit of time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cara.transcripts.reading import read_transcript
from cara.transcripts.utterances import TranscriptFormat
from tests.transcripts.said import Said, format_of, said_in

HI: dict[str, Any] = {"word": "hi", "start": 0.5, "end": 1, "punctuated_word": "Hi."}
YES: dict[str, Any] = {"word": "yes", "start": 2, "end": 2.5, "punctuated_word": "Yes,"}
WELL: dict[str, Any] = {"word": "well", "start": 3, "end": 3.5, "punctuated_word": "well."}


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
    assert format_of(value) == format
    assert said_in(value) == said_in(value, "whisper") == said_in(value, "whisperx") == said


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
    assert said_in(_deepgram({"words": words})) == [("0", 0.5, 1, "Hi."), ("1", 2, 3.5, "Yes, well.")]


def test_deepgram_channels_are_speakers_and_take_turns():
    value = _deepgram({"words": [HI, WELL]}, {"words": [YES]})
    assert said_in(value) == [("0", 0.5, 1, "Hi."), ("1", 2, 2.5, "Yes,"), ("0", 3, 3.5, "well.")]
    utterances = [
        {"channel": 1, "transcript": "B.", "start": 5},
        {"channel": 0, "transcript": "A.", "start": 0},
    ]
    assert said_in({"results": {"utterances": utterances}}) == [("0", 0, None, "A."), ("1", 5, None, "B.")]


def test_deepgram_without_words_has_paragraphs_or_a_transcript():
    paragraphs = {"paragraphs": [{"speaker": 1, "sentences": [{"text": "Hi.", "start": 0, "end": 1}]}]}
    assert said_in(_deepgram({"paragraphs": paragraphs})) == [("1", 0, 1, "Hi.")]
    assert said_in(_deepgram({"transcript": "Hi."})) == [(None, None, None, "Hi.")]


def test_assemblyai_is_in_milliseconds_with_or_without_utterances():
    words = [
        {"text": "Hi.", "start": 100, "end": 900, "speaker": "A"},
        {"text": "Yes.", "start": 950, "end": 1400},
    ]
    value = {"audio_url": "", "text": "Hi. Yes.", "utterances": None, "words": words}
    assert said_in(value) == [("A", 0.1, 0.9, "Hi."), (None, 0.95, 1.4, "Yes.")]
    assert said_in({"utterances": [{"text": "Hi.", "speaker": "B", "start": 5}]}, "assemblyai") == [
        ("B", 0.005, None, "Hi.")
    ]
    assert said_in({"status": "error", "audio_url": "", "text": None}) == []


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
    assert said_in({"results": results}) == told
    assert said_in({"name": "1", "done": True, "response": {"results": results}}) == told
    assert said_in({"results": results[:2]}) == [(None, 0.1, 0.5, "Hi."), (None, 2, 2.5, "Yes.")]
    streamed = [
        {"alternatives": [{"words": results[2]["alternatives"][0]["words"][:count]}]} for count in (1, 2)
    ]
    assert said_in({"results": streamed}) == told


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
    assert said_in(value) == [("1", 1, 1.5, "Hi."), ("2", 2, 3, "Hi.")]
    assert format_of(value) == "google"


def test_google_channels_are_speakers():
    results = [
        {"channelTag": tag, "alternatives": [{"transcript": said}]} for tag, said in ((1, "Hi."), (2, "Yes."))
    ]
    assert said_in({"results": results}) == [("1", None, None, "Hi."), ("2", None, None, "Yes.")]


def _aws(content: str, start: str | None = None, **members: object) -> dict[str, Any]:
    kind = "pronunciation" if start else "punctuation"
    times = {"start_time": start, "end_time": f"{float(start) + 0.4:.2f}"} if start else {}
    return {"type": kind, "alternatives": [{"content": content, "confidence": "0.9"}], **times, **members}


AWS_ITEMS = [_aws("Hi", "0.5"), _aws("."), _aws("Yes", "2.0"), _aws(","), _aws("well", "3.00"), _aws(".")]


def test_aws_tells_speakers_in_a_table_or_with_the_items():
    times = [("spk_0", "0.50"), ("spk_1", "2.0"), ("spk_1", "3.0")]
    table = [{"speaker_label": who, "items": [{"start_time": at, "speaker_label": who}]} for who, at in times]
    told = [("spk_0", 0.5, 0.9, "Hi."), ("spk_1", 2, 3.4, "Yes, well.")]
    assert said_in({"results": {"speaker_labels": {"segments": table}, "items": AWS_ITEMS}}) == told
    labels = ["spk_0", "spk_0", "spk_1", "spk_1", "spk_1", "spk_1"]
    items = [{**item, "speaker_label": label} for item, label in zip(AWS_ITEMS, labels, strict=True)]
    assert said_in({"results": {"items": items, "transcripts": [{"transcript": "x"}]}}) == told


def test_aws_channels_take_turns_and_punctuation_is_no_timed_word():
    channels = [
        {"channel_label": "ch_0", "items": [AWS_ITEMS[0], AWS_ITEMS[1], AWS_ITEMS[4]]},
        {"channel_label": "ch_1", "items": AWS_ITEMS[2:4]},
    ]
    value = {"results": {"channel_labels": {"channels": channels}, "items": AWS_ITEMS}}
    assert said_in(value) == [("ch_0", 0.5, 0.9, "Hi."), ("ch_1", 2, 2.4, "Yes,"), ("ch_0", 3, 3.4, "well")]
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
    assert said_in({"results": {"items": [], "audio_segments": [segment]}}) == [("spk_0", 0.5, 1, "Hi.")]
    assert said_in({"results": {"transcripts": [{"transcript": "Hi."}]}}) == [(None, None, None, "Hi.")]


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
    assert said_in({"recognizedPhrases": [AZURE]}) == [("1", 0.07, 61.57, "Hi.")]
    in_ticks = {**AZURE, "offsetInTicks": 700000.0, "durationInTicks": 15900000.0}
    assert said_in({"RecognizedPhrases": [in_ticks]}) == [("1", 0.07, 1.66, "Hi.")]
    assert said_in({"combinedRecognizedPhrases": [{"display": "Hi."}]}) == [(None, None, None, "Hi.")]
    fast = {"text": "Hi.", "speaker": 2, "offsetMilliseconds": 100, "durationMilliseconds": 500}
    assert said_in({"combinedPhrases": [{"text": "Hi."}], "phrases": [fast]}) == [("2", 0.1, 0.6, "Hi.")]
    sdk = [
        {"DisplayText": "Hi.", "SpeakerId": "Guest-1", "Offset": 700000, "Duration": 15900000, "NBest": []}
    ]
    assert said_in(sdk) == [("Guest-1", 0.07, 1.66, "Hi.")]


def test_azure_channels_take_turns():
    phrases = [
        {"channel": 0, "offset": "PT0S", "nBest": [{"display": "A."}]},
        {"channel": 0, "offset": "PT9S", "nBest": [{"display": "C."}]},
        {"channel": 1, "offset": "PT5S", "nBest": [{"display": "B."}]},
    ]
    assert [said[::3] for said in said_in({"recognizedPhrases": phrases})] == [
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
    assert said_in({"monologues": [{"speaker": 1, "elements": elements}]}) == [("1", 0, 6, "Well, far-off.")]
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
    assert [[word.text for word in said.words] for said in transcript.utterances] == [
        ["Hi", "(laughs)"],
        ["Yes"],
    ]


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
    assert said_in({"format": "2.9", "results": results}) == [("S1", 1, 2, "Hi, you"), ("S2", 1, 2, "¿Yes")]


def test_scripts_without_spaces_get_none():
    items = [_aws("今日", "1"), _aws("は", "2"), _aws("、"), _aws("AI", "3"), _aws("です", "4")]
    assert said_in({"results": {"items": items}})[0][3] == "今日は、 AI です"
