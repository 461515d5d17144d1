"""Learners, sessions and jobs as rows, without requests over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.postgres.database import Connection, Database, Record, new_id, one_row
from tests.learners import TALK


async def insert_learner(connection: Connection) -> UUID:
    user_id = new_id()
    await connection.execute(
        "insert into users (id, email, name, password_hash) values ($1, $2, 'A Learner', '')",
        user_id,
        f"{user_id}@example.com",
    )
    return user_id


async def insert_session(connection: Connection, user_id: UUID, feature_type: str = "video") -> Record:
    """A session with a transcript."""
    return await one_row(
        connection,
        """
        insert into sessions (user_id, id, feature_type, transcript, duration_seconds)
        values ($1, $2, $3, $4, 20)
        returning user_id, id, feature_type, transcript, duration_seconds
        """,
        user_id,
        new_id(),
        feature_type,
        TALK,
    )


async def insert_job(database: Database) -> Record:
    """A queued job of a learner and a session of its own."""
    async with database.transaction() as connection:
        session = await insert_session(connection, await insert_learner(connection))
        return await insert_job_of(connection, session)


async def insert_job_of(connection: Connection, session: Record | dict[str, Any]) -> Record:
    """A queued job of the session."""
    job_id = new_id()
    await jobs.insert_job(
        connection, session["user_id"], job_id, session, None, None, job_id.bytes, new_id(), 1_500
    )
    return await one_row(connection, "select * from feedback_jobs where id = $1", job_id)


async def newer_succeeded(connection: Connection, job: Record) -> bool:
    """Whether a newer job succeeded, by what the end of this one tells; the job stays as it is."""
    transaction = connection.transaction()
    await transaction.start()
    running = f"update feedback_jobs set {in_status('running')}, attempts = 1 where user_id = $1 and id = $2"
    await connection.execute(running, job["user_id"], job["id"])
    ended = await transitions.finish_job(connection, job["user_id"], job["id"], 1, "succeeded")
    await transaction.rollback()
    assert ended is not None
    newer: bool = ended["newer_succeeded"]
    return newer


def in_status(status: str) -> str:
    """The columns of a job in a status, for an update."""
    lease = "now() + interval '1 minute'" if status == "running" else "null"
    finished = "null" if status in ("queued", "running") else "now()"
    return f"status = '{status}', lease_expires_at = {lease}, finished_at = {finished}"
