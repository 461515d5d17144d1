"""Repetitions: words that are said again at once, apart from those that are repeated on purpose."""

from __future__ import annotations

from itertools import compress, count, pairwise
from operator import eq

from cara.speech.closed_classes import (
    AUXILIARIES,
    CONJUNCTIONS,
    CONNECTIVES,
    DETERMINERS,
    EMPHATIC,
    EMPHATIC_PHRASES,
    FUNCTION_WORDS,
    GRAMMATICAL_DOUBLES,
    NUMBERS,
    PARTICLES,
    UNFINISHED,
)
from cara.speech.words import BREAK, END, Words

_QUESTION_WORDS = frozenset("what who where when why how all".split())
_WORDS_OF_QUESTION = 5
_NOT_REPEATED_ON_PURPOSE = FUNCTION_WORDS - PARTICLES
_MAY_BE_REPEATED = EMPHATIC | NUMBERS


def find_repetitions(words: Words, lengths: range) -> dict[int, int]:
    """Returns the index of the last word of each run of words that is then said again, and its length.

    A run has one of the lengths, in words, and is said again within its sentence, commas and dashes aside;
    three copies are two repetitions. Function words (`the`, `I`, `to`) always count, alone or at the end of a
    run. Not counted are emphasis (`very very`, `no, no`), grammar (`had had`, `看看`), digits, names (`Duran
    Duran`), `more and more and more`, what one clause takes up from another (`I read the plan, the plan is
    good`), a content word that is set off by a comma or said three times (`location, location, location`),
    and a complete phrase that is both, or all of a sentence (`We won, we won!`).
    """
    found: dict[int, int] = {}
    free_from = 0
    shortest = _shortest_runs(words.lower, lengths)
    for index in sorted(shortest):
        if index < free_from:
            continue
        repeated = _repeated_lengths(words, index, range(shortest[index], lengths.stop))
        length = next((each for each in repeated if not _is_on_purpose(words, index, each)), 0)
        if length:
            found[index + length - 1] = length
            free_from = index + length
        elif repeated:
            free_from = _last_copy(words.lower, index, repeated[0])
    return found


def _shortest_runs(lower: list[str], lengths: range) -> dict[int, int]:
    """Returns where a word, or at least a pair, is said again at once, and after how few words."""
    found: dict[int, int] = {}
    if lengths.stop > 2:
        said_at: dict[tuple[str, str], int] = {}
        for index, pair in enumerate(pairwise(lower)):
            before = said_at.get(pair, -lengths.stop)
            if index - before in lengths:
                found[before] = index - before
            said_at[pair] = index
    if lengths.start == 1:
        found.update(dict.fromkeys(compress(count(), map(eq, lower, lower[1:])), 1))
    return found


def _repeated_lengths(words: Words, index: int, lengths: range) -> list[int]:
    """Returns how many words from the index on are said again at once in their sentence."""
    lower = words.lower
    return [
        length
        for length in lengths
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
    return (
        len(set(run)) == 1
        or all(map(_may_be_repeated, run))
        or " ".join(run) in EMPHATIC_PHRASES
        or _are_names(words, index, length)
        or _is_connected(words, index, run)
        or _is_taken_up(words, index, length)
        or _is_chant(words, index, length)
    )


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
    set_off = bool(words.after[index] & BREAK)
    return set_off or words.lower[index + 2 : index + 3] == [word] or _is_taken_up(words, index, 1)


def _is_taken_up(words: Words, index: int, length: int) -> bool:
    """Returns whether the words end one clause and begin another: `I read the plan, the plan is good`."""
    lower, again = words.lower, index + length
    if _opens_sentence(words, index) or lower[again - 1] in FUNCTION_WORDS:
        return False
    if AUXILIARIES.isdisjoint(lower[again + length : again + length + 1]):
        return False
    if length == 1:
        return lower[index - 1] not in UNFINISHED
    return lower[index] in DETERMINERS and lower[index - 1] not in CONJUNCTIONS


def _may_be_repeated(word: str) -> bool:
    """A syllable of Chinese and its neighbors is doubled by grammar, and digits and letters are read out."""
    if word in _MAY_BE_REPEATED or word.isdigit():
        return True
    if len(word) == 1:
        return word not in FUNCTION_WORDS
    return word.endswith("ly")


def _are_names(words: Words, index: int, length: int) -> bool:
    """Returns whether the words and their copy have capitals where others wouldn't: `New York, New York`."""
    if FUNCTION_WORDS.issuperset(words.lower[index : index + length]):
        return False
    return all(word[0].isupper() and not word.isupper() for word in words.raw[index : index + 2 * length])


def _is_connected(words: Words, index: int, run: list[str]) -> bool:
    """Returns whether it is `more and more and more`, `day by day by day`, or `and more and more`."""
    if len(run) > 2:
        return False
    (first, second), lower = run, words.lower
    before, after = lower[max(0, index - 1) : index], lower[index + 4 : index + 5]
    return _is_grown(first, second, after) or _is_grown(second, first, before)


def _is_grown(word: str, connective: str, beyond: list[str]) -> bool:
    """Returns whether a word with a connective is said again on purpose, as if it is said a third time."""
    if connective not in CONNECTIVES or word in _NOT_REPEATED_ON_PURPOSE:
        return False
    return _may_be_repeated(word) or word.endswith("er") or beyond == [word]


def _is_chant(words: Words, index: int, length: int) -> bool:
    """Returns whether a complete phrase is said three times, or is all of its sentence, between commas."""
    run, third = words.lower[index : index + length], index + 2 * length
    if run[-1] in FUNCTION_WORDS:
        return False
    copies = 3 if words.lower[third : third + length] == run else 2
    ends = [words.after[index + copy * length - 1] for copy in range(1, copies + 1)]
    if not all(bits & (BREAK | END) for bits in ends):
        return False
    return copies > 2 or bool(_opens_sentence(words, index) and ends[-1] & END)


def _opens_sentence(words: Words, index: int) -> bool:
    return index == 0 or bool(words.after[index - 1] & END)
