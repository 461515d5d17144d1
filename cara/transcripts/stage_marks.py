"""Stage marks: what a transcript tells of sounds and silence, `[Music]` or `(laughs)`, which nobody says.

Square brackets hold nothing else, but for fillers. In all others people put asides, code or emphasis, so that
only marks that are known count there: `(breakfast only)` and `*we*` are words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from cara.transcripts.stage_mark_words import BESIDE, SAID, SILENCES, SOUNDS, UNSPACED

_INSIDE: Final = r"[^\[\](){}<>（）【】〔〕*♪♫♬\x1c-\x1f]"
_OPENING: Final = "[［(（【〔{<*♪♫♬"
# One set of characters in front is what makes the search quick.
_CANDIDATE: Final = re.compile(
    rf"""[{re.escape(_OPENING)}](?:
      (?<=[\[［])(?P<square>[^\[\]［］\x1c-\x1f]{{1,63}})[\]］]
    | (?<=(?P<sung>[♪♫♬]))[♪♫♬]{{0,3}}+[^♪♫♬\n]{{0,200}}[♪♫♬]{{1,4}}+
    | (?<=\()(?P<double>\({_INSIDE}{{1,60}}\))\)
    | (?<=[(（])(?P<round>{_INSIDE}{{1,60}})[)）]
    | (?<=[【〔])(?P<lenticular>{_INSIDE}{{1,60}})[】〕]
    | (?<=\{{)(?P<curly>{_INSIDE}{{1,60}})\}}
    | (?<=<)/?(?P<angle>{_INSIDE}{{1,60}})>
    | (?<=\*)(?P<stars>\*{{0,2}})(?P<starred>{_INSIDE}{{1,60}})(?P=stars)\*(?![\w*])
    )""",
    re.VERBOSE,
)
_TIMED_PAUSE: Final = re.compile(
    r"[0-9]{0,3}[.,][0-9]{1,2}(?: ?s(?:ecs?)?)?|[0-9]{1,3} ?s(?:ecs?)?|\.{1,3}|…"
)
_WORD: Final = re.compile(r"[^\s.,;:!?'\"/&+-]+(?:-[^\s.,;:!?'\"/&+-]+)*")
_MOST_WORDS: Final = 7
_PAUSE: Final = "pause"
_AROUND_SAID: Final = " .,…-!?"
_ALWAYS: Final = frozenset({"square", "sung"})


class StageMark(NamedTuple):
    """A mark at [start, end) of a text; its name is what stands in the brackets, in lower case."""

    start: int
    end: int
    name: str
    is_silence: bool


def find_stage_marks(text: str) -> Iterator[StageMark]:
    """Yields the stage marks of a text, in linear time.

    The name of a timed pause, `(2.5)` or `(.)`, is `pause`, that of what is sung between two notes `♪`.
    """
    for found in _CANDIDATE.finditer(text):
        kind = str(found.lastgroup)
        name = " ".join(found[kind].strip("()").lower().split())
        if kind == "round" and _TIMED_PAUSE.fullmatch(name):
            name = _PAUSE
        if kind == "square" and name.strip(_AROUND_SAID) in SAID:
            continue
        if (name and kind in _ALWAYS) or (
            _is_known(name) and not (kind == "starred" and _is_emphasis(found, name))
        ):
            yield StageMark(*found.span(), name, _is_silent(name))


def blank_stage_marks(text: str) -> str:
    """Returns the text, as long as it was, with blanks in place of stage marks."""
    parts: list[str] = []
    position = 0
    for mark in find_stage_marks(text):
        parts += (text[position : mark.start], " " * (mark.end - mark.start))
        position = mark.end
    return "".join([*parts, text[position:]]) if parts else text


def is_stage_mark(text: str) -> bool:
    """Returns whether a text is nothing but stage marks."""
    begins = text.lstrip()[:1]
    return begins != "" and begins in _OPENING and not blank_stage_marks(text).strip(" \t\n.,♪♫♬")


def _is_known(name: str) -> bool:
    if UNSPACED.fullmatch(name):
        return True
    words = _WORD.findall(name)
    known = any(word in SOUNDS or word in SILENCES for word in words)
    return known and len(words) <= _MOST_WORDS and all(map(_may_stand_in_mark, words))


def _may_stand_in_mark(word: str) -> bool:
    known = word in SOUNDS or word in SILENCES or word in BESIDE
    return known or word.endswith("ly") or word.removesuffix("s").isdigit()


def _is_silent(name: str) -> bool:
    if unspaced := UNSPACED.fullmatch(name):
        return unspaced["silence"] is not None
    return any(word in SILENCES for word in _WORD.findall(name))


def _is_emphasis(found: re.Match[str], name: str) -> bool:
    """Returns whether asterisks emphasize a word of a sentence: `you must *pause* here`.

    A form that hardly anybody emphasizes, as in `so she said *laughs* no`, is a mark there, too.
    """
    before = found.string[max(0, found.start() - 9) : found.start()]
    if before[-1:].isalnum() or before[-1:] == "*":
        return True  # `a*b*c`
    forms = any(word.endswith(("s", "ing", "laughter")) for word in _WORD.findall(name))
    return before.rstrip(" ")[-1:].isalnum() and not forms
