"""SQL of the transitions of a feedback job: one function a statement.

`queued → running → succeeded | failed | cancelled`, and back from `running` to `queued`. Each transition is
one guarded UPDATE: it names the status that it starts from and, for running jobs, the number of the attempt
that owns the job. Of two workers only one can win, and a worker that lost its lease changes nothing any more.

What happens when a worker dies? Nobody renews the lease of its jobs. When that expires, the sweeper
(`cara/feedback/work/sweeper.py`) calls `fail_poison_jobs` for jobs that have used up their attempts, and
`requeue_job` for all others. Should the worker live after all, its statements match nothing.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cara.postgres.database import Connection, Record


async def claim_job(connection: Connection, job_id: UUID, lease_seconds: float) -> Record | None:
    """Claims a queued job under a lease; None when the job is not claimable: not queued, or not due.

    A job is due up to one second before `run_after`, which goes by PostgreSQL's clock: workers take jobs from
    Redis by their own clocks, and one that is a little early would leave the job to the sweeper.

    A job whose worker died before it noticed a requested cancellation is claimable, too: the next worker ends
    it, as `cancel_requested` says. `waited_seconds` is how long the job was due, `reserved_tokens` what is
    reserved for the attempt. This is the only statement that reads the transcript.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set status = 'running', stage = 'measuring', progress = 5, attempts = attempts + 1,
            lease_expires_at = now() + make_interval(secs => $2),
            started_at = coalesce(started_at, now())
        where id = $1 and status = 'queued' and run_after <= now() + interval '1 second'
        returning user_id, id, session_id, stage, progress, feature_type, transcript, transcript_format,
                  learner_labels, duration_seconds, reservation_id, attempts, failures, answers,
                  prompt_tokens, more_output, cancel_requested, created_at,
                  coalesce(
                      (
                          select tokens
                          from quota_reservations
                          where quota_reservations.user_id = feedback_jobs.user_id
                            and quota_reservations.id = reservation_id
                      ),
                      0
                  ) as reserved_tokens,
                  greatest(extract(epoch from now() - run_after), 0)::float8 as waited_seconds
        """,
        job_id,
        lease_seconds,
    )


async def renew_lease(
    connection: Connection, user_id: UUID, job_id: UUID, attempts: int, lease_seconds: float
) -> Record | None:
    """Renews the lease and returns cancel_requested; None when the lease is lost.

    Does not wait for the disk: if PostgreSQL crashes, the lease may expire as if it had not been renewed.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set lease_expires_at = now() + make_interval(secs => $4)
        from set_config('synchronous_commit', 'off', true)
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
    """Writes the stage that was reached and returns cancel_requested; None when the lease is lost.

    Does not wait for the disk: if PostgreSQL crashes, the job may show an earlier stage again.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set stage = $4, progress = $5
        from set_config('synchronous_commit', 'off', true)
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
    """Ends a job of this attempt and returns status and reservation_id; None when the lease is lost.

    `newer_succeeded` says whether a job of the same session that was requested later has already succeeded,
    which is certain in a transaction that has locked the session.

    A job that succeeds may also be queued: an answer in hand is worth more than another attempt that the
    sweeper has queued and no worker has claimed yet.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set status = $4, stage = 'finished', problem = $5, lease_expires_at = null, finished_at = now(),
            progress = case when $4 = 'succeeded' then 100 else progress end
        where user_id = $1 and id = $2 and attempts = $3
          and (status = 'running' or (status = 'queued' and $4 = 'succeeded'))
        returning status, reservation_id,
                  exists (
                      select
                      from feedback_jobs as newer
                      where newer.user_id = $1 and newer.session_id = feedback_jobs.session_id
                        and newer.status = 'succeeded'
                        and (newer.created_at, newer.id) > (feedback_jobs.created_at, feedback_jobs.id)
                  ) as newer_succeeded
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
    more_output: bool,
    reservation_id: UUID,
) -> Record | None:
    """Requeues a running job of this attempt and returns status, stage and progress; None without a lease.

    `answers` counts the judgements that Gemini was paid for so far. `more_output` and the reservation are
    those of the next attempt.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set status = 'queued', stage = 'queued', progress = 0, lease_expires_at = null,
            run_after = now() + make_interval(secs => $4), failures = failures + $5::int,
            answers = $6, more_output = $7, reservation_id = $8
        where user_id = $1 and id = $2 and status = 'running' and attempts = $3
        returning status, stage, progress
        """,
        user_id,
        job_id,
        attempts,
        delay_seconds,
        int(failed),
        answers,
        more_output,
        reservation_id,
    )


async def lock_job(connection: Connection, user_id: UUID, job_id: UUID, attempts: int) -> Record | None:
    """Locks the job until the transaction ends and returns cancel_requested; None when the lease is lost."""
    return await connection.fetchrow(
        """
        select cancel_requested
        from feedback_jobs
        where user_id = $1 and id = $2 and status = 'running' and attempts = $3
        for update
        """,
        user_id,
        job_id,
        attempts,
    )


async def cancel_job(connection: Connection, user_id: UUID, job_id: UUID) -> Record | None:
    """Cancels a queued job, and requests the cancellation of a running one; None when the job has ended.

    Returns status and reservation_id. One statement, so that a job that is requeued meanwhile matches, too.
    """
    return await connection.fetchrow(
        """
        update feedback_jobs
        set cancel_requested = true,
            status = case status when 'queued' then 'cancelled' else status end,
            stage = case status when 'queued' then 'finished' else stage end,
            finished_at = case status when 'queued' then now() end
        where user_id = $1 and id = $2 and status in ('queued', 'running')
        returning status, reservation_id
        """,
        user_id,
        job_id,
    )


async def fail_poison_jobs(
    connection: Connection, attempts_limit: int, max_claims: int, problem: dict[str, Any], limit: int
) -> list[Record]:
    """Fails abandoned jobs that used up their attempts, or were claimed `max_claims` times.

    Such a job may be what kills its workers.
    """
    return await connection.fetch(
        """
        with poison as (
            select user_id, id
            from feedback_jobs
            where status = 'running' and lease_expires_at < now()
              and (failures + 1 >= $1 or attempts >= $2)
            limit $4
            for update skip locked
        )
        update feedback_jobs
        set status = 'failed', stage = 'finished', problem = $3, lease_expires_at = null, finished_at = now()
        from poison
        where feedback_jobs.user_id = poison.user_id and feedback_jobs.id = poison.id
        returning feedback_jobs.user_id, feedback_jobs.id, reservation_id, attempts
        """,
        attempts_limit,
        max_claims,
        problem,
        limit,
    )


async def abandoned_jobs(connection: Connection, limit: int) -> list[Record]:
    """Returns user_id and id of jobs whose lease expired because their worker died, the oldest first."""
    return await connection.fetch(
        """
        select user_id, id
        from feedback_jobs
        where status = 'running' and lease_expires_at < now()
        order by lease_expires_at
        limit $1
        """,
        limit,
    )


async def lock_abandoned_job(connection: Connection, user_id: UUID, job_id: UUID) -> Record | None:
    """Locks a job until the transaction ends, if its lease is still expired and nobody else has locked it."""
    return await connection.fetchrow(
        """
        select user_id, id, feature_type, reservation_id, attempts, answers, prompt_tokens, more_output,
               cancel_requested
        from feedback_jobs
        where user_id = $1 and id = $2 and status = 'running' and lease_expires_at < now()
        for update skip locked
        """,
        user_id,
        job_id,
    )
