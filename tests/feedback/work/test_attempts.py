"""One attempt at a job, without a worker around it: how it ends when it is cut short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from redis.asyncio import Redis

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.feedback.work.attempt import Attempt, GeminiAwayForLong, backoff_seconds
from cara.feedback.work.sweeper import sweep
from cara.gemini.calls import GeminiUsage
from cara.gemini.errors import GeminiTransient
from cara.jobs.notifier import Publisher, cancel_channel
from cara.postgres.database import Database
from cara.redis.queue import arq_client
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.feedback.work.attempts import charges, somebody_waits_with, the_job, working
from tests.feedback.work.test_costs import counted
from tests.learners import Learner
from tests.waiting import until
from worker.main import connected


@asynccontextmanager
async def mute_server() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A Redis that accepts connections and never replies: its address, and whether somebody connected."""
    came, connections = asyncio.Event(), []

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        came.set()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"redis://127.0.0.1:{port}/0", came
    finally:
        server.close()
        for writer in connections:
            writer.close()


async def test_a_worker_that_stops_while_it_publishes_its_start_requeues_the_job(
    learner: Learner, settings: Settings, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    async with mute_server() as (address, came):
        mute = arq_client(address, size=2, retries=0)
        async with working(settings, redis=mute) as (work, _):
            running = asyncio.create_task(work.run(UUID(job["jobId"])))
            await came.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
    left = await the_job(database)
    assert (left["status"], left["attempts"], left["failures"]) == ("queued", 1, 0)


async def test_a_cancellation_while_a_job_is_requeued_does_not_undo_that(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next(Fault.STALL)
    short_timeouts = settings.model_copy(update={"gemini_attempts": 1, "gemini_first_token_seconds": 0.5})
    job = await learner.asks_for_feedback()
    async with working(short_timeouts) as (work, _):
        running = asyncio.create_task(work.run(UUID(job["jobId"])))
        await emulator.emulator.until(lambda ledger: ledger.calls == 1)
        async with database.transaction() as connection:
            await connection.execute("select from feedback_jobs for update")
            await somebody_waits_with("for update", connection)
            running.cancel()
            await asyncio.wait([running], timeout=0.1)
        with pytest.raises(asyncio.CancelledError):
            await running
    left = await the_job(database)
    assert (left["status"], left["failures"]) == ("queued", 1)


async def test_an_attempt_that_takes_too_long_counts_against_the_limit(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_rate(Fault.STALL, 1.0)
    twice = settings.model_copy(update={"job_attempts": 2})
    job = await learner.asks_for_feedback()
    async with working(twice, attempt_seconds=0.3) as (work, _):
        await work.run(UUID(job["jobId"]))
        left = await the_job(database)
        assert (left["status"], left["failures"]) == ("queued", 1)
        async with database.acquire() as connection:
            await connection.execute("update feedback_jobs set run_after = now()")
        await work.run(UUID(job["jobId"]))
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["problem"]["code"]) == ("failed", "timed_out")


async def test_an_attempt_that_lost_its_lease_is_charged_and_leaves_the_job_alone(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    """A sweeper takes its worker for dead, and charges what was recorded by then."""
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=1))
    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _), connected(settings) as context:
        running = asyncio.create_task(work.run(UUID(job["jobId"])))
        await emulator.emulator.until(lambda ledger: ledger.output_tokens > 0)
        async with database.acquire() as connection:
            await connection.execute("update feedback_jobs set lease_expires_at = now()")
        await sweep(database, context.queue, context.reservations, attempts_limit=5)
        (swept,) = await charges(database)
        before = await the_job(database)
        await running
    (charged,) = await charges(database)
    assert swept == pytest.approx(emulator.emulator.ledger.prompt_tokens, rel=0.05)
    assert swept <= charged == pytest.approx(emulator.emulator.ledger.total_tokens, rel=0.05)
    assert await the_job(database) == before
    async with database.acquire() as connection:
        reserved = await connection.fetchrow("select id, tokens from quota_reservations")
        assert await connection.fetchval("select reserved from quota_days") == reserved["tokens"]
    assert reserved["id"] == before["reservation_id"]


async def test_the_lease_is_renewed_while_gemini_writes(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator, redis_url: str
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=1))
    job = await learner.asks_for_feedback()

    async def renewed() -> bool:
        async with database.acquire() as connection:
            return bool(
                await connection.fetchval("select lease_expires_at > now() + '59 min' from feedback_jobs")
            )

    async with working(settings.model_copy(update={"job_lease_seconds": 3_600})) as (work, _):
        running = asyncio.create_task(work.run(UUID(job["jobId"])))
        await emulator.emulator.until(lambda ledger: ledger.output_tokens > 0)
        async with database.acquire() as connection:
            await connection.execute("update feedback_jobs set lease_expires_at = now() + '1 min'")
        assert not await renewed()
        async with Redis.from_url(redis_url) as redis:  # wakes whoever renews the lease
            await redis.publish(cancel_channel(UUID(job["jobId"])), b"")
        await until(renewed)
        running.cancel()
        await asyncio.wait([running])
    assert (await the_job(database))["status"] == "queued"


async def test_a_released_attempt_is_charged_once_and_only_for_what_gemini_counted(
    learner: Learner, settings: Settings, database: Database
) -> None:
    await learner.asks_for_feedback()
    job = await the_job(database)
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere, working(settings) as (_, outcomes):
        lost = Attempt(job, Publisher(nowhere, job["id"], 1), "gemini-test")
        await outcomes.release(replace(lost))
        assert await charges(database) == []
        used = replace(lost, usage=GeminiUsage(prompt_tokens=20, output_tokens=10, total_tokens=30))
        for attempt in (used, used, replace(used)):
            await outcomes.release(attempt)
    assert await charges(database) == [30]


