"""Folding: what was stored since the last time moves into the roll-ups, exactly once.

The watermark. Neither a position in a sequence nor a time marks "everything up to here is folded":
transactions commit in another order than they draw numbers or read clocks, and a mark would pass by a
transaction that commits late. So the mark is kept for each transaction. A transaction that stores events
inserts one row into `pending_event_batches` and the number of that row into each event; a trigger marks the
quarter hour of each changed session in `stale_quarter_hours`. Folding deletes such rows and changes the
roll-ups in one transaction: a batch is either pending or folded and never both, a transaction that commits
late is found late, and a crash in between changes nothing. Unlike a horizon of transaction ids this survives
a dump and restore, and no long transaction elsewhere in the cluster delays it. Everything that was committed
before the oldest pending row is in the roll-ups: that is `asOf`.

Events are added, because they never change. Quarter hours are computed anew from their sessions, which do
change and are deleted. One transaction at a time does this, under an advisory lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from cara.analytics import rollup_queries
from cara.observability.metrics import ROLLUP_ROWS
from cara.postgres.database import Connection, Database

logger = logging.getLogger(__name__)

LOCK_TIMEOUT_SECONDS = 5.0
TRANSACTION_SECONDS = 15.0
"""The longest that one transaction of a fold may keep accounts and roll-ups locked, and wait for them."""

EVENTS_PER_FOLD = 50_000
BATCHES_PER_FOLD = 5_000
QUARTER_HOURS_PER_FOLD = 5_000


class RollupsLocked(Exception):
    """Another process is folding, rebuilding or dropping a partition."""


async def fold(database: Database, *, seconds: float = 30.0) -> int:
    """Folds until nothing is pending, or the time is up; returns the number of rows it took.

    Safe to run anywhere, at any time, as often as you like. When another process has been folding for
    `LOCK_TIMEOUT_SECONDS`, the rest is left to that process.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    total = 0
    try:
        while loop.time() < end:
            taken = await _fold_events(database) + await _fold_sessions(database)
            if not taken:
                break
            total += taken
            ROLLUP_ROWS.inc(taken)
    except RollupsLocked:
        logger.info("another process is folding the roll-ups")
    return total


@asynccontextmanager
async def _locked_rollups(database: Database) -> AsyncIterator[Connection]:
    """Yields a transaction for one kind of rows alone.

    It must lock the accounts before it changes anything.

    Raises:
        RollupsLocked: another process has held them for `LOCK_TIMEOUT_SECONDS`.
    """
    async with database.transaction(seconds=TRANSACTION_SECONDS) as connection:
        await rollup_queries.set_lock_timeout(connection, LOCK_TIMEOUT_SECONDS)
        try:
            await rollup_queries.lock_rollups(connection)
        except asyncpg.LockNotAvailableError:
            raise RollupsLocked from None
        yield connection


async def _fold_events(database: Database) -> int:
    async with _locked_rollups(database) as connection:
        batches = await rollup_queries.take_batches(connection, EVENTS_PER_FOLD, BATCHES_PER_FOLD)
        if batches:
            received = [batch["created_at"] for batch in batches]
            await rollup_queries.fold_events(
                connection, [batch["id"] for batch in batches], min(received), max(received)
            )
    return sum(max(1, batch["events"]) for batch in batches)


async def _fold_sessions(database: Database) -> int:
    async with _locked_rollups(database) as connection:
        stale = await rollup_queries.take_stale_quarter_hours(connection, QUARTER_HOURS_PER_FOLD)
        if stale:
            await rollup_queries.lock_accounts(connection, stale)
            await rollup_queries.delete_empty_quarter_hours(connection, stale)
            await rollup_queries.compute_quarter_hours(connection, stale)
    return len(stale)
