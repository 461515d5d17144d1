"""The time that the learner's fluent words take, in which words a minute are counted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cara.speech.fluency import count_spoken_words
from cara.speech.words import Words
from cara.transcripts.talk import Talk
from cara.transcripts.utterances import Turn, Utterance


class FluentPart(NamedTuple):
    """An utterance with fluent words: the number of its words, and which of them are fluent, from 0 on."""

    utterance: Utterance
    words: int
    fluent: list[int]


def fluent_parts(talk: Talk, fluent: Words) -> list[FluentPart]:
    """Returns the learner's utterances that have fluent words; none if no utterance has times.

    One of nothing but fillers, repairs and stage marks is none, so that saying `um` where others are silent
    makes no talk slower.
    """
    if not any(utterance.span for utterance in talk.own_utterances):
        return []
    return list(_parts(talk.own_utterances, fluent))


def own_seconds(talk: Talk, parts: Iterable[FluentPart]) -> float | None:
    """Returns how long the fluent parts take; None unless all of them have starts and ends."""
    return talk.seconds_of([part.utterance for part in parts])


def _parts(utterances: Iterable[Utterance], fluent: Words) -> Iterator[FluentPart]:
    first = 0
    for utterance in utterances:
        count = count_spoken_words([Turn(None, (utterance,))])
        begin, end = bisect_left(fluent.places, first), bisect_left(fluent.places, first + count)
        if begin < end:
            yield FluentPart(utterance, count, [place - first for place in fluent.places[begin:end]])
        first += count
