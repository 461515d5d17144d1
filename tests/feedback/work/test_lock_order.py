"""All transactions of one learner take locks in the same order: session, job, quota."""

from __future__ import annotations

import asyncio

from cara.devtools.emulator.faults import Fault
from cara.postgres.database import Connection, Database
from cara.practice.queries import hold_session
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.learners import Learner
from tests.waiting import time_limit
from tests.workers import running_worker


async def test_a_job_that_succeeds_locks_its_session_before_the_quota(
    learner: Learner, database: Database, emulator: RunningEmulator, settings: Settings
) -> None:
    emulator.emulator.fail_next(Fault.BROKEN_JSON, times=1)
    job = await learner.asks_for_feedback()
    read = await learner.expects(200, "GET", job["statusUrl"])
    async with running_worker(settings):
        async with database.transaction() as connection:
            await hold_session(connection, learner.user["id"], read["sessionId"])
            await _somebody_waits_for(connection)
            await connection.execute("set local lock_timeout = '10s'; select * from quota_days for update")
        events = await learner.follows(job)
    assert events[-1].name == "succeeded"


async def test_a_dialogue_locks_its_session_before_the_quota(learner: Learner, database: Database) -> None:
    session = await learner.opens_session()
    asked = {"prompt": "How do I begin the talk?", "sessionId": session["id"]}
    async with asyncio.TaskGroup() as group, database.transaction() as connection:
        await hold_session(connection, learner.user["id"], session["id"])
        group.create_task(learner.expects(200, "POST", "/api/gemini/process", json=asked))
        await _somebody_waits_for(connection)
        await connection.execute("set local lock_timeout = '10s'; select * from quota_days for update")
    kept = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert kept["transcript"].startswith("You: How do I begin the talk?")


async def test_a_deletion_locks_jobs_before_the_account(learner: Learner, database: Database) -> None:
    await learner.asks_for_feedback()
    async with asyncio.TaskGroup() as group, database.transaction() as connection:
        await connection.execute("select from feedback_jobs for update")
        group.create_task(learner.expects(204, "DELETE", "/api/users/me"))
        await _somebody_waits_for(connection)
        await connection.execute("set local lock_timeout = '10s'; select from users for key share")
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from feedback_jobs") == 0


async def _somebody_waits_for(connection: Connection) -> None:
    waiting = """
        select exists (select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid)))
    """
    async with time_limit():
        while not await connection.fetchval(waiting):
            await connection.execute("select pg_stat_clear_snapshot()")
            await asyncio.sleep(0.02)
