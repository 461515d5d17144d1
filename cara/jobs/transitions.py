"""SQL of the transitions of a job: one function a statement.

Every transition names the status it starts from, and the attempt that owns the job: of two workers only one
can win, and a worker that lost its lease changes nothing any more.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cara.postgres.database import Connection, Record


async def claim_job(connection: Connection, job_id: UUID, lease_seconds: float) -> Record | None:
    """Takes a queued job that is due within a second, under a lease; None when it is not to be had.

    Within a second, because workers take jobs from Redis by their own clocks; `run_after` is PostgreSQL's:
    who came a little early would find nothing, and leave the job to the sweeper.

    One whose worker died before it saw that the learner cancelled is to be had too: its next worker ends it.
    `waited_seconds` tells how long it was due.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set status = 'running', stage = 'measuring', progress = 5, attempts = attempts + 1,
            lease_expires_at = now() + make_interval(secs => $2),
            started_at = coalesce(started_at, now())
        where id = $1 and status = 'queued' and run_after <= now() + interval '1 second'
        returning *, greatest(extract(epoch from now() - run_after), 0)::float8 as waited_seconds
        """,
        job_id,
        lease_seconds,
    )


async def renew_lease(
    connection: Connection, user_id: UUID, job_id: UUID, attempts: int, lease_seconds: float
) -> Record | None:
    """Prolongs the lease and tells whether the learner wants to cancel; None when the lease is lost."""
    return await connection.fetchrow(
        """
        update feedback_jobs
        set lease_expires_at = now() + make_interval(secs => $4)
        where user_id = $1 and id = $2 and status = 'running' and attempts = $3
        returning cancel_requested
        """,
        user_id,
        job_id,
        attempts,
        lease_seconds,
    )


async def advance_job(
    connection: Connection, user_id: UUID, job_id: UUID, attempts: int, stage: str, progress: int
) -> Record | None:
    """Writes the stage that was reached; None when the lease is lost."""
    return await connection.fetchrow(
        """
        update feedback_jobs
        set stage = $4, progress = $5
        where user_id = $1 and id = $2 and status = 'running' and attempts = $3
        returning cancel_requested
        """,
        user_id,
        job_id,
        attempts,
        stage,
        progress,
    )


async def finish_job(
    connection: Connection,
    user_id: UUID,
    job_id: UUID,
    attempts: int,
    status: str,
    problem: dict[str, Any] | None = None,
) -> Record | None:
    """Ends a running job of this attempt; None when the lease is lost."""
    return await connection.fetchrow(
        """
        update feedback_jobs
        set status = $4, stage = 'finished', problem = $5, lease_expires_at = null, finished_at = now(),
            progress = case when $4 = 'succeeded' then 100 else progress end
        where user_id = $1 and id = $2 and status = 'running' and attempts = $3
        returning *
        """,
        user_id,
        job_id,
        attempts,
        status,
        problem,
    )


async def requeue_job(
    connection: Connection,
    user_id: UUID,
    job_id: UUID,
    attempts: int,
    *,
    delay_seconds: float,
    failed: bool,
    answers: int,
    output_tokens: int | None,
) -> Record | None:
    """Puts a running job of this attempt back into the queue; None when the lease is lost.

    `answers` is how many judgements of it were paid for by now, `output_tokens` the room for the next one,
    None for the usual.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set status = 'queued', stage = 'queued', progress = 0, lease_expires_at = null,
            run_after = now() + make_interval(secs => $4), failures = failures + $5::int,
            answers = $6, output_tokens = $7
        where user_id = $1 and id = $2 and status = 'running' and attempts = $3
        returning *
        """,
        user_id,
        job_id,
        attempts,
        delay_seconds,
        int(failed),
        answers,
        output_tokens,
    )


async def hold_job(connection: Connection, user_id: UUID, job_id: UUID, attempts: int) -> Record | None:
    """The job, held against other changes until the transaction ends; None when the lease is lost."""
    return await connection.fetchrow(
        """
        select *
        from feedback_jobs
        where user_id = $1 and id = $2 and status = 'running' and attempts = $3
        for update
        """,
        user_id,
        job_id,
        attempts,
    )


async def replace_reservation(
    connection: Connection, user_id: UUID, job_id: UUID, attempts: int, reservation_id: UUID
) -> None:
    """Names the reservation of the next attempt, while this one still owns the job."""
    await connection.execute(
        """
        update feedback_jobs
        set reservation_id = $4
        where user_id = $1 and id = $2 and status = 'running' and attempts = $3
        """,
        user_id,
        job_id,
        attempts,
        reservation_id,
    )


async def cancel_job(connection: Connection, user_id: UUID, job_id: UUID) -> Record | None:
    """Ends a job that nobody works on, and asks the worker of a running one to stop; None when it has ended.

    One statement, so that a job that is put back meanwhile is met in either state.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set cancel_requested = true,
            status = case status when 'queued' then 'cancelled' else status end,
            stage = case status when 'queued' then 'finished' else stage end,
            finished_at = case status when 'queued' then now() end
        where user_id = $1 and id = $2 and status in ('queued', 'running')
        returning *
        """,
        user_id,
        job_id,
    )


async def fail_hopeless(
    connection: Connection, attempts_limit: int, claims_limit: int, problem: dict[str, Any], limit: int
) -> list[Record]:
    """Ends abandoned jobs that have failed so often, or were claimed so often, that they may be the cause of
    their workers' deaths."""
    return await connection.fetch(
        """
        with hopeless as (
            select user_id, id
            from feedback_jobs
            where status = 'running' and lease_expires_at < now()
              and (failures + 1 >= $1 or attempts >= $2)
            limit $4
            for update skip locked
        )
        update feedback_jobs
        set status = 'failed', stage = 'finished', problem = $3, lease_expires_at = null, finished_at = now()
        from hopeless
        where feedback_jobs.user_id = hopeless.user_id and feedback_jobs.id = hopeless.id
        returning feedback_jobs.user_id, feedback_jobs.id, reservation_id, attempts
        """,
        attempts_limit,
        claims_limit,
        problem,
        limit,
    )


async def requeue_abandoned(connection: Connection, limit: int) -> list[Record]:
    """Puts jobs back whose worker died, which counts as a failure; several sweepers share the work without
    waiting for each other."""
    return await connection.fetch(
        """
        with abandoned as (
            select user_id, id
            from feedback_jobs
            where status = 'running' and lease_expires_at < now()
            order by lease_expires_at
            limit $1
            for update skip locked
        )
        update feedback_jobs
        set status = 'queued', stage = 'queued', progress = 0, lease_expires_at = null, run_after = now(),
            failures = failures + 1
        from abandoned
        where feedback_jobs.user_id = abandoned.user_id and feedback_jobs.id = abandoned.id
        returning feedback_jobs.id, attempts
        """,
        limit,
    )
