"""Reads a transcript of any known format: `read_transcript` is the entry of the room."""

from __future__ import annotations

from dataclasses import replace

from cara.transcripts.captions import read_srt, read_webvtt
from cara.transcripts.childes import read_cha
from cara.transcripts.cleaning import cleaned
from cara.transcripts.labeled import read_labeled, read_plain
from cara.transcripts.recognizers import read_json
from cara.transcripts.shared_times import with_shared_times
from cara.transcripts.utterances import Transcript, TranscriptFormat
from cara.transcripts.utterances import UnreadableTranscript as UnreadableTranscript
from cara.web.tags import MarkupBudget, TooMuchMarkup

_BYTE_ORDER_MARK = "\ufeff"
_TEXT_FORMATS = frozenset({"plain", "labeled", "webvtt", "srt", "cha"})
MAX_LINES = 20_000
"""Of text, blank ones left out: people say more than ten characters in a line of the longest transcript that
may be sent, and reading turns of a letter takes many times as long."""


def read_transcript(
    text: str, format: TranscriptFormat | None = None, budget: MarkupBudget | None = None
) -> Transcript:
    """Returns what was said in a transcript, in time linear in its length.

    `format` says which format it has; None finds out. Readers see the text as it was sent; what they find is
    cleaned of markup, within the budget of the request if there is one. A blank text has no utterances.

    Raises:
        UnreadableTranscript: the text does not have the format, is JSON of a kind that is not known, has more
            than `MAX_LINES` lines, or holds more markup than the budget allows.
    """
    body = text.removeprefix(_BYTE_ORDER_MARK)  # which no reader has to know
    if not body.strip():
        return Transcript(format or "plain", ())
    transcript = _read_as(body, format) if format else _detected(body)
    if transcript is None:
        raise UnreadableTranscript(f"is not readable as {format or 'a transcript'}")
    if len(body) < len(text):
        transcript = _moved(transcript, len(text) - len(body))
    try:
        return with_shared_times(cleaned(transcript, budget))
    except TooMuchMarkup as error:
        raise UnreadableTranscript(error.message) from None


def _detected(text: str) -> Transcript | None:
    """Asks the readers of formats that cannot be mistaken first; any text at all is plain text."""
    if found := read_json(text):
        return found
    _check_lines(text)
    return read_webvtt(text) or read_srt(text) or read_cha(text) or read_labeled(text) or read_plain(text)


def _read_as(text: str, format: TranscriptFormat) -> Transcript | None:
    if format in _TEXT_FORMATS:
        _check_lines(text)
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


def _check_lines(text: str) -> None:
    if text.count("\n") + text.count("\r") >= MAX_LINES:
        lines = sum(1 for line in text.splitlines() if line and not line.isspace())
        if lines > MAX_LINES:
            raise UnreadableTranscript(f"has more than {MAX_LINES:,} lines")


def _moved(transcript: Transcript, characters: int) -> Transcript:
    """Returns the transcript of a text before which so many characters stand."""
    moved = tuple(each._replace(text=each.text.moved(characters)) for each in transcript.utterances)
    return replace(transcript, utterances=moved)
