"""SQL of feedback jobs, except for their transitions: one function a statement.

All SQL on `feedback_jobs` stands in this package. The exceptions are statements of other tables that must
look at jobs within one snapshot: quota's `expired_reservations_of_user`, practice's `delete_session` and
sessions with their live jobs, and feedback's `known_to_judge`. Transcripts are long: they are read by
`transitions.claim_job` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cara.postgres.database import Connection, Record, one_row


async def insert_job(
    connection: Connection,
    user_id: UUID,
    job_id: UUID,
    session: Record,
    transcript_format: str | None,
    learner_labels: Sequence[str] | None,
    transcript_hash: bytes,
    reservation_id: UUID,
    prompt_tokens: int,
) -> Record:
    """Inserts a queued job for the session's present transcript; returns its id, status and created_at."""
    return await one_row(
        connection,
        """
        insert into feedback_jobs
            (user_id, id, session_id, feature_type, transcript, duration_seconds,
             transcript_format, learner_labels, transcript_hash, reservation_id, prompt_tokens)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        returning id, status, created_at
        """,
        user_id,
        job_id,
        session["id"],
        session["feature_type"],
        session["transcript"],
        session["duration_seconds"],
        transcript_format,
        learner_labels,
        transcript_hash,
        reservation_id,
        prompt_tokens,
    )


async def job_of_user(connection: Connection, user_id: UUID, job_id: UUID) -> Record | None:
    """Returns the job as clients see it."""
    return await connection.fetchrow(
        """
        select id, session_id, status, stage, progress, attempts, problem, created_at, started_at, finished_at
        from feedback_jobs
        where user_id = $1 and id = $2
        """,
        user_id,
        job_id,
    )


async def jobs_of_user(
    connection: Connection,
    user_id: UUID,
    session_id: UUID | None,
    status: str | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Record]:
    """Returns a page of jobs as clients see them, newest first.

    Reads the index (user_id, created_at, id), or the one that begins with the session or the status.
    """
    return await connection.fetch(
        """
        select id, session_id, status, stage, progress, attempts, problem, created_at, started_at, finished_at
        from feedback_jobs
        where user_id = $1
          and ($2::uuid is null or session_id = $2)
          and ($3::text is null or status = $3)
          and ($4::timestamptz is null or (created_at, id) < ($4, $5::uuid))
        order by created_at desc, id desc
        limit $6
        """,
        user_id,
        session_id,
        status,
        *(before or (None, None)),
        limit,
    )


async def live_job_of_transcript(
    connection: Connection, user_id: UUID, session_id: UUID, transcript_hash: bytes
) -> Record | None:
    """Returns the live job for this transcript, unless it is to be cancelled: id, status, created_at."""
    return await connection.fetchrow(
        """
        select id, status, created_at
        from feedback_jobs
        where user_id = $1 and session_id = $2 and transcript_hash = $3
          and status in ('queued', 'running') and not cancel_requested
        """,
        user_id,
        session_id,
        transcript_hash,
    )


async def overdue_jobs(connection: Connection, grace_seconds: float, limit: int) -> list[Record]:
    """Returns id and attempts of queued jobs that workers should have claimed by now."""
    return await connection.fetch(
        """
        select id, attempts
        from feedback_jobs
        where status = 'queued' and run_after < now() - make_interval(secs => $1)
        order by run_after
        limit $2
        """,
        grace_seconds,
        limit,
    )


async def keep_reservations(connection: Connection, keep_seconds: float) -> None:
    """Prolongs the reservations of live jobs to `keep_seconds` once less than half of that is left."""
    await connection.execute(
        """
        update quota_reservations
        set expires_at = now() + make_interval(secs => $1)
        from feedback_jobs
        where feedback_jobs.user_id = quota_reservations.user_id
          and feedback_jobs.reservation_id = quota_reservations.id
          and feedback_jobs.status in ('queued', 'running')
          and quota_reservations.expires_at < now() + make_interval(secs => $1 / 2)
        """,
        keep_seconds,
    )


async def recent_jobs_of_user(connection: Connection, user_id: UUID) -> list[UUID]:
    """Returns the jobs that are live or ended within two hours: Redis keeps events of no others."""
    rows = await connection.fetch(
        """
        select id
        from feedback_jobs
        where user_id = $1 and (finished_at is null or finished_at > now() - interval '2 hours')
        """,
        user_id,
    )
    return [row["id"] for row in rows]


async def lock_work_of_user(connection: Connection, user_id: UUID) -> None:
    """Locks the user's sessions, jobs and quota, in the order in which everything else locks them."""
    for table in ("sessions", "feedback_jobs", "quota_days"):
        await connection.execute(f"select from {table} where user_id = $1 for update", user_id)
