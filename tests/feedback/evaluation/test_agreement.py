"""The statistics of an evaluation, checked by hand."""

from __future__ import annotations

import pytest

from cara.feedback.evaluation.agreement import (
    mean_absolute_difference,
    mean_ranks,
    pooled_deviation,
    spearman,
)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert mean_ranks([10, 20, 20, 30]) == [1, 2.5, 2.5, 4]
    assert mean_ranks([5, 5, 5]) == [2, 2, 2]


def test_rho_is_the_correlation_of_the_ranks() -> None:
    # Without ties 1 − 6·Σd² / n(n² − 1): ranks 1 2 3 4 5 and 2 1 4 3 5, Σd² = 4.
    assert spearman([10, 20, 30, 40, 50], [32, 31, 34, 33, 90]) == pytest.approx(0.8)
    assert spearman([1, 2, 3], [30, 20, 10]) == pytest.approx(-1)
    # Deviations of the ranks −1.5 0 0 1.5 and −1.5 0.5 −0.5 1.5: 4.5 ÷ √(4.5 · 5).
    assert spearman([10, 20, 20, 30], [1, 3, 2, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


@pytest.mark.parametrize(("one", "other"), [([1, 2], [1, 2]), ([7, 7, 7], [1, 2, 3]), ([], [])])
def test_there_is_no_rho_of_two_talks_or_of_equal_values(one: list[float], other: list[float]) -> None:
    assert spearman(one, other) is None


def test_difference_and_deviation() -> None:
    assert mean_absolute_difference([50, 60, 70], [40, 75, 70]) == pytest.approx(25 / 3)
    assert mean_absolute_difference([], []) is None
    assert pooled_deviation([[70, 74]]) == pytest.approx(8**0.5)
    assert pooled_deviation([[70, 74], [50, 50, 50]]) == pytest.approx((8 / 3) ** 0.5)
    assert pooled_deviation([]) is None
