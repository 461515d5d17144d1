"""Reads a transcript of any known format: `read_transcript` is the entry of the room."""

from __future__ import annotations

from cara.transcripts.captions import read_srt, read_webvtt
from cara.transcripts.childes import read_cha
from cara.transcripts.labeled import read_labeled, read_plain
from cara.transcripts.recognizers import read_json
from cara.transcripts.utterances import Transcript, TranscriptFormat
from cara.transcripts.utterances import UnreadableTranscript as UnreadableTranscript


def read_transcript(text: str, format: TranscriptFormat | None = None) -> Transcript:
    """Returns what was said in a transcript, in time linear in its length.

    `format` says which format it has; None finds out. The text is read as it was sent.

    Raises:
        UnreadableTranscript: the text does not have the format, or is JSON of a kind that is not known.
    """
    transcript = _read_as(text, format) if format else _detected(text)
    if transcript is None:
        raise UnreadableTranscript(f"is not readable as {format or 'a transcript'}")
    return transcript


def _detected(text: str) -> Transcript | None:
    return (
        read_json(text)
        or read_webvtt(text)
        or read_srt(text)
        or read_cha(text)
        or read_labeled(text)
        or read_plain(text)
    )


def _read_as(text: str, format: TranscriptFormat) -> Transcript | None:
    match format:
        case "plain":
            return read_plain(text)
        case "labeled":
            return read_labeled(text)
        case "webvtt":
            return read_webvtt(text)
        case "srt":
            return read_srt(text)
        case "cha":
            return read_cha(text)
        case _:
            return read_json(text, format)
