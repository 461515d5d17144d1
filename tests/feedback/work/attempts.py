"""Attempts at jobs without a worker around them, and what they leave in the tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from cara.feedback.work.outcomes import Outcomes
from cara.feedback.work.run import FeedbackWork
from cara.gemini.client import connect_gemini
from cara.postgres.database import Connection, Database, Record, one_row
from cara.settings import Settings
from tests.waiting import time_limit
from worker.main import connected


@asynccontextmanager
async def working(
    settings: Settings, *, redis: Redis | None = None, database: Database | None = None, **options: Any
) -> AsyncIterator[tuple[FeedbackWork, Outcomes]]:
    """The services of a worker process, to be called directly."""
    gemini = connect_gemini(settings)
    async with connected(settings) as context, time_limit():
        database = database or context.database
        reservations = context.reservations
        outcomes = Outcomes(database, reservations, context.queue, settings.job_attempts)
        try:
            yield (
                FeedbackWork(
                    database,
                    redis or context.redis,
                    context.subscriber,
                    gemini,
                    outcomes,
                    reservations,
                    settings.job_lease_seconds,
                    **options,
                ),
                outcomes,
            )
        finally:
            await gemini.close()


async def the_job(database: Database) -> Record:
    async with database.acquire() as connection:
        return await one_row(connection, "select * from feedback_jobs")


async def charges(database: Database) -> list[int]:
    """The tokens of each ledger entry; the day's counter must be their sum."""
    async with database.acquire() as connection:
        rows = await connection.fetch("select tokens_used from quota_usage order by created_at")
        used = await connection.fetchval("select used from quota_days")
    assert used == sum(row["tokens_used"] for row in rows)
    return [row["tokens_used"] for row in rows]


async def somebody_waits_with(words: str, connection: Connection) -> None:
    """Returns when a statement with these words waits for a lock of this connection."""
    waiting = """
        select exists (
            select
            from pg_stat_activity
            where pg_backend_pid() = any(pg_blocking_pids(pid)) and strpos(query, $1) > 0
        )
    """
    while not await connection.fetchval(waiting, words):
        await connection.execute("select pg_stat_clear_snapshot()")
        await asyncio.sleep(0.02)
