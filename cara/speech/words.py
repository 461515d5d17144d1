"""Words and what stands between them: one tokenisation that all measures share.

A word is a run of letters, digits, apostrophes and inner hyphens; figures keep their inner points and commas
(`1,000`, `3.5`, `10:30`), so that each is one word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from cara.speech.cleaning import PAUSE, TURN
from cara.speech.hesitations import hesitations_among

# What stands after a word, as bits.
BREAK = 1  # a comma, colon, dash or bracket
SILENCE = 2  # an ellipsis, a dash or a [pause]
END = 4  # the sentence ends
ASKED = 8  # it ends in a question mark
CUT = 16  # the word is broken off with a hyphen
DASH = 32  # a dash stands right at the word: perhaps broken off
_POINT = 64  # a full stop, perhaps of an abbreviation, or the end of what is quoted
_ELLIPSIS = 128  # ends the sentence only when a new one begins
_TURN = 256  # the turn ends

# Signs that join to letters and that Python does not count as letters (accents, vowel signs of many scripts).
JOINED = (
    r"\u0300-\u036f"  # Latin, Greek
    r"\u0483-\u0487"  # Cyrillic
    r"\u0591-\u05bd"  # Hebrew
    r"\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4"  # Arabic
    r"\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"  # Devanagari
    r"\u0981-\u0983\u09bc-\u09cd"  # Bengali
    r"\u0a01-\u0a51\u0a81-\u0acd"  # Gurmukhi, Gujarati
    r"\u0b01-\u0bcd\u0c00-\u0c56"  # Oriya, Tamil, Telugu
    r"\u0c81-\u0cd6\u0d00-\u0d57"  # Kannada, Malayalam
    r"\u0d81-\u0ddf"  # Sinhala
    r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"  # Thai
    r"\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"  # Lao
    r"\u102b-\u103e\u17b4-\u17d3"  # Myanmar, Khmer
)
_WORD_AND_GAP = re.compile(
    rf"([\w{JOINED}]+(?:['-][\w{JOINED}]+|(?<=\d)[.,:](?=\d)[\w{JOINED}]+)*)([^\w{JOINED}]*)"
)

_SILENT = re.compile(rf"…|\.\.|--|[–—―{PAUSE}]|\s-\s")
_QUOTED_END = re.compile(r"[?!]['\"\])»”’]+\s")  # He asked “Why?” and left
_STOP = re.compile(r"\.['\")\]»”’]*\s")
_HYPHEN_CUT = re.compile(r"-(?:[\s.,…]|$)")
_DASH_CUT = re.compile(r"--|[–—―]")
_BREAKS = frozenset(",;:()，、；：،؛")
_ASKS = frozenset("?？؟")
_SHOUTS = frozenset("!！。।॥։｡۔‽")
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "jr", "sr", "approx", "dept", "inc", "ltd"}
)
_NUMBERING = frozenset("No Nos Nr Fig Vol Ch Sec Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec".split())
_IN_OTHER_WORDS = frozenset({("e", "g"), ("i", "e")})
# No name begins with these: an initial before them ends its sentence (`It is plan B. We go on`).
_OPENERS = frozenset(
    "The We It He She They You This That These There But And So Then If When My Our What How".split()
)
_FIRST_PERSON = frozenset({"I", "I'm", "I'd", "I'll", "I've"})


@dataclass(frozen=True)
class Words:
    """The words as written, in small letters, and the bits of what stands after each."""

    raw: list[str]
    small: list[str]
    after: list[int]
    gaps: list[str]

    def __len__(self) -> int:
        return len(self.small)

    def sentence_ends(self, start: int, end: int) -> bool:
        """Whether a sentence ends after one of the words from `start` to `end` (which is not included)."""
        return any(map(END.__and__, self.after[start:end]))

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """Where each sentence begins and ends (the end not included).

        Terminal punctuation ends a sentence; a turn without any is one.
        """
        ends = [place + 1 for place, what in enumerate(self.after) if what & END]
        if self.small and (not ends or ends[-1] != len(self)):
            ends.append(len(self))
        return list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []


class _GapBits(dict[str, int]):
    def __missing__(self, gap: str) -> int:
        bits = self[gap] = _bits(gap)
        return bits


def words_in(text: str) -> Words:
    """All words of the text, in linear time.

    A full stop ends no sentence where the next word begins small (`3 p.m. today`), but in a text without
    capitals. After an ellipsis a new sentence begins only when the next word, hesitations apart, has one.
    """
    pairs = _WORD_AND_GAP.findall(text + "\n")
    raw = [word for word, _ in pairs]
    gaps = [gap for _, gap in pairs]
    small = [word.lower() for word in raw]
    bits = _GapBits({" ": 0})
    words = Words(raw, small, [bits[gap] for gap in gaps], gaps)
    if raw:
        words.after[-1] |= _TURN
        _settle(words, hesitations_among(set(small)))
    return words


def word_count(text: str) -> int:
    """How many words the text has."""
    return len(_WORD_AND_GAP.findall(text))


def without(words: Words, dropped: Collection[int]) -> Words:
    """The words but those at the dropped places; what stood after one now stands after the word before."""
    if not dropped:
        return words
    kept = [True] * len(words)
    after = words.after.copy()
    anchor, previous = -1, -1
    for place in sorted(dropped):
        anchor = anchor if place == previous + 1 else place - 1
        previous = place
        kept[place] = False
        if anchor >= 0:
            after[anchor] |= after[place] & ~(CUT | DASH)
    return Words(
        raw=list(compress(words.raw, kept)),
        small=list(compress(words.small, kept)),
        after=list(compress(after, kept)),
        gaps=list(compress(words.gaps, kept)),
    )


def _bits(gap: str) -> int:
    seen = set(gap)
    bits = 0
    if seen & _BREAKS:
        bits |= BREAK
    if _SILENT.search(gap):
        bits |= BREAK | SILENCE
    if seen & _ASKS:
        bits |= END | ASKED
    if seen & _SHOUTS:
        bits |= END
    if bits & END and _QUOTED_END.search(gap):
        bits = bits & ~END | _POINT
    if "…" in seen or ".." in gap:
        bits |= _ELLIPSIS
    elif _STOP.search(gap):
        bits |= _POINT
    if TURN in seen:
        bits |= END | _TURN
    if _HYPHEN_CUT.match(gap):
        bits |= CUT
    elif _DASH_CUT.match(gap):
        bits |= DASH
    return bits


def _settle(words: Words, hesitations: Container[str]) -> None:
    """Decides the doubtful bits, from the last word to the first: they depend on what follows.

    `following` is the next word, hesitations apart; `small` says that it begins small, and they as well.
    """
    following, small = "", False
    capitals = _has_capitals(words, hesitations)
    for place in range(len(words) - 1, -1, -1):
        what, raw = words.after[place], words.raw[place]
        if what >= _POINT:
            ends = _ends_sentence(words, place, following, goes_on=capitals and small)
            words.after[place] = what & (_POINT - 1) | (END if ends else 0)
        if words.small[place] in hesitations:
            small = small and raw[0].islower()
        else:
            following, small = raw, raw[0].islower()


def _has_capitals(words: Words, hesitations: Container[str]) -> bool:
    return any(
        raw[0].isupper() and small not in hesitations and raw not in _FIRST_PERSON
        for raw, small in zip(words.raw, words.small, strict=True)
    )


def _ends_sentence(words: Words, place: int, following: str, *, goes_on: bool) -> bool:
    what = words.after[place]
    if what & (_TURN | END):
        return True
    if what & _POINT:
        return not goes_on and not _is_abbreviation(words, place, following)
    return following[:1].isupper() and following not in _FIRST_PERSON


def _is_abbreviation(words: Words, place: int, following: str) -> bool:
    raw, small = words.raw[place], words.small[place]
    if small in _ABBREVIATIONS:
        return True
    if len(raw) == 1 and raw.isupper() and raw != "I":
        return following not in _OPENERS
    if place and words.gaps[place - 1] == "." and (words.small[place - 1], small) in _IN_OTHER_WORDS:
        return True
    if raw in _NUMBERING and following[:1].isdigit():
        return True
    return raw.isdigit() and (place == 0 or "\n" in words.gaps[place - 1])
