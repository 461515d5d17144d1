"""How the pace moves over the learner's own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, pstdev

from cara.speech.own_time import FluentPart
from cara.speech.schemas import PaceOverTime
from cara.transcripts.talk import Talk
from cara.transcripts.timed_words import placed_words
from cara.transcripts.utterances import Utterance

WINDOW_SECONDS = 30
_MAX_WINDOWS = 2_880
"""Those of a day: more are no talk, and would fill the feedback with numbers."""


def pace_over_time(talk: Talk, parts: Sequence[FluentPart]) -> PaceOverTime | None:
    """Returns the fluent words a minute in windows of 30 seconds of own time, and their variation.

    Own time is that of the utterances with fluent words: the turns of others and the silences between
    utterances are left out. A last window of less than 15 seconds is, too. The variation is the coefficient
    of variation: standard deviation ÷ mean. None with fewer than two windows, and without times.
    Norm: none; an even pace has a low one. Source: Miller, Grosjean & Lomanto 1984, Phonetica 41, on how much
    the rate of one speaker varies.
    Limit: without times of words, those of an utterance are spread evenly over its time.
    """
    own = [part.utterance for part in parts]
    if not talk.has_times(own):
        return None
    places = _own_time(own)
    windows = _windows(sum(length for _, length in places))
    if not 2 <= len(windows) <= _MAX_WINDOWS:
        return None
    counts = [0] * len(windows)
    for part, place in zip(parts, places, strict=True):
        for time in _times_of_fluent(part, *place):
            if (window := int(time // WINDOW_SECONDS)) < len(counts):
                counts[window] += 1
    paces = [60 * count / seconds for count, seconds in zip(counts, windows, strict=True)]
    mean = fmean(paces)
    return PaceOverTime(
        window_seconds=WINDOW_SECONDS,
        words_per_minute=[round(pace, 1) for pace in paces],
        variation=round(pstdev(paces) / mean, 3) if mean else None,
    )


def _windows(seconds: float) -> list[float]:
    """Returns the lengths of the windows."""
    whole, rest = divmod(round(seconds, 3), WINDOW_SECONDS)
    last = [rest] if rest >= WINDOW_SECONDS / 2 else []
    return [float(WINDOW_SECONDS)] * min(int(whole), _MAX_WINDOWS + 1) + last


def _own_time(utterances: Sequence[Utterance]) -> list[tuple[float, float]]:
    """Returns when each utterance begins in the learner's own time, and how long it lasts there.

    What overlaps counts once, for the one that begins first.
    """
    places = [(0.0, 0.0)] * len(utterances)
    total = until = 0.0
    for start, end, number in sorted((*(one.span or (0, 0)), n) for n, one in enumerate(utterances)):
        length = max(0.0, end - max(start, until))
        places[number] = total, length
        total, until = total + length, max(until, end)
    return places


def _times_of_fluent(part: FluentPart, begin: float, length: float) -> Iterator[float]:
    """Yields for each fluent word when it begins in the learner's own time."""
    end = part.utterance.span[1] if part.utterance.span else 0.0
    timed = placed_words(part.utterance).words if part.utterance.words else []
    for number in part.fluent:
        if timed:
            into = timed[number * len(timed) // part.words].start - (end - length)
        else:
            into = length * number / part.words
        yield begin + min(max(0.0, into), length)
