"""Items of lists: a line with a bullet or a number is a sentence, and its bullet or number no word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from cara.speech.text import ITEM, TURN

_SIGNS = "•‣⁃◦●○▪▫■□►▶➤➢→✓✔☐☑①②③④⑤⑥⑦⑧⑨⑩"
"""Nobody writes these but before an item."""
_MARK = re.compile(
    rf"""^[ \t]*+(?:
        (?P<sign>[{_SIGNS}])[ \t]*+
      | (?P<bullet>[-–—*+·])(?:[ \t]++\[[ xX]\])?+[ \t]++
      | (?P<open>\(?)(?P<label>[0-9]{{1,3}}|[A-Za-z]|[ivxIVX]{{2,4}})(?P<close>\))[ \t]++
      | (?P<number>[0-9]{{1,3}})(?:\.[ \t]++|[、．][ \t]*+)
    )(?=\S)""",
    re.VERBOSE | re.MULTILINE,
)
_END_OF_ITEM = re.compile(r"\n(?=[ \t]*+\n|[A-Z\u00c0-\u00d6\u00d8-\u00de\u0391-\u03ab\u0400-\u042f¿¡“\"«])")
_ROMAN = "i ii iii iv v vi vii viii ix x xi xii".split()
_AFTER_ROMAN = dict(pairwise(_ROMAN))
_FIRST = frozenset({"1", "a", "i"})

_MOST_LINE_ENDS_BETWEEN = 4
"""Between two bullets: an item may run over three lines, or there is a blank line."""
_LOOKED_BACK = 100


class _Mark(NamedTuple):
    """The mark of what may be an item; marks of one list have one style."""

    start: int
    end: int
    style: str
    label: str


def mark_items(text: str) -> str:
    """Returns the text with the `ITEM` sentinel in place of the bullets and numbers of lists.

    It also stands where an item ends: before a blank line, or one that begins with a capital. Prose that
    wraps before a dash or a number is no list: one bullet alone is none, nor a number that neither follows on
    another nor is followed, unless a colon announces it or a turn begins with 1.
    """
    marks = list(_marks_of_items(text))
    parts: list[str] = []
    position = 0
    for mark, end in zip(marks, [*(each.start for each in marks[1:]), len(text)], strict=False):
        parts += (text[position : mark.start], ITEM, " ")
        after = _END_OF_ITEM.search(text, mark.end, end)
        parts += (text[mark.end : after.end()], ITEM) if after else ()
        position = after.end() if after else mark.end
    return "".join([*parts, text[position:]]) if marks else text


def _marks_of_items(text: str) -> Iterator[_Mark]:
    marks = [_mark(found) for found in _MARK.finditer(text)]
    neighbors: dict[str, int] = {}
    in_list = [False] * len(marks)
    for index, mark in enumerate(marks):
        before = neighbors.get(mark.style)
        neighbors[mark.style] = index
        if before is not None and _follows(text, marks[before], mark):
            in_list[before] = in_list[index] = True
        elif not in_list[index]:
            in_list[index] = _is_alone(text, mark)
    return (mark for mark, is_item in zip(marks, in_list, strict=True) if is_item)


def _mark(found: re.Match[str]) -> _Mark:
    kind = str(found.lastgroup)
    if kind in ("sign", "bullet"):
        return _Mark(*found.span(), found[kind], "")
    label = (found["label"] or found["number"]).lower()
    kind = "digits" if label.isdigit() else "letters"
    return _Mark(*found.span(), f"{kind} {found['open'] or ''}{found['close'] or ''}", label)


def _follows(text: str, before: _Mark, mark: _Mark) -> bool:
    """Returns whether one mark is that of the next item."""
    if not mark.label:
        return text.count("\n", before.end, mark.start + 1) <= _MOST_LINE_ENDS_BETWEEN
    if mark.label.isdigit():
        return int(mark.label) == int(before.label) + 1
    is_next_letter = len(before.label) == 1 and chr(ord(before.label) + 1) == mark.label
    return is_next_letter or _AFTER_ROMAN.get(before.label) == mark.label


def _is_alone(text: str, mark: _Mark) -> bool:
    """Returns whether a mark is that of an item though no other is beside it."""
    before = text[max(0, mark.start - _LOOKED_BACK) : mark.start].rstrip(" \t\n")
    begins_turn = not before or before.endswith(TURN)
    announced = before.endswith((":", "："))
    return mark.style in _SIGNS or announced or (begins_turn and mark.label in _FIRST)
