"""The sweeper: finds jobs that Redis forgot or a dead worker held, and enqueues them again.

What happens when a worker dies? Its jobs stay `running` in PostgreSQL until their leases expire. Every
`SWEEP_SECONDS` a worker calls `sweep`, which fails what may be the cause of the death, requeues the rest, and
enqueues it in Redis; the next worker that claims such a job makes a new attempt. What the dead attempt had
cost, as far as it was recorded (`cara/quota/spending.py`), is charged, and tokens are reserved anew. The
statements stand in `cara/jobs/transitions.py`.
"""

from __future__ import annotations

import logging
from uuid import UUID

from cara.errors import CaraError
from cara.feedback.work.attempt import WriteFailed, problem_of, reserve_again
from cara.feedback.work.reservation import KEEP_RESERVATION_SECONDS, AttemptReservations
from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.observability.metrics import JOBS_ENDED, JOBS_SWEPT
from cara.postgres.database import Connection, Database, Record
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.quota.quota import Quota
from cara.redis.queue import Queue

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""A queued job that is due for longer is taken for unknown to Redis; enqueueing it twice does no harm."""

SWEEP_LIMIT = 1_000
MAX_CLAIMS = 50
"""A job that was claimed this often without ending is failed, even if workers requeued it in between."""


async def sweep(
    database: Database, queue: Queue, reservations: AttemptReservations, attempts_limit: int
) -> None:
    """Requeues abandoned jobs, enqueues overdue ones again, and closes expired reservations.

    The death of its worker counts against the `attempts_limit` of a job. Several sweepers may run at once.
    """
    quota = reservations.quota
    await _fail_poison_jobs(database, quota, attempts_limit)
    abandoned = await _requeue_abandoned_jobs(database, reservations)
    async with database.acquire() as connection:
        overdue = await jobs.overdue_jobs(connection, GRACE_SECONDS, SWEEP_LIMIT)
        await jobs.keep_reservations(connection, KEEP_RESERVATION_SECONDS)
        closed = await quota.close_expired(connection)
    await queue.revive_feedback([(job["id"], job["attempts"]) for job in (*abandoned, *overdue)])
    JOBS_SWEPT.labels("abandoned").inc(len(abandoned))
    JOBS_SWEPT.labels("overdue").inc(len(overdue))
    if abandoned or overdue or closed:
        logger.info(
            "swept: %d abandoned jobs, %d overdue jobs, %d expired reservations",
            len(abandoned),
            len(overdue),
            closed,
        )


async def _fail_poison_jobs(database: Database, quota: Quota, attempts_limit: int) -> None:
    problem = problem_of(WriteFailed())
    async with database.transaction() as connection:
        failed = await transitions.fail_poison_jobs(
            connection, attempts_limit, MAX_CLAIMS, problem, SWEEP_LIMIT
        )
        for job in failed:
            await quota.close_as_recorded(connection, job["user_id"], job["reservation_id"])
    for job in failed:
        JOBS_ENDED.labels("failed").inc()
        logger.error("job %s failed: its worker died in attempt %d", job["id"], job["attempts"])


async def _requeue_abandoned_jobs(database: Database, reservations: AttemptReservations) -> list[Record]:
    """Returns the jobs that were requeued: id and attempts."""
    async with database.acquire() as connection:
        abandoned = await transitions.abandoned_jobs(connection, SWEEP_LIMIT)
    requeued = []
    for job in abandoned:
        async with database.transaction() as connection:
            locked = await transitions.lock_abandoned_job(connection, job["user_id"], job["id"])
            if locked and await _requeue_abandoned_job(connection, reservations, locked):
                requeued.append(locked)
    return requeued


async def _requeue_abandoned_job(
    connection: Connection, reservations: AttemptReservations, job: Record
) -> bool:
    """Charges the dead attempt as recorded, and requeues the job; False if that has ended instead."""
    key = job["user_id"], job["id"], job["attempts"]
    await reservations.quota.close_as_recorded(connection, job["user_id"], job["reservation_id"])
    if job["cancel_requested"]:
        return await _end(connection, key, "cancelled")
    try:
        reservation_id = await reserve_again(connection, reservations, job, more_output=job["more_output"])
    except (QuotaExceeded, TooLongForQuota) as refusal:
        return await _end(connection, key, "failed", refusal)
    await transitions.requeue_job(
        connection,
        *key,
        delay_seconds=0,
        failed=True,
        answers=job["answers"],
        more_output=job["more_output"],
        reservation_id=reservation_id,
    )
    return True


async def _end(
    connection: Connection, key: tuple[UUID, UUID, int], status: str, error: CaraError | None = None
) -> bool:
    await transitions.finish_job(connection, *key, status, problem_of(error) if error else None)
    JOBS_ENDED.labels(status).inc()
    return False
