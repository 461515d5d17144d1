"""What is read of jobs: which success counts as the last one, and which jobs Redis may know."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from cara.jobs import queries as jobs
from cara.postgres.database import Connection, Database, Record
from tests.jobs.rows import insert_job_of, insert_learner, insert_session


async def ended(connection: Connection, session: Record, status: str, hours_ago: float) -> UUID:
    """A job of the session that was requested, and ended, so many hours ago."""
    job = await insert_job_of(connection, session)
    await connection.execute(
        """
        update feedback_jobs
        set status = $2, created_at = now() - $3::interval, finished_at = now() - $3::interval
        where id = $1
        """,
        job["id"],
        status,
        timedelta(hours=hours_ago),
    )
    return UUID(str(job["id"]))


async def test_advice_follows_up_the_newest_success_of_the_feature_in_another_session(
    database: Database,
) -> None:
    async with database.acquire() as connection:
        user_id, other = await insert_learner(connection), await insert_learner(connection)
        first, second, present = [await insert_session(connection, user_id) for _ in range(3)]
        await ended(connection, first, "succeeded", 5)
        newest = await ended(connection, second, "succeeded", 4)
        await ended(connection, first, "succeeded", 6)
        await ended(connection, first, "failed", 3)
        await ended(connection, await insert_session(connection, user_id, "accent"), "succeeded", 2)
        await ended(connection, present, "succeeded", 1)
        await ended(connection, await insert_session(connection, other), "succeeded", 1)
        assert await jobs.newest_succeeded_job(connection, user_id, "video", present["id"]) == newest
        assert await jobs.newest_succeeded_job(connection, user_id, "writing", present["id"]) is None


@pytest.mark.parametrize(
    ("status", "hours_ago", "newer"),
    [("succeeded", 1, True), ("failed", 1, False), ("cancelled", 1, False), ("succeeded", 3, False)],
)
async def test_a_session_keeps_the_feedback_of_the_job_that_was_requested_last_and_succeeded(
    database: Database, status: str, hours_ago: float, newer: bool
) -> None:
    async with database.acquire() as connection:
        user_id = await insert_learner(connection)
        session = await insert_session(connection, user_id)
        late = await insert_job_of(connection, session)
        await connection.execute("update feedback_jobs set created_at = now() - interval '2 hours'")
        await ended(connection, await insert_session(connection, user_id), "succeeded", 1)
        await ended(connection, session, status, hours_ago)
        job = await connection.fetchrow("select * from feedback_jobs where id = $1", late["id"])
        assert job is not None
        assert await jobs.newer_job_succeeded(connection, job) == newer


async def test_the_jobs_whose_events_may_be_left_are_live_or_ended_within_two_hours(
    database: Database,
) -> None:
    async with database.acquire() as connection:
        user_id, other = await insert_learner(connection), await insert_learner(connection)
        session = await insert_session(connection, user_id)
        live = (await insert_job_of(connection, session))["id"]
        recent = await ended(connection, session, "failed", 1.9)
        await ended(connection, session, "succeeded", 2.1)
        await insert_job_of(connection, await insert_session(connection, other))
        assert set(await jobs.recent_jobs_of_user(connection, user_id)) == {live, recent}
