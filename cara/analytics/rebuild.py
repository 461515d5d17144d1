"""Rebuilding: computes roll-ups again from raw events and sessions alone, whatever the tables say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import asyncpg

from cara.analytics import rebuild_queries, rollup_queries
from cara.errors import InvalidInput, Unavailable
from cara.postgres.database import Connection, Database

SLICES = 100
LOCK_TIMEOUT_SECONDS = 60.0
TRANSACTION_SECONDS = 24 * 3_600.0

Progress = Callable[[int, int], None]
"""Receives how many steps are done, and how many there are."""


class DaysPastRetention(InvalidInput):
    """Raw events of the requested days are past retention."""

    code = "days_forgotten"


class DaysReversed(InvalidInput):
    detail = "The first day must not be later than the last one."


class RollupsBusy(Unavailable):
    """Another process holds the roll-ups or an account."""

    code = "rollups_busy"
    detail = "The roll-ups are being folded. Please try again in a moment."


@dataclass(frozen=True)
class RebuiltDays:
    """The days (UTC, both included) whose roll-ups were rebuilt; None: without a bound."""

    from_day: date | None
    to_day: date | None


async def rebuild(
    database: Database, from_day: date | None, to_day: date | None, on_progress: Progress
) -> RebuiltDays:
    """Computes the roll-ups of these days (UTC, both included), by default of all that can be computed.

    Runs in one transaction: readers see the old tables until it commits, folding waits, and events are still
    accepted; only deletions of accounts wait. What is pending stays pending, and the next fold adds it.

    Raises:
        DaysReversed: `from_day` is later than `to_day`.
        DaysPastRetention: raw events of `from_day` have been dropped.
        RollupsBusy: another process held a lock for `LOCK_TIMEOUT_SECONDS`.
    """
    last = to_day or date.max
    if from_day and from_day > last:
        raise DaysReversed
    async with database.transaction(seconds=TRANSACTION_SECONDS) as connection:
        await _lock_all(connection)
        first = await _first_day(connection, from_day)
        await rebuild_queries.suspend_triggers(connection)
        await _count_events(connection, first, last, on_progress)
        await _fill_single_learners(connection, first, last)
        await _fill_all_learners(connection, first, last)
        on_progress(SLICES, SLICES)
    return RebuiltDays(None if first == date.min else first, to_day)


async def _lock_all(connection: Connection) -> None:
    """Keeps other processes from folding, from dropping partitions and from deleting accounts."""
    await rollup_queries.set_lock_timeout(connection, LOCK_TIMEOUT_SECONDS)
    try:
        await rollup_queries.lock_rollups(connection)
        await rebuild_queries.lock_all_accounts(connection)
        await rebuild_queries.lock_derived_rollups(connection)
    except asyncpg.LockNotAvailableError:
        raise RollupsBusy(retry_after_seconds=LOCK_TIMEOUT_SECONDS) from None


async def _first_day(connection: Connection, from_day: date | None) -> date:
    earliest = await rollup_queries.recomputable_from(connection)
    if from_day is None:
        return earliest
    if from_day < earliest:
        raise DaysPastRetention(f"Events from before {earliest} are no longer stored: start with that day.")
    return from_day


async def _count_events(connection: Connection, from_day: date, to_day: date, on_progress: Progress) -> None:
    """Reads the raw events once, a slice of their batches at a time."""
    await rebuild_queries.create_temp_table(connection)
    bounds = await rebuild_queries.batch_bounds(connection)
    step = max(1, (bounds["last"] - bounds["first"]) // SLICES + 1)
    for done, first in enumerate(range(bounds["first"], bounds["last"] + 1, step)):
        on_progress(done, SLICES)
        await rebuild_queries.count_batches(connection, first, first + step - 1, from_day, to_day)


async def _fill_single_learners(connection: Connection, from_day: date, to_day: date) -> None:
    await rebuild_queries.clear_learner_days(connection, from_day, to_day)
    await rebuild_queries.fill_learner_days(connection)
    await rebuild_queries.clear_learner_weeks(connection, from_day, to_day)
    await rebuild_queries.fill_learner_weeks(connection, from_day, to_day)
    await rebuild_queries.clear_quarter_hours(connection, from_day, to_day)
    await rebuild_queries.fill_quarter_hours(connection, from_day, to_day)


async def _fill_all_learners(connection: Connection, from_day: date, to_day: date) -> None:
    await rebuild_queries.clear_feature_days(connection, from_day, to_day)
    await rebuild_queries.fill_feature_days(connection, from_day, to_day)
    await rebuild_queries.clear_next_activity_days(connection)
    await rebuild_queries.fill_next_activity_days(connection)
    await rebuild_queries.clear_cohort_weeks(connection)
    await rebuild_queries.fill_cohort_weeks(connection)
