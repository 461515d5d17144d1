"""Repairs: what a speaker says again, or breaks off and begins anew."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, count
from operator import eq

from cara.speech.segmenter import is_unspaced
from cara.speech.words import CUT, DASH, END, Words

# Repeated for emphasis, by grammar (`had had`), or as digits that are read out.
_MAY_BE_REPEATED = frozenset(
    "very really so much many more far long never no yes yeah okay ok ha bye that had is again "
    "zero one two three four five six seven eight nine".split()
)
_AFTER_PREFIX = frozenset({"and", "or", "to"})  # `pre- and post-war`
_RESTART_WORDS = 3
_MAX_REPEATED_WORDS = 3


@dataclass(frozen=True, slots=True)
class Repairs:
    """Counts of repetitions and false starts, and the indexes of the words that were said in vain.

    Those are each copy of a repeated run but the last, and what a false start takes back.
    """

    repetitions: int
    false_starts: int
    in_vain: frozenset[int]

    @property
    def count(self) -> int:
        """Repetitions and false starts together."""
        return self.repetitions + self.false_starts


def find_repairs(unfilled: Words) -> Repairs:
    """Finds repetitions and false starts in the words without fillers.

    A repetition is one to three words that are said again at once within a sentence (`I want to, I want to`);
    said three times, they count twice. Not counted: emphasis (`very very`), grammar (`had had`, `看看`),
    digits. A false start is a word that is broken off with a hyphen (`I wan- I need`), or with a dash when
    one of the last three words follows again; it takes back the words from that one on. A repetition is never
    counted as a false start too.
    Norm: about 6 disfluencies in 100 words of spontaneous speech, of which repetitions and restarts are about
    half (Bortfeld et al. 2001). Source of the classes: Shriberg 1994, Preliminaries to a Theory of Speech
    Disfluencies.
    Limit: edited transcripts show none.
    """
    repeated = _repetitions(unfilled)
    broken_off = [
        index
        for index in range(len(unfilled) - 1)
        if _is_false_start(unfilled, index) and index not in repeated
    ]
    in_vain = {word for last, length in repeated.items() for word in range(last + 1 - length, last + 1)}
    for index in broken_off:
        in_vain.update(range(_begin_of_false_start(unfilled, index), index + 1))
    return Repairs(len(repeated), len(broken_off), frozenset(in_vain))


def _repetitions(words: Words) -> dict[int, int]:
    """Returns the index of the last word of each run of words that is then said again, and its length."""
    # The distance to the next occurrence of the same word, for words that recur within that many.
    distances = {
        index: length
        for length in range(_MAX_REPEATED_WORDS, 0, -1)
        for index in compress(count(), map(eq, words.lower, words.lower[length:]))
    }
    found: dict[int, int] = {}
    free_from = 0
    for index in sorted(distances):
        if index >= free_from and (length := _repeated_length(words, index, distances[index])):
            found[index + length - 1] = length
            free_from = index + length
    return found


def _repeated_length(words: Words, index: int, least: int) -> int:
    """Returns how many words from the index on are said again at once, if `least` or more; else 0."""
    lower = words.lower
    if least == 1:
        return 0 if words.after[index] & END or _may_be_repeated(lower[index]) else 1
    for length in range(least, _MAX_REPEATED_WORDS + 1):
        run = lower[index : index + length]
        if run == lower[index + length : index + 2 * length]:
            if all(map(_may_be_repeated, run)) or words.sentence_ends(index, index + 2 * length - 1):
                return 0
            return length
    return 0


def _may_be_repeated(word: str) -> bool:
    """A syllable of Chinese and its neighbors is doubled by grammar, and digits are read out."""
    return word in _MAY_BE_REPEATED or word.isdigit() or (len(word) == 1 and is_unspaced(word))


def _is_false_start(words: Words, index: int) -> bool:
    bits = words.after[index]
    if bits & CUT:
        return not bits & END and words.lower[index + 1] not in _AFTER_PREFIX
    if not bits & DASH or bits & END:
        return False
    new, broken = words.lower[index + 1], words.lower[index]
    return new.startswith(broken) or new in words.lower[max(0, index + 1 - _RESTART_WORDS) : index + 1]


def _begin_of_false_start(words: Words, index: int) -> int:
    """Returns the index of the first word that the speaker takes back; the last one is at the index."""
    new = words.lower[index + 1]
    for begin in range(index, max(-1, index - _RESTART_WORDS), -1):
        if begin < index and words.after[begin] & END:
            break
        if words.lower[begin] == new:
            return begin
    return index
