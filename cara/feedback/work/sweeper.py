"""The sweeper: finds jobs that Redis forgot or a dead worker held, and enqueues them again.

What happens when a worker dies? Its jobs stay `running` in PostgreSQL until their leases expire. Every
`SWEEP_SECONDS` a worker calls `sweep`, which fails what may be the cause of the death, requeues the rest as
it was, and enqueues it in Redis; the next worker that claims such a job makes a new attempt. What the dead
attempt had reserved stays reserved for the next one. The statements stand in `cara/jobs/transitions.py`.
"""

from __future__ import annotations

import logging

from cara.feedback.work.attempt import WriteFailed, problem_of
from cara.feedback.work.requests import KEEP_RESERVATION_SECONDS, REQUEST_TYPE
from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.observability.metrics import JOBS_ENDED, JOBS_SWEPT
from cara.postgres.database import Database
from cara.quota.queries import release_expired
from cara.quota.quota import Quota
from cara.redis.queue import Queue

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""A queued job that is due for longer is taken for unknown to Redis; enqueueing it twice does no harm."""

SWEEP_LIMIT = 1_000
MAX_CLAIMS = 50
"""A job that was claimed this often without ending is failed, even if workers requeued it in between."""


async def sweep(database: Database, queue: Queue, quota: Quota, attempts_limit: int) -> None:
    """Requeues abandoned jobs, enqueues overdue ones again, and gives back expired reservations.

    The death of its worker counts against the `attempts_limit` of a job. Several sweepers may run at once.
    """
    await _fail_poison_jobs(database, quota, attempts_limit)
    async with database.acquire() as connection:
        abandoned = await transitions.requeue_abandoned(connection, SWEEP_LIMIT)
        overdue = await jobs.overdue_jobs(connection, GRACE_SECONDS, SWEEP_LIMIT)
        await jobs.keep_reservations(connection, KEEP_RESERVATION_SECONDS)
        released = await release_expired(connection)
    for job in (*abandoned, *overdue):
        await queue.revive_feedback(job["id"], attempts=job["attempts"])
    JOBS_SWEPT.labels("abandoned").inc(len(abandoned))
    JOBS_SWEPT.labels("overdue").inc(len(overdue))
    if abandoned or overdue or released:
        logger.info(
            "swept: %d abandoned jobs, %d overdue jobs, %d expired reservations",
            len(abandoned),
            len(overdue),
            released,
        )


async def _fail_poison_jobs(database: Database, quota: Quota, attempts_limit: int) -> None:
    problem = problem_of(WriteFailed())
    async with database.transaction() as connection:
        failed = await transitions.fail_poison_jobs(
            connection, attempts_limit, MAX_CLAIMS, problem, SWEEP_LIMIT
        )
        for job in failed:
            await quota.settle(connection, job["user_id"], job["reservation_id"], REQUEST_TYPE, None)
    for job in failed:
        JOBS_ENDED.labels("failed").inc()
        logger.error("job %s failed: its worker died in attempt %d", job["id"], job["attempts"])
