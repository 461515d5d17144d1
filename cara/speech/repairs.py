"""Repetitions and false starts: where a speaker goes back and begins again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, count
from operator import eq

from cara.speech.phrases import per_hundred
from cara.speech.words import CUT, DASH, END, Words

# Said twice on purpose, or by grammar (`had had`), or digits read out.
_DOUBLED_RIGHTLY = frozenset(
    "very really so much many more far long never no yes yeah okay ok ha bye that had is again "
    "zero one two three four five six seven eight nine".split()
)
_HANGING = frozenset({"and", "or", "to"})  # `pre- and post-war`
_LOOK_BACK = 3
_LONGEST_REPETITION = 3


@dataclass(frozen=True, slots=True)
class Repairs:
    """How often the speaker went back, and that per 100 words that are no fillers."""

    repetitions: int
    false_starts: int
    per_hundred_words: float | None


def repairs(fluent: Words) -> Repairs:
    """Counts repetitions and false starts in the words without fillers.

    A repetition is the same word, or two or three words, at once again within a sentence (`I want to, I want
    to`); said three times, it counts twice. Not counted: emphasis (`very very`), grammar (`had had`), digits.
    A false start is a word broken off with a hyphen and followed by a new start (`I wan- I need`), or with a
    dash after which one of the last three words comes again; what is a repetition isn't also a false start.
    Norm: about 6 disfluencies in 100 words of spontaneous speech, of which repetitions and restarts are about
    half (Bortfeld et al. 2001). Source of the classes: Shriberg 1994, Preliminaries to a Theory of Speech
    Disfluencies. Transcripts that were tidied up show none.
    """
    repeated = _repetitions(fluent)
    broken = sum(
        1 for place in range(len(fluent) - 1) if _starts_again(fluent, place) and place not in repeated
    )
    return Repairs(len(repeated), broken, per_hundred(len(repeated) + broken, len(fluent)))


def _repetitions(words: Words) -> set[int]:
    """The last places of what is then said again."""
    # How many words further on the same word stands, of those that have it again so soon.
    again = {
        place: length
        for length in range(_LONGEST_REPETITION, 0, -1)
        for place in compress(count(), map(eq, words.small, words.small[length:]))
    }
    found: set[int] = set()
    free = 0
    for place in sorted(again):
        if place >= free and (length := _length_said_again(words, place, again[place])):
            found.add(place + length - 1)
            free = place + length
    return found


def _length_said_again(words: Words, place: int, least: int) -> int:
    """How many words from the place on, `least` or more, are at once said again within a sentence, or 0."""
    small = words.small
    if least == 1:
        return 0 if words.after[place] & END or _rightly_double(small[place]) else 1
    for length in range(least, _LONGEST_REPETITION + 1):
        said = small[place : place + length]
        if said == small[place + length : place + 2 * length]:
            if all(map(_rightly_double, said)) or words.sentence_ends(place, place + 2 * length - 1):
                return 0
            return length
    return 0


def _rightly_double(word: str) -> bool:
    return word in _DOUBLED_RIGHTLY or word.isdigit()


def _starts_again(words: Words, place: int) -> bool:
    what = words.after[place]
    if what & CUT:
        return not what & END and words.small[place + 1] not in _HANGING
    if not what & DASH or what & END:
        return False
    new, broken = words.small[place + 1], words.small[place]
    return new.startswith(broken) or new in words.small[max(0, place + 1 - _LOOK_BACK) : place + 1]
