"""Stutters: the beginning of a word, or a short word, that is joined to itself by hyphens."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress, count

from cara.speech.closed_classes import FUNCTION_WORDS
from cara.speech.words import BREAK, CUT, END, Words

_MAX_FRAGMENT_LETTERS = 3

# What begins compounds: `re-read`, `co-coordinate`, `no-nonsense`, `al-Ali`.
_PREFIXES = frozenset(
    "re co de pre pro non no un in ex sub bi di tri up by all mid out mis dis eco geo neo bio per pan e x u "
    "al el".split()
)
# What a letter names when it stands before a word that begins with it.
_NAMED_BY_LETTER = frozenset(
    "test tests tester testing tail day days dimer shape shaped shapes boy boys girl class clamp hour ball "
    "side".split()
)
# Function words of which a double is a word of its own: `can-can`.
_DOUBLES = frozenset("can do that there me".split())
# None of them is an object, so that its short form behind it begins anew: `we we're late`.
_SUBJECTS = frozenset("i we he she they".split())
# `An a-a battery`.
_AFTER_DOUBLE_A = frozenset("size sized battery batteries cell cells rating rated meeting meetings".split())


def mend_stutters(words: Words) -> tuple[int, Words]:
    """Returns the number of stutters, and the words without them: `I-I-I s-say` has three and says `I say`.

    A stutter is a fragment of up to three letters that is joined to the word it begins (`th-the`, `w-w-we`),
    or a function word that is joined to itself (`we-we`). Not counted: prefixes (`re-read`), letters that
    name what follows (`T-test`, `the S-shaped curve`) and doubled words (`bye-bye`, `so-so`).
    Source: part-word and word repetitions in Shriberg 1994.
    Limit: transcribers write few of them, and most services none.
    """
    raw, lower = words.raw.copy(), words.lower.copy()
    total = 0
    for index in (index for index, word in enumerate(words.lower) if "-" in word):
        stutters = _stutters(words, index)
        raw[index] = raw[index].split("-", stutters)[-1]
        lower[index] = lower[index].split("-", stutters)[-1]
        total += stutters
    return total, replace(words, raw=raw, lower=lower)


def separate_stutters(words: Words) -> set[int]:
    """Returns the indexes of what the next word completes: fragments with a hyphen (`s- say`), `we we're`."""
    cut = compress(count(), map(CUT.__and__, words.after[:-1]))
    subjects = compress(count(), map(_SUBJECTS.__contains__, words.lower[:-1]))
    return {index for index in cut if _is_completed(words, index)} | {
        index for index in subjects if _is_shortened(words, index)
    }


def _is_shortened(words: Words, index: int) -> bool:
    return not words.after[index] & END and words.lower[index + 1].startswith(words.lower[index] + "'")


def _is_completed(words: Words, index: int) -> bool:
    if words.after[index] & END or not words.lower[index + 1].startswith(words.lower[index]):
        return False
    return _is_fragment(words, index, words.raw[index], words.raw[index + 1])


def _stutters(words: Words, index: int) -> int:
    """Returns how many parts of the word stand for no more than the beginning of the next part."""
    parts = words.lower[index].split("-")
    stutters = 0
    while stutters < len(parts) - 1 and parts[stutters + 1].startswith(parts[stutters]):
        stutters += 1
    if stutters == 0:
        return 0
    word = parts[stutters]
    if parts[stutters - 1] == word:
        return stutters if _is_said_twice(words, index, word) else 0
    raw = words.raw[index].split("-")
    begin = (_is_fragment(words, index, fragment, raw[stutters]) for fragment in raw[:stutters])
    return stutters if all(begin) else 0


def _is_said_twice(words: Words, index: int, word: str) -> bool:
    """Returns whether a word that is joined to itself is one that speakers get stuck in before they go on."""
    if word not in FUNCTION_WORDS or word in _DOUBLES or words.after[index] & (BREAK | END):
        return False
    following = words.lower[index + 1] if index + 1 < len(words) else ""
    return word != "a" or not (following in _AFTER_DOUBLE_A or words.raw[index].endswith("A"))


def _is_fragment(words: Words, index: int, fragment: str, word: str) -> bool:
    """Returns whether what begins the word, both as written, is more likely a stutter than a prefix."""
    lower = fragment.lower()
    if len(lower) > _MAX_FRAGMENT_LETTERS or not lower.isalpha() or lower in _PREFIXES:
        return False
    if len(lower) > 1 or lower == "i":
        return True
    opens = index == 0 or bool(words.after[index - 1] & END)
    names = fragment.isupper() and word[0].islower() and not opens
    return not names and word.lower() not in _NAMED_BY_LETTER
