"""Which jobs sweepers and workers find, in which order, and what a claim says about its job."""

from __future__ import annotations

from uuid import UUID

import pytest

from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.postgres.database import Database, Record
from tests.jobs.rows import insert_job, insert_job_of
from tests.waiting import time_limit

PROBLEM = {"code": "internal_error", "detail": "Something went wrong."}
POISON = "status = 'running', attempts = 50, lease_expires_at = now() - interval '1 second'"


@pytest.fixture
async def job(database: Database) -> Record:
    return await insert_job(database)


@pytest.fixture
async def three(database: Database) -> list[UUID]:
    """Three jobs, the oldest first."""
    return [(await insert_job(database))["id"] for _ in range(3)]


async def test_poison_jobs_that_another_sweeper_is_failing_are_not_waited_for(
    job: Record, database: Database
) -> None:
    async with database.transaction() as first, database.acquire() as second, time_limit():
        await second.execute(f"update feedback_jobs set {POISON}")
        await first.execute("select from feedback_jobs for update")
        assert await transitions.fail_poison_jobs(second, 5, 50, PROBLEM, 9) == []


async def test_of_poison_jobs_only_those_are_failed_that_were_chosen(
    database: Database,
) -> None:
    """A learner has several jobs, and one of them is poison."""
    job = await insert_job(database)
    async with database.acquire() as connection:
        user_id, session_id = job["user_id"], job["session_id"]
        session = await connection.fetchrow("select * from sessions where id = $1", session_id)
        assert session is not None
        other = await insert_job_of(connection, session)
        await connection.execute(f"update feedback_jobs set {POISON} where id = $1", job["id"])
        failed = await transitions.fail_poison_jobs(connection, 5, 50, PROBLEM, 9)
        left = await jobs.job_of_user(connection, user_id, other["id"])
    assert [row["id"] for row in failed] == [job["id"]]
    assert left is not None
    assert left["status"] == "queued"


@pytest.mark.parametrize("scan", ["indexscan", "seqscan"])
async def test_the_oldest_jobs_come_first_however_postgresql_finds_them(
    three: list[UUID], database: Database, scan: str
) -> None:
    async with database.transaction() as connection:
        for kind in {"indexscan", "bitmapscan", "seqscan"} - {scan}:
            await connection.execute(f"set local enable_{kind} = off")
        for job_id, seconds in zip(three, (20, 30, 10), strict=True):
            time = f"now() - make_interval(secs => {seconds})"
            await connection.execute(
                f"update feedback_jobs set status = 'running', lease_expires_at = {time} where id = $1",
                job_id,
            )
        abandoned = await transitions.abandoned_jobs(connection, 9)
        queued = "status = 'queued', run_after = lease_expires_at, lease_expires_at = null"
        await connection.execute(f"update feedback_jobs set {queued}")
        overdue = await jobs.overdue_jobs(connection, 5, 9)
    expected = [three[1], three[0], three[2]]
    assert [[row["id"] for row in rows] for rows in (abandoned, overdue)] == [expected, expected]


@pytest.mark.parametrize(("seconds", "least", "most"), [(-40, 40, 45), (0.5, 0, 0)])
async def test_a_claim_tells_how_long_the_job_was_due(
    job: Record, database: Database, seconds: float, least: float, most: float
) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            "update feedback_jobs set run_after = now() + make_interval(secs => $1)", seconds
        )
        claimed = await transitions.claim_job(connection, job["id"], 30)
    assert claimed is not None
    assert least <= claimed["waited_seconds"] <= most
