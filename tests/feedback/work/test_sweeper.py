"""The sweeper keeps the reservations of live jobs from expiring, and leaves all others alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from cara.feedback.work.requests import KEEP_RESERVATION_SECONDS
from cara.feedback.work.sweeper import sweep
from cara.postgres.database import Database
from cara.quota.quota import Quota
from cara.redis.queue import Queue, arq_client
from tests.learners import Learner

HALF = KEEP_RESERVATION_SECONDS / 2
SECOND = timedelta(seconds=1)


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    redis = arq_client(redis_url, size=2)
    yield Queue(redis)
    await redis.aclose(close_connection_pool=True)


async def set_status_and_expiry(database: Database, status: str, seconds: float) -> datetime:
    """Sets the job's status, and its reservation's time to live; returns when the reservation expires."""
    async with database.acquire() as connection:
        await connection.execute(
            """
            update feedback_jobs
            set status = $1,
                lease_expires_at = case when $1 = 'running' then now() + interval '1 minute' end,
                finished_at = case when $1 in ('succeeded', 'failed', 'cancelled') then now() end
            """,
            status,
        )
        return await connection.fetchval(
            """
            update quota_reservations
            set expires_at = now() + make_interval(secs => $1)
            returning expires_at
            """,
            seconds,
        )


async def reservations(database: Database) -> list[tuple[datetime, datetime]]:
    """When each reservation expires, and what time it is."""
    async with database.acquire() as connection:
        rows = await connection.fetch("select expires_at, now() as time from quota_reservations")
    return [(row["expires_at"], row["time"]) for row in rows]


@pytest.mark.parametrize("status", ["queued", "running"])
@pytest.mark.parametrize("seconds", [-1, 60, HALF - 60])
async def test_the_reservation_of_a_live_job_is_prolonged_before_it_expires(
    learner: Learner, database: Database, queue: Queue, status: str, seconds: float
) -> None:
    await learner.asks_for_feedback()
    await set_status_and_expiry(database, status, seconds)
    await sweep(database, queue, Quota(50_000), attempts_limit=5)
    ((expires_at, time),) = await reservations(database)
    assert timedelta(0) <= time + timedelta(seconds=KEEP_RESERVATION_SECONDS) - expires_at < 30 * SECOND
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] > 0


@pytest.mark.parametrize("status", ["queued", "running"])
async def test_a_reservation_that_is_far_from_expiry_stays_as_it_is(
    learner: Learner, database: Database, queue: Queue, status: str
) -> None:
    await learner.asks_for_feedback()
    expected = await set_status_and_expiry(database, status, HALF + 60)
    await sweep(database, queue, Quota(50_000), attempts_limit=5)
    assert [expires_at for expires_at, _ in await reservations(database)] == [expected]


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
async def test_the_reservation_of_a_job_that_has_ended_is_left_to_expire(
    learner: Learner, database: Database, queue: Queue, status: str
) -> None:
    await learner.asks_for_feedback()
    expected = await set_status_and_expiry(database, status, 60)
    await sweep(database, queue, Quota(50_000), attempts_limit=5)
    assert [expires_at for expires_at, _ in await reservations(database)] == [expected]

    await set_status_and_expiry(database, status, -1)
    await sweep(database, queue, Quota(50_000), attempts_limit=5)
    assert await reservations(database) == []
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0


async def test_the_reservation_of_another_call_is_not_prolonged(
    learner: Learner, database: Database, queue: Queue
) -> None:
    await learner.asks_for_feedback()
    expected = await set_status_and_expiry(database, "queued", 60)
    async with database.acquire() as connection:
        await connection.execute("update quota_reservations set id = gen_random_uuid()")
    await sweep(database, queue, Quota(50_000), attempts_limit=5)
    assert [expires_at for expires_at, _ in await reservations(database)] == [expected]
