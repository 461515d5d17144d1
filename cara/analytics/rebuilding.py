"""Computes roll-ups again from raw events and sessions, without the help of what was there before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import asyncpg

from cara.analytics import partition_queries, rebuild_queries
from cara.analytics.locks import take_turn, wait_at_most
from cara.errors import InvalidInput, Unavailable
from cara.postgres.database import Connection, Database

SLICES = 100
TURN_SECONDS = 60.0

Progress = Callable[[int, int], None]
"""Is told how many steps are done, and of how many."""


class DaysForgotten(InvalidInput):
    """Raw events of the wanted days are past retention."""

    code = "days_forgotten"


class DaysReversed(InvalidInput):
    detail = "The last day lies before the first one."


class RollupsBusy(Unavailable):
    """Somebody else has been changing the roll-ups without a pause."""

    code = "rollups_busy"
    detail = "The roll-ups are being folded. Please try again in a moment."


@dataclass(frozen=True)
class RebuiltDays:
    """The days (UTC, both included) whose roll-ups were computed again; None: without end."""

    from_day: date | None
    to_day: date | None


async def rebuild(
    database: Database, from_day: date | None, to_day: date | None, on_progress: Progress
) -> RebuiltDays:
    """Computes the roll-ups of these days (UTC, both included), by default of all that can be computed.

    One transaction: readers see the old tables until it commits, folding waits, and events go on being
    accepted; only deletions of accounts wait. What is pending stays so, and the next fold adds it.

    Raises:
        DaysReversed: there are no such days.
        DaysForgotten: raw events of `from_day` have been dropped.
        RollupsBusy: somebody else was in the way for `TURN_SECONDS`.
    """
    last = to_day or date.max
    if from_day and from_day > last:
        raise DaysReversed
    async with database.transaction() as connection:
        await _hold_all(connection)
        first = await _first_day(connection, from_day)
        await rebuild_queries.rest_triggers(connection)
        await _count(connection, first, last, on_progress)
        await _rebuild_learners(connection, first, last)
        await _rebuild_everybody(connection, first, last)
        on_progress(SLICES, SLICES)
    return RebuiltDays(None if first == date.min else first, to_day)


async def _hold_all(connection: Connection) -> None:
    """Keeps everybody else from folding, from dropping partitions and from deleting accounts."""
    await wait_at_most(connection, TURN_SECONDS)
    try:
        await take_turn(connection)
        await rebuild_queries.hold_all_accounts(connection)
        await rebuild_queries.take_turn_with_derived(connection)
    except asyncpg.LockNotAvailableError:
        raise RollupsBusy(retry_after_seconds=TURN_SECONDS) from None


async def _first_day(connection: Connection, from_day: date | None) -> date:
    earliest = await partition_queries.recomputable_from(connection)
    if from_day is None:
        return earliest
    if from_day < earliest:
        raise DaysForgotten(f"Events of before {earliest} are gone: begin on that day.")
    return from_day


async def _count(connection: Connection, from_day: date, to_day: date, on_progress: Progress) -> None:
    """Reads the raw events once, a slice of their batches at a time."""
    await rebuild_queries.make_room(connection)
    bounds = await rebuild_queries.batch_bounds(connection)
    step = max(1, (bounds["last"] - bounds["first"]) // SLICES + 1)
    for done, first in enumerate(range(bounds["first"], bounds["last"] + 1, step)):
        on_progress(done, SLICES)
        await rebuild_queries.count_batches(connection, first, first + step - 1, from_day, to_day)


async def _rebuild_learners(connection: Connection, from_day: date, to_day: date) -> None:
    await rebuild_queries.clear_learner_days(connection, from_day, to_day)
    await rebuild_queries.fill_learner_days(connection)
    await rebuild_queries.clear_learner_weeks(connection, from_day, to_day)
    await rebuild_queries.fill_learner_weeks(connection, from_day, to_day)
    await rebuild_queries.clear_quarters(connection, from_day, to_day)
    await rebuild_queries.fill_quarters(connection, from_day, to_day)


async def _rebuild_everybody(connection: Connection, from_day: date, to_day: date) -> None:
    await rebuild_queries.clear_feature_days(connection, from_day, to_day)
    await rebuild_queries.fill_feature_days(connection, from_day, to_day)
    await rebuild_queries.clear_returns(connection)
    await rebuild_queries.fill_returns(connection)
    await rebuild_queries.clear_cohorts(connection)
    await rebuild_queries.fill_cohorts(connection)
