"""Partitions of raw events: made ahead, and dropped when their time is over."""

from __future__ import annotations

import logging
import re
from datetime import date, datetime, timedelta

import asyncpg

from cara.analytics import partition_queries
from cara.analytics.event_queries import create_partition
from cara.analytics.locks import take_turn, wait_at_most
from cara.postgres.database import Database

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 2
IN_THE_WAY_SECONDS = 2.0


async def keep_partitions(
    database: Database,
    retention_days: int,
    now: datetime,
    *,
    patience_seconds: float = IN_THE_WAY_SECONDS,
) -> list[str]:
    """Makes the partitions of this month and the next ones, and drops those past retention; their names.

    A partition goes when all its events were received longer ago than the retention. Roll-ups stay.
    """
    async with database.acquire() as connection:
        for months in range(MONTHS_AHEAD + 1):
            await create_partition(connection, month_after(now.date(), months))
        names = await partition_queries.partition_names(connection)
    oldest_kept = now.date() - timedelta(days=retention_days)
    ended = [name for name in names if month_after(month_of(name), 1) <= oldest_kept]
    return [name for name in ended if await _drop(database, name, patience_seconds)]


async def _drop(database: Database, name: str, patience_seconds: float) -> bool:
    """False when running statements are in the way or some of its events wait to be folded: the next run
    tries again."""
    try:
        async with database.transaction() as connection:
            # Others wait behind this one while it waits for them.
            await wait_at_most(connection, patience_seconds)
            # Nobody folds or rebuilds what is about to go.
            await take_turn(connection)
            if await partition_queries.waits_to_be_folded(connection, month_after(month_of(name), 1)):
                logger.info("partition %s is not folded yet", name)
                return False
            # An event may have happened a little after it was received, hence one more day.
            first_whole_day = month_after(month_of(name), 1) + timedelta(days=1)
            await partition_queries.limit_recomputing(connection, first_whole_day)
            await partition_queries.drop_partition(connection, name)
    except asyncpg.LockNotAvailableError:
        logger.info("partition %s is in use", name)
        return False
    logger.info("dropped %s", name)
    return True


def month_of(partition: str) -> date:
    """The first day of the month that a partition holds."""
    found = re.fullmatch(r"analytics_events_(\d{4})_(\d{2})", partition)
    if found is None:
        raise ValueError(f"{partition!r} is no partition of ours")
    return date(int(found[1]), int(found[2]), 1)


def month_after(day: date, months: int) -> date:
    """The first day of the month so many months later."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
