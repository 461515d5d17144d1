"""The cues of a caption file, WebVTT or SubRip: times and the lines that are shown meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cara.expressions import compiled
from cara.transcripts.caption_markup import TIME, Part, parts_of, seconds
from cara.transcripts.mapped_text import MappedText

_SBV_END = r"[0-9]{1,3}:[0-9]{2}:[0-9]{2}\.[0-9]{3}[ \t\r]*+$"
_SETTINGS = r"(?:[ \t]++[A-Za-z][\w-]*+:[^\s]++)*+"

# Between the times of YouTube's own format (.sbv) there is a comma; the command line of Whisper writes
# `[00:00.000 --> 00:02.000]  text`.
_TIMING = re.compile(
    rf"^[ \t\ufeff]*+(\[?)({TIME})[ \t]*+(?:-->|[–—]>|→|,(?={_SBV_END}))[ \t]*+({TIME})"
    rf"(?:\][ \t]*+|{_SETTINGS}[ \t\r]*+$|(?=[ \t]))",
    re.MULTILINE,
)
_WEBVTT = re.compile(r"[\s\ufeff]*+WEBVTT(?:(?=[ \t])|[ \t\r]*+(\n|\Z))")
_NUMBER_LINE = re.compile(r"[\s\ufeff]*+(?:([0-9]{1,9})[ \t\r]*+\n\s*+)?")
_SURE_TIME = re.compile(r"[.,]|:.*:")
_NUMBER = re.compile(r"[0-9]{1,9}")
_IDENTIFIER = re.compile(r"(?=\D*+[0-9])\S++")
_WEBEX_IDENTIFIER = re.compile(r'[0-9]{1,9} "(.{0,100})" \([0-9]{1,20}\)')
"""Webex writes the speaker into the identifiers of cues: `1 "Ann Lee" (2834756672)`."""
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?!\S)")
_PARAGRAPH = compiled(r"\S[^\n]*+(?:\n[^\S\n]*+\S[^\n]*+)*+")
_CUT_OFF = re.compile(
    r"\n[^\S\n]*+\n\s*+(?:([0-9]{1,9})[^\S\n]*+(?:\n[0-9:.,> \t-]*+)?|[0-9]{1,6}:[0-9:.,> \t-]*+)\s*+\Z"
)
"""The number and the beginning of a timing with which a file ends that was cut off."""
_LONGEST_TIMING = 100
_LONE_RETURN = re.compile(r"\r(?!\n)")


class Cue(NamedTuple):
    """What is shown from `start` to `end`, in seconds; there is at least one part."""

    start: float
    end: float
    parts: Sequence[Part]


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


def _chunks(view: str, timings: list[re.Match[str]]) -> Iterator[tuple[re.Match[str], int, int]]:
    """Yields each timing, and the range between it and the next one."""
    ends = [timing.start() for timing in timings[1:]] + [len(view)]
    for timing, end in zip(timings, ends, strict=True):
        yield timing, timing.end(), end


def _cue(timing: re.Match[str], shown: MappedText) -> Cue | None:
    if parts := parts_of(shown):
        start = seconds(timing[2])
        return Cue(start, max(start, seconds(timing[3])), parts)
    return None


def _webvtt_cues(view: str, timings: list[re.Match[str]]) -> Iterator[Cue]:
    if not timings:
        return
    identified, commented = _before_first(view, timings[0].start())
    for timing, start, end in _chunks(view, timings):
        line_end = max(view.find("\n", start, end), start)
        shown, comment_follows = _shown(view, line_end, end, identified)
        if shown and not commented and (cue := _cue(timing, MappedText.part(view, *shown))):
            yield _with_voice(cue, _line_before(view, timing.start())) if identified else cue
        commented = comment_follows


def _with_voice(cue: Cue, identifier: str) -> Cue:
    """Returns the cue; the speaker whom its identifier names is its voice."""
    named = _WEBEX_IDENTIFIER.fullmatch(identifier)
    if not named:
        return cue
    return cue._replace(parts=[part._replace(voice=part.voice or named[1]) for part in cue.parts])


def _line_before(view: str, position: int) -> str:
    end = max(position - 1, 0)
    return view[view.rfind("\n", 0, end) + 1 : end].strip()


def _before_first(view: str, end: int) -> tuple[bool, bool]:
    """Returns whether the cues have identifiers, and whether the first one is in a comment."""
    paragraphs = _paragraphs(view, 0, end)
    start, stop = paragraphs[-1]
    if not _is_direct(view, stop, end):
        return False, False
    line = view[_last_line(view, start, stop) : stop]
    if len(paragraphs) > 1:
        return line == view[start:stop], bool(_BLOCK.match(view, start))
    return _is_identifier(line) and not set(line) & set(":="), False


def _shown(view: str, start: int, end: int, identified: bool) -> tuple[tuple[int, int] | None, bool]:
    """Returns the range of what is shown between a timing and the next one, and whether a comment follows
    that the next timing is a part of.
    """
    paragraphs = _paragraphs(view, start, end)
    if not paragraphs:
        return None, False
    parted = view.count("\n", start, paragraphs[0][0]) > 1
    comment_follows = False
    last = paragraphs[-1]
    if end < len(view) and _is_direct(view, last[1], end):
        comment_follows = (parted or len(paragraphs) > 1) and bool(_BLOCK.match(view, last[0]))
        line = _last_line(view, *last)
        alone = line == last[0] and (len(paragraphs) > 1 or (parted and identified))
        if alone or (identified and _is_identifier(view[line : last[1]])):
            paragraphs[-1] = last[0], line
    # Editors that strip white space make an empty line of the one with which YouTube begins a cue.
    if parted and _BLOCK.match(view, paragraphs[0][0]):
        return None, comment_follows
    return paragraphs[0], comment_follows


def _is_identifier(line: str) -> bool:
    return bool(_IDENTIFIER.fullmatch(line.rstrip()) or _WEBEX_IDENTIFIER.fullmatch(line.rstrip()))


def _paragraphs(view: str, start: int, end: int) -> list[tuple[int, int]]:
    return [paragraph.span() for paragraph in _PARAGRAPH.finditer(view, start, end)]


def _is_direct(view: str, stop: int, end: int) -> bool:
    """Returns whether no empty line stands between a paragraph and the timing at `end`."""
    return view.count("\n", stop, end) < 2


def _last_line(view: str, start: int, stop: int) -> int:
    return max(view.rfind("\n", start, stop) + 1, start)


def _srt_cues(view: str, timings: list[re.Match[str]], *, numbered: bool) -> Iterator[Cue]:
    for timing, start, end in _chunks(view, timings):
        stop = start + len(view[start:end].rstrip())
        if end == len(view):
            stop = _before_cut(view, start, stop, numbered=numbered)
        line = _last_line(view, start, stop)
        if numbered and end < len(view) and _NUMBER.fullmatch(view[line:stop].strip()):
            stop = line
        if cue := _cue(timing, MappedText.part(view, start, stop)):
            yield cue


def _before_cut(view: str, start: int, stop: int, *, numbered: bool) -> int:
    """Returns the end of what the last cue shows: a timing that was cut off, and its number, are no words."""
    cut = _CUT_OFF.search(view, max(start, stop - _LONGEST_TIMING), stop)
    return cut.start() if cut and (numbered or cut[1] is None) else stop
