"""Words, and what follows each of them: the one tokenization that all measures share.

A word is a run of letters, digits, apostrophes and inner hyphens. Numbers keep their inner points and commas
(`1,000`, `3.5`, `10:30`), so that each is one word. In scripts without spaces the dictionaries of ICU tell
words apart. Hesitation sounds never decide where a sentence ends.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from cara.speech.hesitations import hesitations_among
from cara.speech.markers import PHRASE_WORDS, is_in_phrase
from cara.speech.segmenter import WORD_END, with_word_ends
from cara.speech.text import PAUSE, TURN

# What follows a word, as bits.
BREAK = 1  # a comma, colon, dash or bracket
SILENCE = 2  # an ellipsis, a dash or a [pause]
END = 4  # the end of the sentence
ASKED = 8  # the sentence ends in a question mark
CUT = 16  # a hyphen that breaks the word off
DASH = 32  # a dash right at the word, which may be broken off
_POINT = 64  # a full stop, perhaps of an abbreviation, or the end of a quotation
_ELLIPSIS = 128  # ends the sentence only before a capital
_TURN = 256  # the end of the turn

# Signs that belong to a word though `\w` leaves them out: accents, and the vowel signs of many scripts.
COMBINING = (
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
    rf"([\w{COMBINING}]+(?:['-][\w{COMBINING}]+|(?<=\d)[.,:](?=\d)[\w{COMBINING}]+)*)([^\w{COMBINING}]*)"
)

_SILENT = re.compile(rf"…|\.\.|--|[–—―{PAUSE}]|\s-\s")
_QUOTED_END = re.compile(r"[?!]['\"\])»”’]+\s")  # He asked “Why?” and left
_STOP = re.compile(r"\.['\")\]»”’]*\s")
_HYPHEN_CUT = re.compile(r"-(?:[\s.,…]|$)")
_DASH_CUT = re.compile(r"--|[–—―]")
_BREAK_MARKS = frozenset(",;:()，、；：،؛")
_QUESTION_MARKS = frozenset("?？؟")
_TERMINAL_MARKS = frozenset("!！。।॥։｡۔‽။។៕")
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "jr", "sr", "approx", "dept", "inc", "ltd"}
)
_NUMBERING = frozenset("No Nos Nr Fig Vol Ch Sec Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec".split())
_LATIN_ABBREVIATIONS = frozenset({("e", "g"), ("i", "e")})
# No name begins with these: an initial before them ends its sentence (`It is plan B. We go on`).
_SENTENCE_OPENERS = frozenset(
    "The We It He She They You This That These There But And So Then If When My Our What How".split()
)
_FIRST_PERSON = frozenset({"I", "I'm", "I'd", "I'll", "I've"})


@dataclass(frozen=True)
class Words:
    """The words of a text, and what follows each of them.

    `raw` has the words as written, `lower` in lower case, `after` the bits and `gaps` the text between each
    word and the next.
    """

    raw: list[str]
    lower: list[str]
    after: list[int]
    gaps: list[str]

    def __len__(self) -> int:
        return len(self.lower)

    def sentence_ends(self, start: int, end: int) -> bool:
        """Returns whether a sentence ends after one of the words in [start, end)."""
        return any(map(END.__and__, self.after[start:end]))

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """The range [start, end) of each sentence.

        Terminal punctuation ends a sentence; a turn without any is one sentence.
        """
        ends = [index + 1 for index, bits in enumerate(self.after) if bits & END]
        if self.lower and (not ends or ends[-1] != len(self)):
            ends.append(len(self))
        return list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []


class _GapBits(dict[str, int]):
    """The bits of each gap, worked out once: few gaps are distinct."""

    def __missing__(self, gap: str) -> int:
        bits = self[gap] = _bits_of(gap)
        return bits


def tokenize(text: str) -> Words:
    """Returns all words of the text, in linear time.

    A full stop before a lower-case word ends no sentence (`3 p.m. today`), unless the text has no capitals.
    An ellipsis ends a sentence only when the next word, hesitations left out, is capitalized.
    """
    pairs = _WORD_AND_GAP.findall(with_word_ends(text) + "\n")
    raw = [word for word, _ in pairs]
    gaps = [gap.replace(WORD_END, "") for _, gap in pairs]
    lower = [word.lower() for word in raw]
    bits = _GapBits({" ": 0})
    words = Words(raw, lower, [bits[gap] for gap in gaps], gaps)
    if raw:
        words.after[-1] |= _TURN
        _resolve_sentence_ends(words, hesitations_among(set(lower)))
    return words


def count_words(text: str) -> int:
    """Returns the number of words in the text."""
    return len(_WORD_AND_GAP.findall(with_word_ends(text)))


def drop_words(words: Words, dropped: Collection[int]) -> Words:
    """Returns the words without those at the dropped indexes.

    What followed one of these now follows the word before it.
    """
    if not dropped:
        return words
    kept = [True] * len(words)
    after = words.after.copy()
    anchor, previous = -1, -1
    for index in sorted(dropped):
        anchor = anchor if index == previous + 1 else index - 1
        previous = index
        kept[index] = False
        if anchor >= 0:
            after[anchor] |= after[index] & ~(CUT | DASH)
    return Words(
        raw=list(compress(words.raw, kept)),
        lower=list(compress(words.lower, kept)),
        after=list(compress(after, kept)),
        gaps=list(compress(words.gaps, kept)),
    )


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
        bits = bits & ~END | _POINT
    if "…" in characters or ".." in gap:
        bits |= _ELLIPSIS
    elif _STOP.search(gap):
        bits |= _POINT
    if TURN in characters:
        bits |= END | _TURN
    if _HYPHEN_CUT.match(gap):
        bits |= CUT
    elif _DASH_CUT.match(gap):
        bits |= DASH
    return bits


def _resolve_sentence_ends(words: Words, hesitations: Container[str]) -> None:
    """Replaces the ambiguous bits, from the last word to the first, because they depend on the next word.

    `following` is the next word, hesitations left out; `in_lower_case` means that it and the hesitations
    before it begin in lower case.
    """
    following, in_lower_case = "", False
    capitals = _has_capitals(words, hesitations)
    for index in range(len(words) - 1, -1, -1):
        bits, raw = words.after[index], words.raw[index]
        if bits >= _POINT:
            ends = _ends_sentence(words, index, following, continues=capitals and in_lower_case)
            words.after[index] = bits & (_POINT - 1) | (END if ends else 0)
        if words.lower[index] in hesitations or (
            words.lower[index] in PHRASE_WORDS and is_in_phrase(words.lower, index)
        ):
            in_lower_case = in_lower_case and raw[0].islower()
        else:
            following, in_lower_case = raw, raw[0].islower()


def _has_capitals(words: Words, hesitations: Container[str]) -> bool:
    return any(
        raw[0].isupper() and lower not in hesitations and raw not in _FIRST_PERSON
        for raw, lower in zip(words.raw, words.lower, strict=True)
    )


def _ends_sentence(words: Words, index: int, following: str, *, continues: bool) -> bool:
    bits = words.after[index]
    if bits & (_TURN | END):
        return True
    if bits & _POINT:
        return not continues and not _is_abbreviation(words, index, following)
    return following[:1].isupper() and following not in _FIRST_PERSON


def _is_abbreviation(words: Words, index: int, following: str) -> bool:
    raw, lower = words.raw[index], words.lower[index]
    if lower in _ABBREVIATIONS:
        return True
    if len(raw) == 1 and raw.isupper() and raw != "I":
        return following not in _SENTENCE_OPENERS
    if index and words.gaps[index - 1] == "." and (words.lower[index - 1], lower) in _LATIN_ABBREVIATIONS:
        return True
    if raw in _NUMBERING and following[:1].isdigit():
        return True
    return raw.isdigit() and (index == 0 or "\n" in words.gaps[index - 1])
