"""A judgement that is paid for is saved, or the job fails: for reasons of ours Gemini is not asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.feedback import queries
from cara.feedback.work.sweeper import sweep
from cara.postgres.database import Database
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.feedback.work.attempts import charges, somebody_waits_with, the_job, working
from tests.feedback.work.test_database_away import UnreliableDatabase
from tests.learners import Learner
from tests.servers import Servers
from worker.main import connected

INSERT = queries.insert_feedback


def failing(times: int, error: Exception) -> Callable[..., Any]:
    """An `insert_feedback` that fails a number of times."""
    left = [times]

    async def insert(*args: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise error
        await INSERT(*args)

    return insert


class TestWhileTheSchemaChanges:
    """On a database of its own: a migration that comes while workers run, with their statements prepared."""

    @pytest.fixture
    def settings(self, settings: Settings, servers: Servers) -> Any:
        with servers.database(f"test_{uuid4().hex}") as url:
            yield settings.model_copy(update={"database_url": type(settings.database_url)(url)})

    async def test_a_migration_between_answer_and_save_costs_no_second_judgement(
        self, learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
    ) -> None:
        first, second = await learner.asks_for_feedback(), await learner.asks_for_feedback()
        async with working(settings) as (work, _):
            await work.run(UUID(first["jobId"]))
            async with database.transaction() as connection:
                await connection.execute("select from sessions for update")
                running = asyncio.create_task(work.run(UUID(second["jobId"])))
                await somebody_waits_with("from sessions", connection)
                await connection.execute(
                    """
                    alter table sessions add column note text;
                    alter table feedback_jobs add column note text;
                    alter table feedback add column note text;
                    alter table quota_usage add column note text;
                    alter table quota_reservations add column note text;
                    """
                )
            await running
        for job in (first, second):
            ended = await learner.expects(200, "GET", job["statusUrl"])
            assert (ended["status"], ended["attempts"]) == ("succeeded", 1)
        assert emulator.emulator.ledger.calls == 2
        assert sum(await charges(database)) == emulator.emulator.ledger.total_tokens


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InvalidCachedStatementError("cached statement plan is invalid"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
    ],
)
async def test_a_save_that_fails_for_a_moment_is_repeated(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    monkeypatch.setattr(queries, "insert_feedback", failing(2, error))
    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _):
        await work.run(UUID(job["jobId"]))
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["attempts"]) == ("succeeded", 1)
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]
    assert emulator.emulator.ledger.calls == 1


@pytest.mark.parametrize("broken", ["cara.feedback.queries.insert_feedback", "cara.feedback.work.run.assess"])
async def test_a_defect_of_ours_after_the_answer_fails_the_job_and_asks_for_no_other(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(broken, breaks)
    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _):
        with pytest.raises(KeyError, match="a defect"):
            await work.run(UUID(job["jobId"]))
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["problem"]["code"]) == ("failed", "internal_error")
    assert emulator.emulator.ledger.calls == 1
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0


async def test_a_database_that_stays_away_after_the_answer_fails_the_job_and_asks_for_no_other(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cara.postgres.retries.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("cara.postgres.retries.RETRY_SECONDS", 0.0)
    monkeypatch.setattr("cara.feedback.work.progress.STEP_PERCENT", 1_000)  # no step meets the failure first
    job = await learner.asks_for_feedback()
    unreliable = UnreliableDatabase(database, lambda: emulator.emulator.ledger.finished > 0, acquired=1)
    async with working(settings, database=unreliable) as (work, _):
        await work.run(UUID(job["jobId"]))
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["problem"]["code"]) == ("failed", "internal_error")
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]


async def test_a_worker_that_stops_while_it_saves_saves_first(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _):
        async with database.transaction() as connection:
            await connection.execute("select from sessions for update")
            running = asyncio.create_task(work.run(UUID(job["jobId"])))
            await somebody_waits_with("from sessions", connection)
            running.cancel()
            await asyncio.wait([running], timeout=0.1)
        with pytest.raises(asyncio.CancelledError):
            await running
    assert (await the_job(database))["status"] == "succeeded"
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]


async def test_an_answer_in_hand_is_saved_although_a_sweeper_took_its_worker_for_dead(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    """The database was away for longer than the lease; no other worker has claimed the job yet."""
    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _), connected(settings) as context:
        async with database.transaction() as connection:
            await connection.execute("select from sessions for update")
            running = asyncio.create_task(work.run(UUID(job["jobId"])))
            await somebody_waits_with("from sessions", connection)
            async with database.acquire() as other:
                await other.execute("update feedback_jobs set lease_expires_at = now()")
            await sweep(database, context.queue, context.reservations, attempts_limit=5)
            assert (await the_job(database))["status"] == "queued"
        await running
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["attempts"]) == ("succeeded", 1)
    (charged,) = await charges(database)  # what the sweeper recorded or what Gemini told, whichever is higher
    assert charged == pytest.approx(emulator.emulator.ledger.total_tokens, rel=0.05)
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0


@pytest.mark.parametrize(("failures", "status"), [(0, "queued"), (3, "queued"), (4, "failed")])
async def test_what_a_stopping_worker_cuts_short_is_charged_and_counts_against_the_attempts_alone(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    failures: int,
    status: str,
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=2))
    job = await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute("update feedback_jobs set failures = $1", failures)
    async with working(settings) as (work, _):
        running = asyncio.create_task(work.run(UUID(job["jobId"])))
        await emulator.emulator.until(lambda ledger: ledger.output_tokens > 0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    left = await the_job(database)
    assert (left["status"], left["answers"]) == (status, 0)
    assert left["failures"] == failures + (status == "queued")
    (charged,) = await charges(database)
    assert charged == pytest.approx(emulator.emulator.ledger.total_tokens, rel=0.05)
    reserved = (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"]
    assert (reserved > 0) == (status == "queued")
