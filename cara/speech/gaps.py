"""What stands between two words, as bits: breaks, silences and the ends of sentences."""

from __future__ import annotations

import re
from typing import Final

from cara.speech.text import ITEM, PAUSE, TURN

BREAK: Final = 1  # a comma, colon, dash or bracket
SILENCE: Final = 2  # an ellipsis, a dash or a [pause]
END: Final = 4  # the end of the sentence
ASKED: Final = 8  # the sentence ends in a question mark
CUT: Final = 16  # a hyphen that breaks the word off
DASH: Final = 32  # a dash right at the word, which may be broken off
POINT: Final = 64  # a full stop, perhaps of an abbreviation, or the end of a quotation
ELLIPSIS: Final = 128  # ends the sentence only before a capital
LAST: Final = 256  # the end of the turn

_SILENT = re.compile(rf"…|\.\.|--|[–—―{PAUSE}]|\s-\s")
_QUOTED_END = re.compile(r"[?!]['\"\])»”’]+\s")  # He asked “Why?” and left
_STOP = re.compile(r"\.['\")\]»”’*]*(?:\s|\Z)")
_HYPHEN_CUT = re.compile(r"-(?:[\s.,…]|$)")
_DASH_CUT = re.compile(r"--|[–—―]")
_BREAK_MARKS = frozenset(",;:()，、；：،؛")
_QUESTION_MARKS = frozenset("?？؟")
_TERMINAL_MARKS = frozenset("!！。।॥։｡۔‽။។៕")


class GapBits(dict[str, int]):
    """The bits of each gap, worked out once: few gaps are distinct."""

    def __missing__(self, gap: str) -> int:
        bits = self[gap] = _bits_of(gap)
        return bits


def _bits_of(gap: str) -> int:
    characters = set(gap)
    bits = 0
    if characters & _BREAK_MARKS:
        bits |= BREAK
    if _SILENT.search(gap):
        bits |= BREAK | SILENCE
    if characters & _QUESTION_MARKS:
        bits |= END | ASKED
    if characters & _TERMINAL_MARKS:
        bits |= END
    if bits & END and _QUOTED_END.search(gap):
        bits = bits & ~END | POINT
    if "…" in characters or ".." in gap:
        bits |= ELLIPSIS
    elif _STOP.search(gap):
        bits |= POINT
    if TURN in characters:
        bits |= END | LAST
    if ITEM in characters:
        bits |= END
    if _HYPHEN_CUT.match(gap):
        bits |= CUT
    elif _DASH_CUT.match(gap):
        bits |= DASH
    return bits
