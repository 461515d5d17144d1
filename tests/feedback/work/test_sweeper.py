"""The sweeper hands out what was forgotten or abandoned, and keeps the reservations of live jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from arq.constants import in_progress_key_prefix
from redis.asyncio import Redis

from cara.feedback.work.reservation import KEEP_RESERVATION_SECONDS, AttemptReservations
from cara.feedback.work.sweeper import sweep
from cara.postgres.database import Database
from cara.quota.quota import Quota
from cara.redis.queue import FEEDBACK_QUEUE, Queue, arq_client
from tests.coach.coach_client import limit_tokens
from tests.feedback.work.attempts import the_job
from tests.feedback.work.test_costs import counted
from tests.learners import TALK, Learner
from tests.waiting import time_limit

RESERVATIONS = AttemptReservations(Quota(50_000), "low")
HALF = KEEP_RESERVATION_SECONDS / 2
SECOND = timedelta(seconds=1)
SWEPT = ("overdue", "abandoned")


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
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    ((expires_at, time),) = await reservations(database)
    assert timedelta(0) <= time + timedelta(seconds=KEEP_RESERVATION_SECONDS) - expires_at < 30 * SECOND
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] > 0


@pytest.mark.parametrize("status", ["queued", "running"])
async def test_a_reservation_that_is_far_from_expiry_stays_as_it_is(
    learner: Learner, database: Database, queue: Queue, status: str
) -> None:
    await learner.asks_for_feedback()
    expected = await set_status_and_expiry(database, status, HALF + 60)
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    assert [expires_at for expires_at, _ in await reservations(database)] == [expected]


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
async def test_the_reservation_of_a_job_that_has_ended_is_left_to_expire(
    learner: Learner, database: Database, queue: Queue, status: str
) -> None:
    await learner.asks_for_feedback()
    expected = await set_status_and_expiry(database, status, 60)
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    assert [expires_at for expires_at, _ in await reservations(database)] == [expected]

    await set_status_and_expiry(database, status, -1)
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    assert await reservations(database) == []
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0


async def test_the_reservation_of_another_call_is_not_prolonged(
    learner: Learner, database: Database, queue: Queue
) -> None:
    await learner.asks_for_feedback()
    expected = await set_status_and_expiry(database, "queued", 60)
    async with database.acquire() as connection:
        await connection.execute("update quota_reservations set id = gen_random_uuid()")
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    assert [expires_at for expires_at, _ in await reservations(database)] == [expected]


async def test_what_was_forgotten_and_what_was_abandoned_is_enqueued_again_and_counted(
    learner: Learner, database: Database, queue: Queue, redis_url: str
) -> None:
    forgotten, abandoned, fresh, held = [
        UUID((await learner.asks_for_feedback(f"{TALK} {number}"))["jobId"]) for number in range(4)
    ]
    states = {
        forgotten: "attempts = 1, run_after = now() - make_interval(secs => 5.1)",
        abandoned: "status = 'running', attempts = 2, lease_expires_at = now()",
        fresh: "run_after = now()",
        held: "status = 'running', attempts = 1, lease_expires_at = now() + interval '1 minute'",
    }
    async with database.acquire() as connection:
        for job_id, state in states.items():
            await connection.execute(f"update feedback_jobs set {state} where id = $1", job_id)
    before = {found: counted("cara_feedback_jobs_swept_total", found=found) for found in SWEPT}
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        await redis.set(f"{in_progress_key_prefix}{forgotten}:1", b"1")
        await sweep(database, queue, RESERVATIONS, attempts_limit=5)
        entries = {entry.decode() for entry in await redis.zrange(FEEDBACK_QUEUE, 0, -1)}
        assert not await redis.exists(f"{in_progress_key_prefix}{forgotten}:1")
    assert entries == {f"{forgotten}:1", f"{abandoned}:2"}
    after = {found: counted("cara_feedback_jobs_swept_total", found=found) for found in SWEPT}
    assert after == {found: count + 1 for found, count in before.items()}


async def abandon(database: Database, more: str = "") -> None:
    """Lets the worker of the job die, in its second attempt."""
    async with database.acquire() as connection:
        await connection.execute(
            f"update feedback_jobs set status = 'running', attempts = 2, lease_expires_at = now(){more}"
        )


async def record_spending(database: Database) -> UUID:
    """Records that the call of the job's attempt was sent and answered in part; returns its reservation."""
    async with database.acquire() as connection:
        return UUID(
            str(
                await connection.fetchval(
                    """
                    update quota_reservations
                    set model = 'a-model', input_tokens = 2_000, output_tokens = 120
                    returning id
                    """
                )
            )
        )


