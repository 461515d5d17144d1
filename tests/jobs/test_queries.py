"""What is read of jobs: which success counts as the last one, and which jobs Redis may know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from cara.feedback.queries import insert_feedback, known_to_judge
from cara.jobs import queries as jobs
from cara.postgres.database import Connection, Database, Record
from cara.practice import queries as practice
from tests.jobs.rows import in_status, insert_job_of, insert_learner, insert_session, newer_succeeded


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


async def advised(connection: Connection, session: Record | dict[str, Any], job_id: UUID) -> None:
    """Feedback of the job whose one action item names it."""
    await insert_feedback(
        connection,
        session["user_id"],
        session["id"],
        job_id,
        {
            "overview": {"score": 50, "scoreChange": None, "summary": ""},
            "breakdown": {"communication": {}, "content": {}},
            "actionItems": [{"title": str(job_id)}],
            **{"measures": {}, "highlights": [], "model": "gemini-test", "promptVersion": "1"},
        },
    )


async def advice(connection: Connection, session: Record, feature_type: str = "video") -> str | None:
    """The job whose advice a judge of the session knows."""
    known = await known_to_judge(connection, session["user_id"], session["id"], feature_type)
    return known["action_items"][0]["title"] if known["action_items"] else None


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
        for job in await connection.fetch("select * from feedback_jobs where status = 'succeeded'"):
            await advised(connection, {**job, "id": job["session_id"]}, job["id"])
        assert await advice(connection, present) == str(newest)
        assert await advice(connection, present, "writing") is None
        await connection.execute("update sessions set goal = '{}' where id = $1", present["id"])
        known = await known_to_judge(connection, other, present["id"], "writing")
        assert tuple(known) == (None, None)
        known = await known_to_judge(connection, user_id, present["id"], "writing")
        assert tuple(known) == ({}, None)


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
        assert await newer_succeeded(connection, job) == newer


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


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ("progress = 0", True),
        (in_status("running"), True),
        (in_status("running") + ", cancel_requested = true", False),
        (in_status("succeeded"), False),
        (in_status("failed"), False),
        ("transcript_hash = '\\x00'", False),
        ("session_id = (select id from sessions order by created_at desc limit 1)", False),
    ],
)
async def test_a_request_shares_the_job_that_judges_the_same_transcript_of_the_session(
    database: Database, columns: str, found: bool
) -> None:
    async with database.acquire() as connection:
        user_id = await insert_learner(connection)
        session = await insert_session(connection, user_id)
        await insert_session(connection, user_id)
        job = await insert_job_of(connection, session)
        await connection.execute(f"update feedback_jobs set {columns}")
        live = await jobs.live_job_of_transcript(connection, user_id, session["id"], job["transcript_hash"])
    assert (live["id"] if live else None) == (job["id"] if found else None)


async def test_a_session_shows_the_newest_of_its_live_jobs(database: Database) -> None:
    async with database.acquire() as connection:
        user_id = await insert_learner(connection)
        session = await insert_session(connection, user_id)
        ids = []
        for status, hours in (("queued", 2), ("running", 1), ("queued", 3), ("failed", 0)):
            ids.append((await insert_job_of(connection, session))["id"])
            created = f"created_at = now() - interval '{hours} hours'"
            await connection.execute(
                f"update feedback_jobs set {in_status(status)}, {created} where id = $1", ids[-1]
            )
        assert (await practice.session_of_user(connection, user_id, session["id"]))["live_job_id"] == ids[1]
        await connection.execute(f"update feedback_jobs set {in_status('queued')} where id = $1", ids[1])
        assert (await practice.session_of_user(connection, user_id, session["id"]))["live_job_id"] == ids[1]
        await connection.execute(f"update feedback_jobs set {in_status('cancelled')}")
        assert (await practice.session_of_user(connection, user_id, session["id"]))["live_job_id"] is None


async def test_of_jobs_of_the_same_instant_the_higher_id_is_the_newer_one(database: Database) -> None:
    async with database.acquire() as connection:
        user_id = await insert_learner(connection)
        session, present = [await insert_session(connection, user_id) for _ in range(2)]
        first, second, third = [await insert_job_of(connection, session) for _ in range(3)]
        await connection.execute(f"update feedback_jobs set created_at = now(), {in_status('succeeded')}")
        rows = {
            row["id"]: row
            for row in await connection.fetch("select user_id, session_id, created_at, id from feedback_jobs")
        }
        newer = [await newer_succeeded(connection, rows[job["id"]]) for job in (first, second, third)]
        for job in (third, first, second):
            await advised(connection, session, job["id"])
        assert await advice(connection, present) == str(third["id"])
    assert newer == [True, True, False]


async def test_only_queued_jobs_are_overdue(database: Database) -> None:
    async with database.acquire() as connection:
        session = await insert_session(connection, await insert_learner(connection))
        job = await insert_job_of(connection, session)
        for status, overdue in (("queued", [job["id"]]), ("running", []), ("failed", [])):
            due = "run_after = now() - interval '1 hour'"
            await connection.execute(f"update feedback_jobs set {in_status(status)}, {due}")
            assert [row["id"] for row in await jobs.overdue_jobs(connection, 5, 9)] == overdue
