"""The sweeper: finds what Redis forgot or a dead worker held, and hands it out again."""

from __future__ import annotations

import logging

from cara.feedback import queries
from cara.feedback.work.costs import KEEP_RESERVATION_SECONDS, REQUEST_TYPE
from cara.feedback.work.failures import WriteFailed, problem_of
from cara.jobs import transitions
from cara.observability.metrics import JOBS_ENDED, JOBS_SWEPT
from cara.postgres.database import Database
from cara.quota.queries import release_expired
from cara.quota.quota import Quota
from cara.redis.queue import Queue

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""A queued job that is due for longer is taken for unknown to Redis; to be told twice does no harm."""

SWEEP_LIMIT = 1_000
CLAIMS_LIMIT = 50
"""A job that was claimed so often and never ended is given up, also when workers handed it back between."""


async def sweep(database: Database, queue: Queue, quota: Quota, attempts_limit: int) -> None:
    """Puts abandoned jobs back, enqueues what is overdue, and gives back expired reservations.

    The death of its worker counts against the `attempts_limit` of a job. Several sweepers may run at once.
    """
    await _end_hopeless(database, quota, attempts_limit)
    async with database.acquire() as connection:
        abandoned = await transitions.requeue_abandoned(connection, SWEEP_LIMIT)
        overdue = await queries.overdue_jobs(connection, GRACE_SECONDS, SWEEP_LIMIT)
        await queries.keep_reservations(connection, KEEP_RESERVATION_SECONDS)
        released = await release_expired(connection)
    for job in (*abandoned, *overdue):
        await queue.revive_feedback(job["id"], attempts=job["attempts"])
    JOBS_SWEPT.labels("abandoned").inc(len(abandoned))
    JOBS_SWEPT.labels("overdue").inc(len(overdue))
    if abandoned or overdue or released:
        logger.info(
            "swept: %d abandoned, %d overdue, %d reservations", len(abandoned), len(overdue), released
        )


async def _end_hopeless(database: Database, quota: Quota, attempts_limit: int) -> None:
    async with database.transaction() as connection:
        problem = problem_of(WriteFailed())
        hopeless = await transitions.fail_hopeless(
            connection, attempts_limit, CLAIMS_LIMIT, problem, SWEEP_LIMIT
        )
        for job in hopeless:
            await quota.settle(connection, job["user_id"], job["reservation_id"], REQUEST_TYPE, None)
    for job in hopeless:
        JOBS_ENDED.labels("failed").inc()
        logger.error(
            "job %s was given up: %d attempts, the last one's worker died", job["id"], job["attempts"]
        )
