"""Folding: what was stored since the last time moves into the roll-ups, once.

The watermark. A position in a sequence, or a time, is no safe mark for "everything up to here is folded":
transactions commit in another order than they draw numbers or read clocks, and one that commits late would
be passed by. So the mark is kept by transaction. Whoever stores events inserts, in the same transaction, one
row into `pending_event_batches`, and its number into each event; whoever changes a session (a trigger sees to
it) marks its quarter of an hour in `stale_learner_quarters`. Folding deletes such rows and changes the
roll-ups in one transaction: a batch is either pending or folded and never both, a transaction that commits
late is simply found late, and a crash in between changes nothing. Unlike a horizon of transaction ids this
survives a dump and restore, and no long transaction elsewhere in the cluster holds it up. Everything that was
committed before the oldest pending row is in the roll-ups: that is `asOf`.

Events are added, for they never change; quarters are computed anew from their sessions, which do change and
go. One transaction at a time does this, under an advisory lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from cara.analytics import rollup_queries
from cara.analytics.locks import take_turn, wait_at_most
from cara.observability.metrics import ROLLUP_ROWS
from cara.postgres.database import Connection, Database

logger = logging.getLogger(__name__)

TURN_SECONDS = 5.0
EVENTS_AT_ONCE = 50_000
BATCHES_AT_ONCE = 5_000
QUARTERS_AT_ONCE = 5_000


async def fold(database: Database, *, seconds: float = 30.0) -> int:
    """Folds until nothing is pending, or the time is up; returns how many rows it took.

    Safe to run anywhere, at any time, as often as one likes. When another process has been folding for
    `TURN_SECONDS` already, the rest is left to it.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    total = 0
    try:
        while loop.time() < end:
            taken = await _in_turn(database, _fold_events) + await _in_turn(database, _fold_sessions)
            if not taken:
                break
            total += taken
            ROLLUP_ROWS.inc(taken)
    except asyncpg.LockNotAvailableError:
        logger.info("another process is folding")
    return total


async def _in_turn(database: Database, step: Callable[[Connection], Awaitable[int]]) -> int:
    """One step in a transaction of its own: it must hold the accounts before it changes anything."""
    async with database.transaction() as connection:
        await wait_at_most(connection, TURN_SECONDS)
        await take_turn(connection)
        return await step(connection)


async def _fold_events(connection: Connection) -> int:
    batches = await rollup_queries.take_batches(connection, EVENTS_AT_ONCE, BATCHES_AT_ONCE)
    if batches:
        received = [batch["created_at"] for batch in batches]
        await rollup_queries.fold_events(
            connection, [batch["id"] for batch in batches], min(received), max(received)
        )
    return sum(max(1, batch["events"]) for batch in batches)


async def _fold_sessions(connection: Connection) -> int:
    stale = await rollup_queries.take_stale_quarters(connection, QUARTERS_AT_ONCE)
    if stale:
        await rollup_queries.hold_accounts(connection, stale)
        await rollup_queries.drop_empty_quarters(connection, stale)
        await rollup_queries.compute_quarters(connection, stale)
    return len(stale)
