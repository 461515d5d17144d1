"""The checker of histories (what it accepts, and what it must reject)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from bench import quota_checker
from bench.quota_checker import SearchTooWide
from tests.quota.history_examples import RIGHT, WRONG
from tests.quota.history_runs import History, read, reserve
from tests.quota.history_strategies import changed_histories, right_histories


@pytest.mark.parametrize("history", RIGHT.values(), ids=RIGHT)
def test_right_histories_are_accepted(history: History) -> None:
    assert history.check() is None
    assert history.can_be_explained()


@pytest.mark.parametrize("history", WRONG.values(), ids=WRONG)
def test_wrong_histories_are_rejected(history: History) -> None:
    assert history.check() is not None
    assert not history.can_be_explained()


def test_a_violation_names_the_operation_and_the_states_that_were_possible() -> None:
    told = str(WRONG["over-admission"].check())
    assert "Reserve(invoked=1, returned=4" in told
    assert told.count("possible before") == 1


@given(right_histories(steps=25))
@settings(max_examples=200, deadline=None)
def test_whatever_a_right_quota_does_is_accepted(history: History) -> None:
    assert history.check() is None


@given(changed_histories(right_histories(steps=25, is_plain=True)))
@settings(max_examples=200, deadline=None)
def test_a_sequence_with_one_other_result_is_rejected(history: History) -> None:
    assert history.check() is not None


@given(right_histories(steps=4) | changed_histories(right_histories(steps=4)))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_search_decides_as_trying_all_orders_does(history: History) -> None:
    assert (history.check() is None) == history.can_be_explained()


def test_a_history_that_allows_too_much_is_not_called_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_checker, "MAX_CONFIGURATIONS", 50)
    wanted = [reserve(f"r{number}", (1, 100), 1, known=False) for number in range(9)]
    with pytest.raises(SearchTooWide, match="10 operations at once"):
        replace(RIGHT["nothing happened"], operations=[*wanted, read((2, 3), (0, 10, 0))]).check()