async def test_what_a_dead_attempt_had_cost_is_charged_and_the_next_one_is_reserved_for_anew(
    learner: Learner, database: Database, queue: Queue
) -> None:
    await learner.asks_for_feedback()
    before = await learner.expects(200, "GET", "/api/gemini/quota")
    dead = await record_spending(database)
    await abandon(database)
    for _ in range(2):
        await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    job = await the_job(database)
    assert (job["status"], job["attempts"], job["failures"], job["answers"]) == ("queued", 2, 1, 0)
    after = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (after["tokensUsed"], after["reserved"]) == (2_120, before["reserved"])
    async with database.acquire() as connection:
        assert await connection.fetchval("select id from quota_usage") == dead
        left = await connection.fetchrow("select id, model from quota_reservations")
    assert (left["id"], left["model"]) == (job["reservation_id"], None)
    assert job["reservation_id"] != dead


async def test_an_attempt_that_died_before_it_was_sent_costs_nothing(
    learner: Learner, database: Database, queue: Queue
) -> None:
    await learner.asks_for_feedback()
    before = await learner.expects(200, "GET", "/api/gemini/quota")
    await abandon(database)
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    assert await learner.expects(200, "GET", "/api/gemini/quota") == before
    assert (await the_job(database))["failures"] == 1


async def test_a_dead_attempt_that_leaves_no_tokens_for_another_fails_the_job(
    learner: Learner, database: Database, queue: Queue
) -> None:
    job = await learner.asks_for_feedback()
    reserved = (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"]
    await record_spending(database)
    await abandon(database)
    await limit_tokens(database, reserved - 2_000)
    before = counted("cara_feedback_jobs_ended_total", status="failed")
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["problem"]["code"]) == ("failed", "quota_exceeded")
    assert counted("cara_feedback_jobs_ended_total", status="failed") == before + 1
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (quota["tokensUsed"], quota["reserved"]) == (2_120, 0)


@pytest.mark.parametrize("more", [", cancel_requested = true", ", failures = 4"])
async def test_a_dead_attempt_that_is_the_last_is_charged_as_well(
    learner: Learner, database: Database, queue: Queue, more: str
) -> None:
    job = await learner.asks_for_feedback()
    await record_spending(database)
    await abandon(database, more)
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert ended["status"] == ("cancelled" if "cancel" in more else "failed")
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (quota["tokensUsed"], quota["reserved"]) == (2_120, 0)


async def test_the_next_attempt_after_a_death_is_due_at_once_and_knows_what_the_job_had_before(
    learner: Learner, database: Database, queue: Queue
) -> None:
    await learner.asks_for_feedback()
    usual = (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"]
    await abandon(database, ", failures = 2, answers = 1, more_output = true")
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    job = await the_job(database)
    assert (job["failures"], job["answers"], job["more_output"]) == (3, 1, True)
    async with database.acquire() as connection:
        assert await connection.fetchval("select run_after <= now() from feedback_jobs")
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] > usual


async def test_a_limit_that_was_lowered_below_any_attempt_fails_a_job_whose_worker_died(
    learner: Learner, database: Database, queue: Queue
) -> None:
    job = await learner.asks_for_feedback()
    await abandon(database)
    await limit_tokens(database, 1_000)
    await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["problem"]["code"]) == ("failed", "too_long_for_quota")
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0


@pytest.mark.parametrize(
    ("more", "status"),
    [(", failures = 4", "failed"), (", attempts = 50", "failed"), (", cancel_requested = true", "cancelled")],
)
async def test_a_job_that_ends_with_its_worker_is_counted_and_not_enqueued(
    learner: Learner, database: Database, queue: Queue, redis_url: str, more: str, status: str
) -> None:
    await learner.asks_for_feedback()
    await abandon(database)
    async with database.acquire() as connection:
        await connection.execute(f"update feedback_jobs set {more.removeprefix(', ')}")
    ended, swept = (
        {"name": "cara_feedback_jobs_ended_total", "status": status},
        {"name": "cara_feedback_jobs_swept_total", "found": "abandoned"},
    )
    before = counted(**ended), counted(**swept)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        await sweep(database, queue, RESERVATIONS, attempts_limit=5)
        assert await redis.zrange(FEEDBACK_QUEUE, 0, -1) == []
    assert (counted(**ended), counted(**swept)) == (before[0] + 1, before[1])


async def test_a_job_that_another_sweeper_has_taken_is_left_to_it(
    learner: Learner, database: Database, queue: Queue
) -> None:
    await learner.asks_for_feedback()
    await abandon(database)
    before = await the_job(database)
    async with database.transaction() as other, time_limit():
        await other.execute("select from feedback_jobs for update")
        await sweep(database, queue, RESERVATIONS, attempts_limit=5)
    assert await the_job(database) == before