async def test_an_attempt_that_ended_is_not_charged_again_when_released(
    learner: Learner, settings: Settings, database: Database
) -> None:
    """A renewal of the lease finds nothing to renew, because the attempt has just ended."""
    await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute(
            "update feedback_jobs set status = 'running', attempts = 1, lease_expires_at = now()"
        )
    job = await the_job(database)
    usage = GeminiUsage(prompt_tokens=20, output_tokens=10, total_tokens=30)
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere, working(settings) as (_, outcomes):
        attempt = Attempt(job, Publisher(nowhere, job["id"], 1), "gemini-test", usage)
        before = counted("cara_feedback_jobs_ended_total", status="cancelled")
        for _ in range(2):
            await outcomes.cancel(attempt)
        await outcomes.release(attempt)
    assert await charges(database) == [30]
    assert (await the_job(database))["status"] == "cancelled"
    assert counted("cara_feedback_jobs_ended_total", status="cancelled") == before + 1


async def test_releasing_an_attempt_of_a_deleted_account_does_nothing(
    learner: Learner, settings: Settings, database: Database
) -> None:
    await learner.asks_for_feedback()
    job = await the_job(database)
    await learner.expects(204, "DELETE", "/api/users/me")
    usage = GeminiUsage(prompt_tokens=20, output_tokens=10, total_tokens=30)
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere, working(settings) as (_, outcomes):
        await outcomes.release(Attempt(job, Publisher(nowhere, job["id"], 1), "gemini-test", usage))


async def test_the_thinking_level_is_sent_to_gemini(
    learner: Learner, settings: Settings, emulator: RunningEmulator
) -> None:
    job = await learner.asks_for_feedback()
    async with working(settings, thinking_level="low") as (work, _):
        await work.run(UUID(job["jobId"]))
    config = emulator.emulator.requests[-1].body["generationConfig"]
    assert config["thinkingConfig"] == {"thinkingLevel": "LOW"}
    assert (await learner.expects(200, "GET", job["statusUrl"]))["status"] == "succeeded"


async def test_a_job_fails_instead_of_waiting_a_day_for_gemini(
    learner: Learner, settings: Settings, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.RATE_LIMITED, retry_delay_seconds=86_400))
    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _):
        await work.run(UUID(job["jobId"]))
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["attempts"]) == ("failed", 1)
    assert ended["problem"]["code"] == "gemini_unavailable"
    assert ended["problem"]["detail"].endswith("again in 24 hours.")


async def a_running_attempt(database: Database, nowhere: Redis) -> Attempt:
    async with database.acquire() as connection:
        await connection.execute(
            "update feedback_jobs set status = 'running', attempts = 1, lease_expires_at = now()"
        )
    job = await the_job(database)
    return Attempt(job, Publisher(nowhere, job["id"], 1), "gemini-test")


@pytest.mark.parametrize(("seconds", "status"), [(900, "queued"), (901, "failed")])
async def test_a_job_waits_for_gemini_for_a_quarter_of_an_hour_at_the_most(
    learner: Learner, settings: Settings, database: Database, seconds: float, status: str
) -> None:
    await learner.asks_for_feedback()
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere, working(settings) as (_, outcomes):
        attempt = await a_running_attempt(database, nowhere)
        await outcomes.retry(attempt, GeminiTransient(retry_after_seconds=seconds))
    left = await the_job(database)
    assert (left["status"], left["failures"]) == (status, 1 if status == "queued" else 0)
    if status == "queued":
        async with database.acquire() as connection:
            wait = await connection.fetchval("select run_after - now() from feedback_jobs")
        assert timedelta(seconds=840) < wait <= timedelta(seconds=900)
    else:
        assert left["problem"]["detail"].endswith("again in 16 minutes.")


async def test_an_attempt_whose_job_the_sweeper_failed_is_not_counted_as_ended_again(
    learner: Learner, settings: Settings, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await learner.asks_for_feedback()
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere, working(settings) as (_, outcomes):
        attempt = await a_running_attempt(database, nowhere)
        async with database.acquire() as connection:
            await connection.execute(
                "update feedback_jobs set status = 'failed', finished_at = now(), lease_expires_at = null"
            )
        before = counted("cara_feedback_jobs_ended_total", status="failed")
        await outcomes.release(attempt)
    assert counted("cara_feedback_jobs_ended_total", status="failed") == before
    assert "attempt 1 lost its lease" in caplog.text


def test_the_wait_doubles_with_each_failure_up_to_a_minute_and_is_never_shorter_than_asked() -> None:
    bounds = {1: (0.5, 1), 2: (1, 2), 3: (2, 4), 6: (16, 32), 7: (30, 60), 40: (30, 60)}
    for failures, (least, most) in bounds.items():
        waits = [backoff_seconds(failures, 0) for _ in range(200)]
        assert least <= min(waits) < max(waits) <= most
        assert backoff_seconds(failures, 75) == 75


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(901, "16 minutes"), (7_140, "119 minutes"), (7_141, "2 hours"), (7_201, "3 hours")],
)
def test_a_long_wait_is_told_in_minutes_or_hours_and_never_too_short(seconds: float, words: str) -> None:
    away = GeminiAwayForLong(seconds)
    assert away.detail.endswith(f"again in {words}.")
    assert away.retry_after_seconds == seconds
