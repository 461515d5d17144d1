"""The statistics of an evaluation, of plain numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import groupby

MIN_RANKED = 3
"""Two talks always agree or disagree in full: a correlation of them says nothing."""


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Returns Spearman's rank correlation, from −1 to 1: whether both put the talks in the same order.

    Equal values share the mean of their ranks. None of fewer than `MIN_RANKED` pairs, and where all values
    of a side are equal. Source: Spearman 1904, American Journal of Psychology 15.
    """
    if len(one) < MIN_RANKED or len(set(one)) == 1 or len(set(other)) == 1:
        return None
    return statistics.correlation(mean_ranks(one), mean_ranks(other))


def mean_ranks(values: Sequence[float]) -> list[float]:
    """Returns the rank of each value, from 1 for the smallest; equal ones share the mean of their ranks."""
    ranks = [0.0] * len(values)
    before = 0
    for _, group in groupby(sorted(range(len(values)), key=values.__getitem__), key=values.__getitem__):
        same = list(group)
        for index in same:
            ranks[index] = before + (len(same) + 1) / 2
        before += len(same)
    return ranks


def mean_absolute_difference(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Returns by how much the pairs differ on average, whatever the direction; None without pairs."""
    return statistics.fmean(abs(a - b) for a, b in zip(one, other, strict=True)) if one else None


def pooled_deviation(samples: Sequence[Sequence[float]]) -> float | None:
    """Returns the standard deviation within samples of two values or more; None without samples.

    It is the root of the mean variance, each sample weighted by n − 1.
    """
    freedom = sum(len(values) - 1 for values in samples)
    if not freedom:
        return None
    return math.sqrt(sum((len(values) - 1) * statistics.variance(values) for values in samples) / freedom)
