"""What happens to a job when its worker stops, dies or loses its lease, and when Redis forgets the job."""

from __future__ import annotations

from uuid import UUID

from redis.asyncio import Redis

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.postgres.database import Database
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.learners import Learner
from tests.waiting import until
from tests.workers import running_worker


async def test_a_worker_that_is_told_to_stop_requeues_its_job(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=1))
    job = await learner.asks_for_feedback()

    async def status_is(status: str) -> bool:
        return bool((await learner.expects(200, "GET", job["statusUrl"]))["status"] == status)

    async with running_worker(settings.model_copy(update={"worker_drain_seconds": 1})):
        await until(lambda: status_is("running"))
    assert await status_is("queued")
    async with running_worker(settings):
        assert (await learner.follows(job))[-1].name == "succeeded"


async def test_a_worker_that_is_told_to_stop_finishes_its_job_in_time(
    learner: Learner, settings: Settings
) -> None:
    job = await learner.asks_for_feedback()

    async def running() -> bool:
        return bool((await learner.expects(200, "GET", job["statusUrl"]))["status"] != "queued")

    async with running_worker(settings):
        await until(running)
    assert (await learner.expects(200, "GET", job["statusUrl"]))["status"] == "succeeded"


async def test_a_job_whose_worker_died_is_found_by_the_sweeper(
    learner: Learner, settings: Settings, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute(
            """
            update feedback_jobs
            set status = 'running', attempts = 1, started_at = now(),
                lease_expires_at = now() - interval '1 second'
            where id = $1
            """,
            UUID(job["jobId"]),
        )
    async with running_worker(settings):
        events = await learner.follows(job)
    assert events[-1].name == "succeeded"
    assert events[-1].data["attempts"] == 2


async def test_a_cancelled_job_whose_worker_died_is_ended_by_the_next_one(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    job = await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute(
            """
            update feedback_jobs
            set status = 'running', attempts = 1, started_at = now(), cancel_requested = true,
                lease_expires_at = now() - interval '1 second'
            """
        )
    async with running_worker(settings):
        events = await learner.follows(job)
    assert events[-1].name == "cancelled"
    assert emulator.emulator.ledger.calls == 0
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0


async def test_a_job_that_redis_forgot_is_found_by_the_sweeper(
    learner: Learner, settings: Settings, database: Database, redis_url: str
) -> None:
    job = await learner.asks_for_feedback()
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    async with database.acquire() as connection:
        await connection.execute("update feedback_jobs set run_after = now() - interval '1 minute'")
    async with running_worker(settings):
        assert (await learner.follows(job))[-1].name == "succeeded"


async def test_a_worker_that_lost_its_lease_changes_nothing(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    """Another attempt claims the job while the first one waits for Gemini."""
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=1))
    job = await learner.asks_for_feedback()
    async with running_worker(settings):
        await emulator.emulator.until(lambda ledger: ledger.output_tokens > 0)
        async with database.acquire() as connection:
            await connection.execute("update feedback_jobs set attempts = 7")
        await emulator.emulator.until(lambda ledger: ledger.aborted == 1)
        now = await learner.expects(200, "GET", job["statusUrl"])
        assert (now["status"], now["attempts"]) == ("running", 7)


async def test_a_job_that_kills_every_worker_is_failed(
    learner: Learner, settings: Settings, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute(
            """
            update feedback_jobs
            set status = 'running', attempts = 50, lease_expires_at = now() - interval '1 second'
            """
        )
    async with running_worker(settings):
        events = await learner.follows(job)
    assert (events[-1].name, events[-1].data["problem"]["code"]) == ("failed", "internal_error")
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0
