"""When the words of an utterance were said, and where they stand in its text."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from cara.transcripts.stage_marks import blank_stage_marks, is_stage_mark
from cara.transcripts.utterances import TimedWord, Utterance

_LONGEST_WORD_SECONDS = 5.0
"""Nobody draws a word out for so long: a recognizer has put a silence into it."""

_OUTSIDE_SECONDS = 1.0
"""Words may lie so far outside their utterance, whose times are often rounded."""

_REACH = 200
"""A word is looked for within so many letters: it stands near the one before, and the search stays linear."""


class PlacedWord(NamedTuple):
    """A timed word at [first, last) of the text of its utterance.

    `skipped` is the number of letters between it and the placed word before, or the beginning of the text:
    what was said there has no times.
    """

    start: float
    end: float
    first: int
    last: int
    skipped: int


class PlacedWords(NamedTuple):
    """The timed words of an utterance in order, the letters of its text, and how many of them are left behind
    the last word.

    `unplaced` are the timed words that the text lacks, such as an `um` that was edited out, and stage marks.
    """

    words: list[PlacedWord]
    letters: int
    left: int
    unplaced: list[TimedWord]


def placed_words(utterance: Utterance) -> PlacedWords:
    """Returns the words of an utterance that have times, with their places in its text, in linear time.

    Words with times that make no sense are left out: those outside the utterance, or longer than anybody
    speaks. If the times of words go back, none of them is returned. Stage marks are no part of the text.
    """
    blanked = blank_stage_marks(utterance.text.text)
    places = [place for place, character in enumerate(blanked) if character.isalnum()]
    letters = _letters(blanked)
    placed: list[PlacedWord] = []
    unplaced: list[TimedWord] = []
    position = 0
    for word in _with_sense(utterance):
        wanted = "" if is_stage_mark(word.text) else _letters(word.text)
        at = letters.find(wanted, position, position + len(wanted) + _REACH) if wanted else -1
        if at >= 0:
            end = at + len(wanted)
            placed.append(PlacedWord(word.start, word.end, places[at], places[end - 1] + 1, at - position))
            position = end
        else:
            unplaced.append(word)
    return PlacedWords(placed, len(letters), len(letters) - position, unplaced)


def _letters(text: str) -> str:
    return "".join(character.lower()[0] for character in text if character.isalnum())


def _with_sense(utterance: Utterance) -> list[TimedWord]:
    words = [word for word in utterance.words if _makes_sense(word, utterance.span)]
    return [] if any(later.start < earlier.start for earlier, later in pairwise(words)) else words


def _makes_sense(word: TimedWord, span: tuple[float, float] | None) -> bool:
    if not 0 <= word.start <= word.end <= word.start + _LONGEST_WORD_SECONDS < math.inf:
        return False
    if span is None:
        return True
    return span[0] - _OUTSIDE_SECONDS <= word.start and word.end <= span[1] + _OUTSIDE_SECONDS
