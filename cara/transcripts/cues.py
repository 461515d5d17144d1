"""The cues of a caption file, WebVTT or SubRip: times and the lines that are shown meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cara.transcripts.caption_markup import TIME, Line, lines_of, seconds
from cara.transcripts.mapped_text import MappedText

_SETTINGS = r"(?:[ \t]++[A-Za-z][\w-]*+:[^\s]++)*+"

# Between the times of YouTube's own format (.sbv) there is a comma; the command line of Whisper writes
# `[00:00.000 --> 00:02.000]  text`.
_TIMING = re.compile(
    rf"^[ \t\ufeff]*+(\[?)({TIME})[ \t]*+(?:-->|[-–—]>|→|,)[ \t]*+({TIME})"
    rf"(?:\][ \t]*+|{_SETTINGS}[ \t\r]*+$|(?=[ \t]))",
    re.MULTILINE,
)
_WEBVTT = re.compile(r"[\s\ufeff]*+WEBVTT(?:(?=[ \t])|[ \t\r]*+(\n|\Z))")
_NUMBER_LINE = re.compile(r"[\s\ufeff]*+(?:([0-9]{1,9})[ \t\r]*+\n\s*+)?")
_SURE_TIME = re.compile(r"[.,]|:.*:")
_NUMBER = re.compile(r"[0-9]{1,9}")
_IDENTIFIER = re.compile(r"(?=\D*+[0-9])\S++")
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?!\S)")
_LONE_RETURN = re.compile(r"\r(?!\n)")


class Cue(NamedTuple):
    """What is shown from `start` to `end`, in seconds; there is at least one line, and none is empty."""

    start: float
    end: float
    lines: Sequence[Line]


_Paragraph = list[MappedText]


def webvtt_cues(text: str) -> list[Cue] | None:
    """Returns the cues of a WebVTT file; None if the text is none.

    Headers, identifiers, settings and the blocks NOTE, STYLE and REGION are left out, and so are cues inside
    a NOTE, which is how cues are commented out.
    """
    view = _with_line_feeds(text)
    header = _WEBVTT.match(view)
    if header is None:
        return None
    timings = list(_TIMING.finditer(view, header.end()))
    if not timings and header[1] is None:
        return None
    return list(_webvtt_cues(view, timings))


def srt_cues(text: str) -> list[Cue] | None:
    """Returns the cues of a SubRip file, or one like it without numbers; None if the text is none."""
    view = _with_line_feeds(text)
    number = _NUMBER_LINE.match(view)
    timing = number and _TIMING.match(view, view.rfind("\n", 0, number.end()) + 1)
    if not number or not timing:
        return None
    rest = view[timing.end() : timing.end() + 1]
    if rest not in ("", "\n") and not timing[1]:
        return None
    if number[1] is None and not _SURE_TIME.search(timing[2]):
        return None
    timings = list(_TIMING.finditer(view, timing.start()))
    return list(_srt_cues(view, timings, numbered=number[1] is not None))


def _with_line_feeds(text: str) -> str:
    """Returns the text, as long as it was, with line feeds at the ends of its lines."""
    return _LONE_RETURN.sub("\n", text) if "\r" in text else text


def _chunks(view: str, timings: list[re.Match[str]]) -> Iterator[tuple[re.Match[str], list[_Paragraph]]]:
    ends = [timing.start() for timing in timings[1:]] + [len(view)]
    for timing, end in zip(timings, ends, strict=True):
        yield timing, _paragraphs(view, timing.end(), end)


def _paragraphs(view: str, start: int, end: int) -> list[_Paragraph]:
    """Returns the paragraphs after a timing: the first is empty if an empty line follows the timing, the
    last one if an empty line stands before the next timing.
    """
    position = start
    paragraphs: list[_Paragraph] = [[]]
    lines = view[start:end].split("\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines):
        if text := line.strip():
            begin = position + line.index(text)
            paragraphs[-1].append(MappedText.part(view, begin, begin + len(text)))
        elif number and (paragraphs[-1] or len(paragraphs) == 1):
            paragraphs.append([])
        position += len(line) + 1
    return paragraphs


def _webvtt_cues(view: str, timings: list[re.Match[str]]) -> Iterator[Cue]:
    if not timings:
        return
    before = _paragraphs(view, 0, timings[0].start())
    commented = _is_comment(before)
    identified = len(before) > 1 and len(before[-1]) == 1
    for timing, paragraphs in _chunks(view, timings):
        comment_follows = len(paragraphs) > 1 and _is_comment(paragraphs)
        if timing is not timings[-1] and not comment_follows:
            _drop_identifier(paragraphs, identified)
        shown = paragraphs[0]
        # Editors that strip white space make an empty line of the one with which YouTube begins a cue.
        if not shown and len(paragraphs) > 1 and paragraphs[1] and not _BLOCK.match(paragraphs[1][0].text):
            shown = paragraphs[1]
        if not commented and (cue := _cue(timing, shown)):
            yield cue
        commented = comment_follows


def _is_comment(paragraphs: list[_Paragraph]) -> bool:
    """Returns whether the paragraph before a timing is a comment, which goes on to the next empty line."""
    return bool(paragraphs[-1]) and bool(_BLOCK.match(paragraphs[-1][0].text))


def _drop_identifier(paragraphs: list[_Paragraph], identified: bool) -> None:
    last = paragraphs[-1]
    if not last:
        return
    alone = len(last) == 1 and len(paragraphs) > 1
    if (alone and (identified or any(paragraphs[:-1]))) or (
        identified and _IDENTIFIER.fullmatch(last[-1].text)
    ):
        last.pop()


def _srt_cues(view: str, timings: list[re.Match[str]], *, numbered: bool) -> Iterator[Cue]:
    for timing, paragraphs in _chunks(view, timings):
        lines = [line for paragraph in paragraphs for line in paragraph]
        if numbered and lines and timing is not timings[-1] and _NUMBER.fullmatch(lines[-1].text):
            lines.pop()
        if cue := _cue(timing, lines):
            yield cue


def _cue(timing: re.Match[str], shown: _Paragraph) -> Cue | None:
    lines = lines_of(shown)
    if not lines:
        return None
    start = seconds(timing[2])
    return Cue(start, max(start, seconds(timing[3])), lines)
