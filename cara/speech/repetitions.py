"""Repetitions: words that are said again at once, apart from those that are repeated on purpose."""

from __future__ import annotations

from itertools import compress, count
from operator import and_, eq

from cara.speech.closed_classes import (
    CONNECTIVES,
    EMPHATIC,
    EMPHATIC_PHRASES,
    FUNCTION_WORDS,
    GRAMMATICAL_DOUBLES,
    NUMBERS,
)
from cara.speech.words import BREAK, END, Words

_MAX_REPEATED_WORDS = 8
_RELATIVES = frozenset("who which that whose".split())
_QUESTION_WORDS = frozenset("what who where when why how all".split())
_WORDS_OF_QUESTION = 5
_MAY_BE_REPEATED = EMPHATIC | NUMBERS


def find_repetitions(words: Words, longest: int = _MAX_REPEATED_WORDS) -> dict[int, int]:
    """Returns the index of the last word of each run of words that is then said again, and its length.

    A run has up to `longest` words and is said again within its sentence, commas and dashes aside; three
    copies are two repetitions. Function words (`the`, `I`, `to`) always count, alone or at the end of a run.
    Not counted are emphasis (`very very`, `no, no`), grammar (`had had`, `看看`), digits, names (`Duran
    Duran`), `more and more and more`, a content word that is said three times or more (`location, location,
    location`), and a complete phrase that is, between commas.
    """
    found: dict[int, int] = {}
    free_from = 0
    shortest = _shortest_runs(words.lower, longest)
    for index in sorted(shortest):
        if index < free_from:
            continue
        lengths = _repeated_lengths(words, index, shortest[index], longest)
        length = next((each for each in lengths if not _is_on_purpose(words, index, each)), 0)
        if length:
            found[index + length - 1] = length
            free_from = index + length
        elif lengths:
            free_from = _last_copy(words.lower, index, lengths[0])
    return found


def _shortest_runs(lower: list[str], longest: int) -> dict[int, int]:
    """Returns where a word, or at least a pair, is said again at once, and after how few words."""
    found: dict[int, int] = {}
    for length in range(longest, 0, -1):
        same = list(map(eq, lower, lower[length:]))
        pairs = same if length == 1 else map(and_, same, same[1:])
        found.update(dict.fromkeys(compress(count(), pairs), length))
    return found


def _repeated_lengths(words: Words, index: int, shortest: int, longest: int) -> list[int]:
    """Returns how many words from the index on are said again at once in their sentence."""
    lower = words.lower
    return [
        length
        for length in range(shortest, longest + 1)
        if lower[index : index + length] == lower[index + length : index + 2 * length]
        and not words.sentence_ends(index, index + 2 * length - 1)
    ]


def _last_copy(lower: list[str], index: int, length: int) -> int:
    """Returns the index of the last of the runs that are the same and follow one another."""
    run = lower[index : index + length]
    while lower[index + length : index + 2 * length] == run:
        index += length
    return index


def _is_on_purpose(words: Words, index: int, length: int) -> bool:
    run = words.lower[index : index + length]
    if length == 1:
        return _is_doubled(words, index, run[0])
    if all(map(_may_be_repeated, run)) or len(set(run)) == 1 or " ".join(run) in EMPHATIC_PHRASES:
        return True
    if _are_names(words, index, length) or _is_connected(words, index, run):
        return True
    return run[-1] not in FUNCTION_WORDS and _is_chant(words, index, length)


def _is_doubled(words: Words, index: int, word: str) -> bool:
    """Returns whether one word is said twice for effect, by grammar, or as what it names."""
    if word in GRAMMATICAL_DOUBLES:
        return not words.after[index] & BREAK
    if word == "is":  # `what it is is a risk`
        return not _QUESTION_WORDS.isdisjoint(words.lower[max(0, index - _WORDS_OF_QUESTION) : index])
    if word in FUNCTION_WORDS:
        return False
    if _may_be_repeated(word) or _are_names(words, index, 1):
        return True
    return words.lower[index + 2 : index + 3] == [word] or _is_apposition(words, index)


def _is_apposition(words: Words, index: int) -> bool:
    """Returns whether the second word begins an explanation of the first: `people, people who care`."""
    return bool(words.after[index] & BREAK) and not _RELATIVES.isdisjoint(words.lower[index + 2 : index + 3])


def _may_be_repeated(word: str) -> bool:
    """A syllable of Chinese and its neighbors is doubled by grammar, and digits and letters are read out."""
    if word in _MAY_BE_REPEATED or word.isdigit():
        return True
    if len(word) == 1:
        return word not in FUNCTION_WORDS
    return word.endswith("ly")


def _are_names(words: Words, index: int, length: int) -> bool:
    """Returns whether the words and their copy have capitals where others wouldn't: `New York, New York`."""
    raw = words.raw[index : index + 2 * length]
    return all(word[0].isupper() and not word.isupper() for word in raw) and not FUNCTION_WORDS.issuperset(
        words.lower[index : index + length]
    )


def _is_connected(words: Words, index: int, run: list[str]) -> bool:
    """Returns whether it is `more and more and more`, `day by day by day`, or `and more and more`."""
    connectives = [word in CONNECTIVES for word in run]
    if sorted(connectives) != [False, True]:
        return False
    repeated, lower = run[connectives.index(False)], words.lower
    beyond = lower[index + 4 : index + 5] if connectives[1] else lower[max(0, index - 1) : index]
    if repeated in FUNCTION_WORDS:
        return False
    return _may_be_repeated(repeated) or repeated.endswith("er") or beyond == [repeated]


def _is_chant(words: Words, index: int, length: int) -> bool:
    """Returns whether the phrase is said three times, each set off by punctuation."""
    run, third = words.lower[index : index + length], index + 2 * length
    return words.lower[third : third + length] == run and all(
        words.after[index + copy * length - 1] & (BREAK | END) for copy in (1, 2, 3)
    )
