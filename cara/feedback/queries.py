"""SQL of feedback and its jobs, but for the jobs' transitions: one function a statement."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cara.postgres.database import Connection, Record, one_row


async def insert_job(
    connection: Connection,
    user_id: UUID,
    job_id: UUID,
    session: Record,
    transcript_hash: bytes,
    reservation_id: UUID,
) -> Record:
    """A queued job for the session's transcript as it is now."""
    return await one_row(
        connection,
        """
        insert into feedback_jobs
            (user_id, id, session_id, feature_type, transcript, duration_seconds,
             transcript_hash, reservation_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        returning *
        """,
        user_id,
        job_id,
        session["id"],
        session["feature_type"],
        session["transcript"],
        session["duration_seconds"],
        transcript_hash,
        reservation_id,
    )


async def job_of_user(connection: Connection, user_id: UUID, job_id: UUID) -> Record | None:
    return await connection.fetchrow(
        "select * from feedback_jobs where user_id = $1 and id = $2", user_id, job_id
    )


async def insert_key(
    connection: Connection, user_id: UUID, key: str, request_hash: bytes, job_id: UUID
) -> bool:
    """Remembers which job answered the request under this key; False when the key is taken."""
    inserted: bool | None = await connection.fetchval(
        """
        insert into feedback_keys (user_id, key, request_hash, job_id)
        values ($1, $2, $3, $4)
        on conflict do nothing
        returning true
        """,
        user_id,
        key,
        request_hash,
        job_id,
    )
    return inserted is not None


async def job_by_key(connection: Connection, user_id: UUID, key: str) -> Record | None:
    """The job that was the answer under this key, and the hash of what was asked."""
    return await connection.fetchrow(
        """
        select feedback_jobs.*, feedback_keys.request_hash
        from feedback_keys
        join feedback_jobs on feedback_jobs.user_id = feedback_keys.user_id and feedback_jobs.id = job_id
        where feedback_keys.user_id = $1 and key = $2
        """,
        user_id,
        key,
    )


async def live_job(
    connection: Connection, user_id: UUID, session_id: UUID, transcript_hash: bytes
) -> Record | None:
    """The job that is at work on this very transcript; one that is to stop is none."""
    return await connection.fetchrow(
        """
        select *
        from feedback_jobs
        where user_id = $1 and session_id = $2 and transcript_hash = $3
          and status in ('queued', 'running') and not cancel_requested
        """,
        user_id,
        session_id,
        transcript_hash,
    )


async def overdue_jobs(connection: Connection, grace_seconds: float, limit: int) -> list[Record]:
    """Queued jobs that should have been claimed by now."""
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
    """Prolongs the reservations of live jobs that would expire soon."""
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


async def insert_feedback(
    connection: Connection, user_id: UUID, session_id: UUID, job_id: UUID, feedback: dict[str, Any]
) -> None:
    """Keeps the feedback of a job that is just succeeding."""
    overview, breakdown = feedback["overview"], feedback["breakdown"]
    await connection.execute(
        """
        insert into feedback
            (user_id, session_id, job_id, score, score_change, summary, communication, content,
             measures, highlights, action_items, model, prompt_version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        user_id,
        session_id,
        job_id,
        overview["score"],
        overview["scoreChange"],
        overview["summary"],
        breakdown["communication"],
        breakdown["content"],
        feedback["measures"],
        feedback["highlights"],
        feedback["actionItems"],
        feedback["model"],
        feedback["promptVersion"],
    )


async def feedback_of_job(connection: Connection, user_id: UUID, job_id: UUID) -> Record | None:
    """What the job wrote; None unless it succeeded."""
    return await connection.fetchrow(
        "select * from feedback where user_id = $1 and job_id = $2", user_id, job_id
    )


async def newer_job_succeeded(connection: Connection, job: Record) -> bool:
    """Whether a job of the same session that was asked for later has succeeded already."""
    newer: bool = await connection.fetchval(
        """
        select exists (
            select
            from feedback_jobs
            where user_id = $1 and session_id = $2 and (created_at, id) > ($3, $4::uuid)
              and status = 'succeeded'
        )
        """,
        job["user_id"],
        job["session_id"],
        job["created_at"],
        job["id"],
    )
    return newer


async def recent_mean_score(
    connection: Connection, user_id: UUID, feature_type: str, session_id: UUID, sessions: int
) -> float | None:
    """The mean score of the learner's last scored sessions of the feature, this one left out."""
    mean: float | None = await connection.fetchval(
        """
        select avg(score)
        from (
            select score
            from sessions
            where user_id = $1 and feature_type = $2 and id <> $3 and score is not null
            order by created_at desc
            limit $4
        ) as recent
        """,
        user_id,
        feature_type,
        session_id,
        sessions,
    )
    return mean


async def last_action_items(
    connection: Connection, user_id: UUID, feature_type: str, session_id: UUID
) -> list[dict[str, Any]]:
    """What the learner was told to practise by the newest feedback on another session of this feature."""
    items: list[dict[str, Any]] | None = await connection.fetchval(
        """
        select feedback.action_items
        from feedback
        join feedback_jobs as jobs on jobs.user_id = feedback.user_id and jobs.id = feedback.job_id
        where feedback.user_id = $1 and jobs.feature_type = $2 and feedback.session_id <> $3
        order by jobs.created_at desc, jobs.id desc
        limit 1
        """,
        user_id,
        feature_type,
        session_id,
    )
    return items or []
