"""What stands between two words, as bits: breaks, silences, and the ends of sentences.

What a full stop or an ellipsis means is told by the words on both sides of it. Abbreviations are of English,
German, French, Spanish, Italian, Portuguese, Dutch, Turkish, Polish and Russian. Those behind which a
sentence usually ends, if a capital follows (`Inc.`, `etc.`, `Ph.D.`), need no list, but in a text without
capitals.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import TYPE_CHECKING, Final

from cara.speech.marker_phrases import PHRASE_WORDS, is_in_phrase
from cara.speech.text import ITEM, PAUSE, TURN

if TYPE_CHECKING:
    from cara.speech.words import Words

BREAK: Final = 1  # a comma, colon, dash or bracket
SILENCE: Final = 2  # an ellipsis, a dash or a [pause]
END: Final = 4  # the end of the sentence
ASKED: Final = 8  # the sentence ends in a question mark
CUT: Final = 16  # a hyphen that breaks the word off
DASH: Final = 32  # a dash right at the word, which may be broken off
_POINT: Final = 64  # a full stop, perhaps of an abbreviation, or the end of a quotation
_ELLIPSIS: Final = 128  # ends the sentence only before a capital
LAST: Final = 256  # the end of the turn

_SILENT = re.compile(rf"…|\.\.|--|[–—―{PAUSE}]|\s-\s")
_QUOTED_END = re.compile(r"[?!]['\"\])»”’]+\s")  # He asked “Why?” and left
_STOP = re.compile(r"\.['\")\]»”’*]*(?:\s|\Z)")
_HYPHEN_CUT = re.compile(r"-(?:[\s.,…]|$)")
_DASH_CUT = re.compile(r"--|[–—―]")
_BREAK_MARKS = frozenset(",;:()[]，、；：،؛")
_QUESTION_MARKS = frozenset("?？؟")
_TERMINAL_MARKS = frozenset("!！。।॥։｡۔‽။។៕")

# Something always follows these.
_NEVER_LAST = frozenset(
    "vs approx cf viz resp incl e.g i.e a.k.a ca bzw ggf evtl inkl zzgl vgl sog z.b d.h u.a o.ä "
    "bijv d.w.z o.a np tzn tj т.е т.к напр".split()
)
# Before a name, unless a sentence begins: `St. Paul`, but `He lives on Main St. He waved`.
_BEFORE_NAMES = frozenset(
    "mr mrs ms mx messrs dr prof st ste mme mlle mgr sr sra srta dra lic uds sig dott avv dhr mevr doç ул "
    "им".split()
)
_CAPITALS_BEFORE_NAMES = frozenset(
    "Gen Col Rev Rep Sen Hon Lt Sgt Capt Cpl Maj Gov Pres Mt Ft Fr Hr Ing Arch Dipl Univ".split()
)
_BEFORE_NUMBERS = frozenset(
    "No Nos Nr Fig Vol Ch Sec Eq Art Abs Kap Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec "
    "p pp vol fig ch sec nr art str ст стр".split()
)
_PAIRS = frozenset(
    {("e", "g"), ("i", "e"), ("z", "b"), ("d", "h"), ("u", "a"), ("o", "ä"), ("p", "ej"), ("т", "е")}
)
_IN_LOWER_CASE = frozenset("inc ltd corp co bros jr sr etc dept est ave blvd rd a.m p.m u.s d.c ph.d".split())
_TIMES = frozenset({"a.m", "p.m"})
_AFTER_TIMES = frozenset(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Eastern Central Mountain Pacific Greenwich "
    "EST EDT ET CST CDT CT MST MDT MT PST PDT PT GMT UTC BST CET CEST".split()
)
_AFTER_ORDINALS = frozenset(
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember Jahrhundert "
    "Weltkrieg Klasse Stock Platz Kapitel Quartal Etage Liga Mal Tag".split()
)
# No name begins with these: an initial before them ends its sentence (`It is plan B. We go on`).
_SENTENCE_OPENERS = frozenset(
    "The We It He She They You I This That These Those There Here But And Or So Then If When While Because "
    "My Our His Her Their Its What How Why Where In On At For As After Before From Not Now Some Most "
    "Many Every Each One Two However Also Next First Finally Later Der Das Ich Wir Er Es Und Aber".split()
)
_OPENERS_IN_LOWER_CASE = frozenset("we it he she they you i there this then so but".split())
_FIRST_PERSON = frozenset({"I", "I'm", "I'd", "I'll", "I've"})


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
        bits = bits & ~END | _POINT
    if "…" in characters or ".." in gap:
        bits |= _ELLIPSIS
    elif _STOP.search(gap):
        bits |= _POINT
    if TURN in characters:
        bits |= END | LAST
    if ITEM in characters:
        bits |= END
    if _HYPHEN_CUT.match(gap):
        bits |= CUT
    elif _DASH_CUT.match(gap):
        bits |= DASH
    return bits


def resolve_sentence_ends(words: Words, hesitations: Container[str]) -> None:
    """Replaces the ambiguous bits, from the last word to the first, because they depend on the next word.

    `following` is the next word, hesitations left out; `in_lower_case` means that it and the hesitations
    before it begin in lower case.
    """
    following, in_lower_case, is_filler_next = "", False, False
    capitals = _has_capitals(words, hesitations)
    for index in range(len(words) - 1, -1, -1):
        bits, raw, lower = words.after[index], words.raw[index], words.lower[index]
        is_filler = lower in hesitations or (lower in PHRASE_WORDS and is_in_phrase(words.lower, index))
        if is_filler or is_filler_next:
            bits &= ~_ELLIPSIS  # who hesitates goes on: `under... uh... God`
            if is_filler and capitals and in_lower_case and not bits & LAST:
                bits &= ~(END | ASKED)  # `in the town um? and there`
            words.after[index] = bits
        if bits >= _POINT:
            ends = _ends_sentence(words, index, following, capitals=capitals, continues=in_lower_case)
            words.after[index] = bits & (_POINT - 1) | (END if ends else 0)
        is_filler_next = is_filler and raw[0].islower()
        if is_filler:
            in_lower_case = in_lower_case and raw[0].islower()
        else:
            following, in_lower_case = _as_following(words, index), raw[0].islower()


def _has_capitals(words: Words, hesitations: Container[str]) -> bool:
    """Returns whether sentences begin with a capital: as many words do behind a mark as do not."""
    bits_before = [END, *words.after[:-1]]
    begins = [
        raw[0].isupper()
        for bits, raw, lower in zip(bits_before, words.raw, words.lower, strict=True)
        if bits & (END | _POINT) and lower not in hesitations and raw not in _FIRST_PERSON
    ]
    return any(begins) and 2 * sum(begins) >= len(begins)


def _as_following(words: Words, index: int) -> str:
    """Returns the word, an initial with its full stop: `I` begins a sentence, `I.` a name."""
    raw = words.raw[index]
    return f"{raw}." if len(raw) == 1 and words.gaps[index][:1] == "." else raw


def _ends_sentence(words: Words, index: int, following: str, *, capitals: bool, continues: bool) -> bool:
    bits = words.after[index]
    if bits & (LAST | END):
        return True
    if not bits & _POINT:
        return following[:1].isupper() and following not in _FIRST_PERSON
    if capitals and continues:
        return False
    if words.gaps[index] == ".":  # without a space: `He left.Then`
        return words.raw[index][-1].islower() and following[:1].isupper()
    return not _is_abbreviation(words, index, following, capitals=capitals)


def _is_abbreviation(words: Words, index: int, following: str, *, capitals: bool) -> bool:
    """Returns whether the full stop behind a word belongs to it alone: to an abbreviation or a number."""
    raw, lower = words.raw[index], words.lower[index]
    if (lower in _NEVER_LAST and raw != raw.upper()) or _is_in_pair(words, index):
        return True
    if raw.isdigit():
        return following in _AFTER_ORDINALS or index == 0 or "\n" in words.gaps[index - 1]
    if raw in _BEFORE_NUMBERS and following[:1].isdigit():
        return True
    if not capitals and (lower in _IN_LOWER_CASE or lower in _BEFORE_NAMES):
        return following not in _OPENERS_IN_LOWER_CASE
    if lower in _TIMES:
        return following in _AFTER_TIMES
    if lower in _BEFORE_NAMES or raw in _CAPITALS_BEFORE_NAMES or _is_initial(raw):
        return following not in _SENTENCE_OPENERS
    return False


def _is_in_pair(words: Words, index: int) -> bool:
    """Returns whether the word is one of both that are always followed by more: `z. B.`, `e. g.`."""
    firsts = [first for first in (index - 1, index) if 0 <= first < len(words) - 1]
    return any(
        words.gaps[first] == ". "
        and words.raw[first].islower()
        and (words.lower[first], words.lower[first + 1]) in _PAIRS
        for first in firsts
    )


def _is_initial(raw: str) -> bool:
    """Returns whether it is an initial or several, as of `J. Gray` and the `U.S.`."""
    return raw != "I" and all(len(part) == 1 and part.isupper() for part in raw.split("."))
