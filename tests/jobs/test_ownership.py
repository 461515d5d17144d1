"""Whose jobs are read and locked: those of one learner, whatever ids they ask with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.postgres.database import Connection, Database, Record
from tests.jobs.rows import insert_job, insert_job_of, insert_learner, newer_succeeded

PROBLEM = {"code": "internal_error", "detail": "Something went wrong."}
Read = Callable[[Connection, UUID, UUID, Record], Awaitable[Any]]

READS: dict[str, Read] = {
    "the job": lambda connection, user_id, id, _: jobs.job_of_user(connection, user_id, id),
    "live job of a transcript": lambda connection, user_id, id, job: jobs.live_job_of_transcript(
        connection, user_id, id if id != job["id"] else job["session_id"], job["transcript_hash"]
    ),
    "abandoned job": lambda connection, user_id, id, _: transitions.lock_abandoned_job(
        connection, user_id, id
    ),
    "cancellation": lambda connection, user_id, id, _: transitions.cancel_job(connection, user_id, id),
}


@pytest.mark.parametrize("read", READS)
async def test_a_job_is_found_by_its_owner_and_its_id_alone(database: Database, read: str) -> None:
    job = await insert_job(database)
    await insert_job(database)
    async with database.acquire() as connection:
        await connection.execute("update feedback_jobs set status = 'running', lease_expires_at = now()")
        other = await insert_learner(connection)
        assert not await READS[read](connection, other, job["id"], job)
        assert not await READS[read](connection, job["user_id"], uuid4(), job)
        found = await READS[read](connection, job["user_id"], job["id"], job)
    assert (found if isinstance(found, UUID) else found.get("id", job["id"])) == job["id"]


async def with_twin(database: Database, job: Record, columns: str) -> UUID:
    """Gives another learner a copy of job and session under the same ids, with other columns of the job."""
    async with database.transaction() as connection:
        twin = await insert_learner(connection)
        for table in ("sessions", "feedback_jobs"):
            await connection.execute(
                f"""
                insert into {table}
                select (jsonb_populate_record(old, jsonb_build_object('user_id', $1::uuid))).*
                from {table} as old
                where old.user_id = $2
                """,
                twin,
                job["user_id"],
            )
        await connection.execute(f"update feedback_jobs set {columns} where user_id = $1", twin)
    return twin


async def job_of(connection: Connection, user_id: UUID) -> Record:
    row = await connection.fetchrow("select * from feedback_jobs where user_id = $1", user_id)
    assert row is not None
    return row


async def test_a_poison_job_fails_and_no_job_of_another_learner_under_its_id(database: Database) -> None:
    job = await insert_job(database)
    running = "status = 'running', attempts = 50, lease_expires_at = now() + interval '{} minutes'"
    async with database.acquire() as connection:
        await connection.execute(f"update feedback_jobs set {running.format(-1)}")
    twin = await with_twin(database, job, running.format(1))
    async with database.acquire() as connection:
        before = await job_of(connection, twin)
        failed = await transitions.fail_poison_jobs(connection, 5, 50, PROBLEM, 9)
        assert await job_of(connection, twin) == before
        after = await job_of(connection, job["user_id"])
    assert [tuple(row) for row in failed] == [(job["user_id"], job["id"], job["reservation_id"], 50)]
    assert (after["status"], after["lease_expires_at"]) == ("failed", None)
    assert after["finished_at"] is not None


async def test_a_success_of_another_learner_under_the_same_session_id_is_no_newer_one(
    database: Database,
) -> None:
    job = await insert_job(database)
    newer = "status = 'succeeded', created_at = now() + interval '1 hour', finished_at = now()"
    await with_twin(database, job, newer)
    async with database.acquire() as connection:
        assert not await newer_succeeded(connection, job)
        own = await insert_job_of(connection, {**job, "id": job["session_id"]})
        await connection.execute(f"update feedback_jobs set {newer} where id = $1", own["id"])
        assert await newer_succeeded(connection, job)


async def test_a_claim_sees_the_reservation_of_its_own_learner(database: Database) -> None:
    job = await insert_job(database)
    reserve = """
        insert into quota_reservations (user_id, id, day, tokens, request_type, expires_at)
        values ($1, $2, current_date, $3, 'feedback', now() + interval '1 hour')
    """
    async with database.acquire() as connection:
        other = await insert_learner(connection)
        await connection.execute(reserve, other, job["reservation_id"], 7_000)
        await connection.execute(reserve, job["user_id"], uuid4(), 8_000)
        await connection.execute(reserve, job["user_id"], job["reservation_id"], 4_000)
        claimed = await transitions.claim_job(connection, job["id"], 30)
    assert claimed is not None
    assert claimed["reserved_tokens"] == 4_000


async def test_a_live_job_prolongs_the_reservation_of_its_own_learner_alone(database: Database) -> None:
    job = await insert_job(database)
    async with database.acquire() as connection:
        other = await insert_learner(connection)
        for user_id in (other, job["user_id"]):
            await connection.execute(
                """
                insert into quota_reservations (user_id, id, day, tokens, request_type, expires_at)
                values ($1, $2, current_date, 10, 'feedback', now() + interval '1 minute')
                """,
                user_id,
                job["reservation_id"],
            )
        await jobs.keep_reservations(connection, 3_600)
        kept = await connection.fetch(
            "select user_id from quota_reservations where expires_at > now() + interval '50 minutes'"
        )
    assert [row["user_id"] for row in kept] == [job["user_id"]]


async def test_the_work_of_a_learner_is_locked_and_nobody_elses(database: Database) -> None:
    mine, theirs = await insert_job(database), await insert_job(database)
    async with database.acquire() as connection:
        for job in (mine, theirs):
            await connection.execute(
                "insert into quota_days (user_id, day) values ($1, current_date)", job["user_id"]
            )
    async with database.transaction() as locking, database.acquire() as looking:
        await jobs.lock_work_of_user(locking, mine["user_id"])
        for table in ("sessions", "feedback_jobs", "quota_days"):
            free = await looking.fetch(f"select user_id from {table} for update skip locked")
            assert [row["user_id"] for row in free] == [theirs["user_id"]], table
