"""The checker of histories (what it accepts, and what it must reject), and histories of real processes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from bench import quota_checker
from bench.quota_checker import SearchTooWide
from bench.quota_fleet import Plan
from bench.quota_history import generate, judge
from tests.quota.history_examples import RIGHT
from tests.quota.history_mistakes import WRONG
from tests.quota.history_runs import History, read, reserve
from tests.quota.history_strategies import changed_histories, right_histories

SMALL = Plan(operations=2_000, processes=2, seed=1, learners=20, operations_a_kill=500, keep_seconds=1)


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


async def test_histories_of_processes_that_are_killed_can_be_explained(
    database_url: str, tmp_path: Path
) -> None:
    happened = await generate(SMALL, database_url, tmp_path)
    verdict = judge(tmp_path)
    assert (verdict.violations, verdict.undecided) == ([], [])
    assert verdict.counts["histories checked"] == SMALL.learners
    assert verdict.counts["operations"] >= SMALL.operations
    assert happened["kills -9"] >= 2
    assert verdict.counts["outcomes: refused"] > 0
    assert verdict.counts["outcomes: cancelled"] > 0

    tables = json.loads((tmp_path / "tables.json").read_text())
    tables["days"][0][2] += 1
    (tmp_path / "tables.json").write_text(json.dumps(tables))
    (violation,) = judge(tmp_path).violations
    assert f"of the tables for {tables['days'][0][1]}" in violation
