"""The markup of captions: tags, voices, times between words, and character references."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from functools import lru_cache
from itertools import groupby, pairwise
from typing import NamedTuple

from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import TimedWord

TIME = r"(?:[0-9]{1,6}:)?[0-9]{1,3}:[0-9]{1,2}(?:[.,][0-9]{1,9})?"
"""A time in a caption file; hours and fraction may lack, and each number may have one digit."""

_MARKUP = re.compile(
    rf"""
      <(?P<time>{TIME})>
    | (?P<gap><br[ ]?/?>)
    | <rt(?:[.\s][^<>]*+)?>[^<]*+(?:</rt>)?     # how a word of ruby text is pronounced
    | </?[A-Za-z][^<>]*+> | </>
    | \{{(?:\\|[A-Za-z]:)[^{{}}]*+\}}               # position and style in SubRip
    | (?P<reference>&(?:\#[0-9]{{1,7}}|\#[xX][0-9A-Fa-f]{{1,6}}|[A-Za-z][A-Za-z0-9]{{1,31}});)
    """,
    re.VERBOSE,
)
_VOICE = re.compile(r"<[vV](?:\.[^\s<>]*+)?(?:[ \t]++([^<>]{0,200}+))?>|(</[vV]>)")
_SIGNS = re.compile(r"[<{&]")
_BREAK = re.compile(r"(?<![^\S\n])[^\S\n]*+\n\s*+")
_UNEVEN = re.compile(r"[^\S\n]\n|\n\s")
_WORD = re.compile(r"\S++")


class Mark(NamedTuple):
    """A time between words, in seconds, and the offset in the original at which it stands."""

    offset: int
    time: float


class Part(NamedTuple):
    """What a cue shows, or what one voice says in it, without markup; lines are parted by one line feed each.

    `voice` is the speaker whom a voice tag names: "" if the tag names nobody, and behind a voice that is
    closed; None without a tag. `is_closed` if the voice ends with a tag. `marks` are the times between the
    words of the cue.
    """

    text: MappedText
    voice: str | None = None
    marks: tuple[Mark, ...] = ()
    is_closed: bool = False


def parts_of(shown: MappedText) -> list[Part]:
    """Returns what a cue shows, without markup: the parts in which there are words or another voice."""
    if not _SIGNS.search(shown.text):
        text = _even(shown)
        return [Part(text)] if text.text else []
    marks: list[Mark] = []
    parts: list[Part] = []
    begin, voice = 0, None
    for tag in _VOICE.finditer(shown.text):
        text = _even(_plain(shown.slice(begin, tag.start()), marks))
        parts.append(Part(text, voice, is_closed=bool(tag[2]) and bool(voice)))
        begin, voice = tag.end(), html.unescape(tag[1] or "").strip()
    parts.append(Part(_even(_plain(shown.slice(begin, len(shown.text)), marks)), voice))
    spoken = [part for part in parts if part.text.text or part.voice]
    times = tuple(marks)
    return [part._replace(marks=times) for part in spoken] if times else spoken


def _even(text: MappedText) -> MappedText:
    """Returns the text without white space at the ends of its lines, and without empty lines."""
    ends = text.text[:1] + text.text[-1:]
    stripped = text.stripped() if ends.strip() != ends else text
    return stripped.replace(_BREAK, "\n") if _UNEVEN.search(stripped.text) else stripped


def seconds(time: str) -> float:
    """Returns the seconds of a time such as `01:02:03.400`, `2:3,4` or `0:0:3.9`, to the millisecond."""
    *hours, minutes, rest = time.replace(",", ".").split(":")
    return round((int(hours[0]) * 3600 if hours else 0) + int(minutes) * 60 + float(rest), 3)


def timed_words(text: MappedText, marks: tuple[Mark, ...], start: float, end: float) -> tuple[TimedWord, ...]:
    """Returns the words with their times; none if the times do not rise from `start` to `end`.

    Words that no time parts from each other share their time evenly.
    """
    bounds = [start, *(mark.time for mark in marks), end]
    if not marks or any(later < earlier for earlier, later in pairwise(bounds)):
        return ()
    offsets = [mark.offset for mark in marks]
    words = [
        (bisect_right(offsets, text.offsets[word.start()]), word[0]) for word in _WORD.finditer(text.text)
    ]
    timed: list[TimedWord] = []
    for number, group in groupby(words, key=lambda word: word[0]):
        together = list(group)
        begin, step = bounds[number], (bounds[number + 1] - bounds[number]) / len(together)
        timed += (
            TimedWord(word, round(begin + i * step, 3), round(begin + (i + 1) * step, 3))
            for i, (_, word) in enumerate(together)
        )
    return tuple(timed)


def _plain(text: MappedText, marks: list[Mark]) -> MappedText:
    """Returns the text without tags, with the characters of references, and appends the times in it.

    White space behind a tag, and the end, stand where the tag begins: it is no part of the word before.
    """
    if not _SIGNS.search(text.text):
        return text
    parts: list[str] = []
    offsets: list[int] = []
    position = tag = 0
    for match in _MARKUP.finditer(text.text):
        start, end = match.span()
        kind = match.lastgroup
        character = _character(match[0]) if kind == "reference" else " " if kind == "gap" else ""
        if kind == "time":
            marks.append(Mark(text.offsets[start], seconds(match["time"])))
        if start > position:
            parts.append(text.text[position:start])
            _append(offsets, text, position, start, tag)
        if start > position or character:
            tag = start
        parts.append(character)
        offsets += [text.offsets[start]] * len(character)
        position = end
        if character:
            tag = end
    parts.append(text.text[position:])
    _append(offsets, text, position, len(text.text) + 1, tag)
    return MappedText("".join(parts), offsets)


def _append(offsets: list[int], text: MappedText, start: int, end: int, tag: int) -> None:
    """Appends the offsets of [start, end), before which markup stands that begins at `tag`."""
    offsets += text.offsets[start:end]
    if tag < start and not text.text[start : start + 1].strip():
        offsets[start - end] = text.offsets[tag]


@lru_cache(maxsize=1024)
def _character(reference: str) -> str:
    """Returns what a character reference stands for, a space for each white space."""
    return "".join(" " if character.isspace() else character for character in html.unescape(reference))
