"""What tests of readers share: what was said, with the offsets proven."""

from __future__ import annotations

import json

from cara.transcripts.reading import read_transcript
from cara.transcripts.recognizers import read_json
from cara.transcripts.utterances import Transcript, TranscriptFormat

Said = tuple[str | None, float | None, float | None, str]
"""The speaker, the start, the end and the text."""


def require_true_offsets(source: str, transcript: Transcript) -> None:
    """Each character of an utterance stands where its offset says, but for escapes."""
    for utterance in transcript.utterances:
        text, offsets = utterance.text
        assert len(offsets) == len(text) + 1
        assert list(offsets) == sorted(offsets)
        for character, offset in zip(text, offsets, strict=False):
            if character.isalnum() and source[offset] != "\\":
                assert source[offset] == character


def said_in(value: object, format: TranscriptFormat | None = None) -> list[Said]:
    """Returns what was said in JSON, whose offsets are right."""
    source = value if isinstance(value, str) else json.dumps(value)
    transcript = read_json(source, format)
    assert transcript is not None
    require_true_offsets(source, transcript)
    return [(one.speaker, one.start, one.end, one.text.text) for one in transcript.utterances]


def format_of(value: object) -> str:
    """Returns the format that is found out."""
    return read_transcript(json.dumps(value)).format
