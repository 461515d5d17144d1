"""Partitions of raw events: created ahead, and dropped past retention."""

from __future__ import annotations

import logging
import re
from datetime import date, datetime, timedelta

import asyncpg

from cara.analytics import event_queries, rollup_queries
from cara.postgres.database import Connection, Database

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 2
LOCK_TIMEOUT_SECONDS = 2.0
"""Statements on the raw events queue behind a drop that waits for its lock."""


class PartitionInUse(Exception):
    """Statements use the partition, or another process holds the roll-ups."""


async def keep_partitions(
    database: Database,
    retention_days: int,
    now: datetime,
    *,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> list[str]:
    """Creates the partitions of this month and the next ones, and drops those past retention.

    A partition is dropped once all its events were received longer ago than the retention. Roll-ups stay.
    Returns the names of the dropped partitions.
    """
    async with database.acquire() as connection:
        for months in range(MONTHS_AHEAD + 1):
            await event_queries.create_partition(connection, month_after(now.date(), months))
        names = await event_queries.partition_names(connection)
    oldest_kept = now.date() - timedelta(days=retention_days)
    expired = [name for name in names if month_after(month_of(name), 1) <= oldest_kept]
    return [name for name in expired if await _drop(database, name, lock_timeout_seconds)]


async def _drop(database: Database, name: str, lock_timeout_seconds: float) -> bool:
    """Returns False when statements use the partition or some of its events are pending.

    The next run tries again.
    """
    following_month = month_after(month_of(name), 1)
    try:
        async with database.transaction() as connection:
            await _lock(connection, name, lock_timeout_seconds)
            if await rollup_queries.has_pending_events(connection, following_month):
                logger.info("partition %s has events that are not folded yet", name)
                return False
            # An event may have happened a little after it was received, hence one more day.
            await rollup_queries.limit_recomputing(connection, following_month + timedelta(days=1))
            await event_queries.drop_partition(connection, name)
    except PartitionInUse:
        logger.info("partition %s is in use", name)
        return False
    logger.info("dropped partition %s", name)
    return True


async def _lock(connection: Connection, name: str, timeout_seconds: float) -> None:
    """Keeps other processes from folding, and all others from the partition.

    Raises:
        PartitionInUse: a lock was not granted in time.
    """
    await rollup_queries.set_lock_timeout(connection, timeout_seconds)
    try:
        await rollup_queries.lock_rollups(connection)
        await event_queries.lock_partition(connection, name)
    except asyncpg.LockNotAvailableError:
        raise PartitionInUse from None


def month_of(partition: str) -> date:
    """Returns the first day of the month that a partition holds.

    Raises:
        ValueError: the name is not that of a partition.
    """
    found = re.fullmatch(r"analytics_events_(\d{4})_(\d{2})", partition)
    if found is None:
        raise ValueError(f"{partition!r} is not the name of a partition")
    return date(int(found[1]), int(found[2]), 1)


def month_after(day: date, months: int) -> date:
    """Returns the first day of the month so many months later."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
