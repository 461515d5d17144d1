"""Watches how far the clock of this process is from PostgreSQL's.

What several processes have to agree on goes by no clock of theirs: leases, due times and the grace of refresh
tokens go by PostgreSQL's, the queue by that of Redis. What a process does by its own (the day of a quota, the
lifetime of tokens) tolerates seconds. So a wrong clock delays nothing, but operators should hear of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cara.errors import Unavailable
from cara.observability.metrics import CLOCK_OFFSET_SECONDS
from cara.postgres.database import Connection, Database

TOLERANCE_SECONDS = 2.0
CHECK_SECONDS = 30.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def watched_clock(database: Database) -> AsyncIterator[None]:
    """Watches the clock during the block; a difference is logged at first, and whenever it changes."""
    watching = asyncio.create_task(_watch(database), name="clock watch")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def _watch(database: Database) -> None:
    known = 0.0
    while True:
        try:
            async with database.acquire() as connection:
                offset, uncertainty = await clock_offset(connection)
        except Unavailable:
            pass  # the requests that need the database say so
        else:
            CLOCK_OFFSET_SECONDS.set(offset)
            if abs(offset - known) > TOLERANCE_SECONDS + uncertainty:
                known = _tell(offset)
        await asyncio.sleep(CHECK_SECONDS)


async def clock_offset(connection: Connection) -> tuple[float, float]:
    """Returns by how many seconds our clock is ahead of PostgreSQL's, and how uncertain that is."""
    before, started = time.time(), time.perf_counter()
    there = await connection.fetchval("select extract(epoch from clock_timestamp())::float8")
    half = (time.perf_counter() - started) / 2
    return before + half - float(there), half


def _tell(offset: float) -> float:
    """Logs the offset; returns what is known from now on."""
    if abs(offset) <= TOLERANCE_SECONDS:
        logger.info("the clock of this process agrees with that of PostgreSQL")
        return 0.0
    where = "ahead of" if offset > 0 else "behind"
    logger.warning(
        "the clock of this process is %.1f s %s that of PostgreSQL: it should be set (NTP)",
        abs(offset),
        where,
    )
    return offset
