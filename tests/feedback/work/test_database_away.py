"""If the database goes away during an attempt, neither the judgement nor its charge is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from cara.devtools.emulator.faults import Fault
from cara.postgres.database import Connection, Database
from cara.postgres.errors import DatabaseAway
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.feedback.work.attempts import charges, somebody_waits_with, the_job, working
from tests.feedback.work.test_costs import counted
from tests.learners import Learner


class UnreliableDatabase(Database):
    """A database that goes away a given number of times.

    `acquired`: when a connection is acquired, once `begun`. `undone`: within a transaction, which is rolled
    back. `written`: after the commit, whose acknowledgement is lost. `meanwhile` is called at each failure.
    """

    def __init__(self, database: Database, begun: Callable[[], bool], **failures: int) -> None:
        super().__init__(database._pool, database._established, database._settings)
        self._begun = begun
        self.failures = {"acquired": 0, "undone": 0, "written": 0, **failures}
        self.meanwhile: Callable[[], Awaitable[None]] = nothing

    @asynccontextmanager
    async def acquire(self, *, seconds: float | None = None) -> AsyncIterator[Connection]:
        if self._begun():
            self._fail("acquired")
        async with super().acquire(seconds=seconds) as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self, *, seconds: float | None = None) -> AsyncIterator[Connection]:
        try:
            async with super().transaction(seconds=seconds) as connection:
                yield connection
                self._fail("undone")
            self._fail("written")
        except DatabaseAway:
            await self.meanwhile()
            raise

    def _fail(self, kind: str) -> None:
        if self.failures[kind]:
            self.failures[kind] -= 1
            raise DatabaseAway(retry_after_seconds=1)


async def nothing() -> None:
    """Does nothing."""


@pytest.fixture
def answered(emulator: RunningEmulator) -> Callable[[], bool]:
    """Whether Gemini has begun to answer."""
    return lambda: emulator.emulator.ledger.output_tokens > 0


@pytest.mark.parametrize(
    "failures", [{"acquired": 4}, {"undone": 3}, {"written": 1}, {"undone": 1, "written": 1}]
)
async def test_a_judgement_is_saved_and_charged_once(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    answered: Callable[[], bool],
    failures: dict[str, int],
) -> None:
    job = await learner.asks_for_feedback()
    before = counted("cara_feedback_jobs_ended_total", status="succeeded")
    unreliable = UnreliableDatabase(database, answered, **failures)
    async with working(settings, database=unreliable) as (work, _):
        await work.run(UUID(job["jobId"]))
    assert not any(unreliable.failures.values())
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["attempts"]) == ("succeeded", 1)
    assert emulator.emulator.ledger.calls == 1
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]
    assert counted("cara_feedback_jobs_ended_total", status="succeeded") == before + 1
    async with database.acquire() as connection:
        assert await connection.fetchval("select reserved from quota_days") == 0


async def test_a_connection_that_breaks_while_a_judgement_is_saved_loses_nothing(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _):
        async with database.transaction() as connection:
            await connection.execute("select from sessions for update")
            running = asyncio.create_task(work.run(UUID(job["jobId"])))
            await somebody_waits_with("from sessions", connection)
            await connection.execute(
                """
                select pg_terminate_backend(pid)
                from pg_stat_activity
                where pg_backend_pid() = any(pg_blocking_pids(pid))
                """
            )
        await running
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["attempts"]) == ("succeeded", 1)
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]


@pytest.mark.parametrize("failures", [{"undone": 3}, {"written": 1}])
async def test_a_job_is_requeued_once_and_its_attempt_charged_once(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    answered: Callable[[], bool],
    failures: dict[str, int],
) -> None:
    emulator.emulator.fail_next(Fault.BROKEN_JSON, times=1)
    job = await learner.asks_for_feedback()
    async with working(settings, database=UnreliableDatabase(database, answered, **failures)) as (work, _):
        await work.run(UUID(job["jobId"]))
    left = await the_job(database)
    assert (left["status"], left["attempts"], left["failures"]) == ("queued", 1, 1)
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]
    async with database.acquire() as connection:
        (reservation,) = await connection.fetch("select id, tokens from quota_reservations")
        assert reservation["id"] == left["reservation_id"]
        assert await connection.fetchval("select reserved from quota_days") == reservation["tokens"]


@pytest.mark.parametrize("fault", [None, Fault.BROKEN_JSON])
async def test_an_attempt_that_loses_its_lease_meanwhile_is_charged_once(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    answered: Callable[[], bool],
    fault: Fault | None,
) -> None:
    if fault:
        emulator.emulator.fail_next(fault, times=1)
    job = await learner.asks_for_feedback()

    async def another_worker_claims() -> None:
        async with database.acquire() as connection:
            await connection.execute("update feedback_jobs set attempts = 7")

    unreliable = UnreliableDatabase(database, answered, undone=2)
    unreliable.meanwhile = another_worker_claims
    async with working(settings, database=unreliable) as (work, _):
        await work.run(UUID(job["jobId"]))
    left = await the_job(database)
    assert (left["status"], left["attempts"]) == ("running", 7)
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]


async def test_a_job_that_cannot_be_ended_for_long_is_left_to_the_sweeper(
    learner: Learner,
    settings: Settings,
    database: Database,
    answered: Callable[[], bool],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("cara.postgres.retries.RETRY_SECONDS", 0.1)
    monkeypatch.setattr("cara.postgres.retries.SAVE_SECONDS", 0.1)
    job = await learner.asks_for_feedback()
    async with working(settings, database=UnreliableDatabase(database, answered, undone=1_000)) as (work, _):
        with pytest.raises(DatabaseAway):
            await work.run(UUID(job["jobId"]))
    assert "could not be ended" in caplog.text
    assert (await the_job(database))["status"] == "running"
