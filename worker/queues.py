"""The queues of a worker process: one arq worker each, so that short tasks never wait behind long ones."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC
from typing import Any, cast

from arq import cron, func

from cara.redis.queue import (
    FEEDBACK_QUEUE,
    FOLD_ROLLUPS,
    MAINTENANCE_QUEUE,
    ROLLUP_QUEUE,
    WRITE_FEEDBACK,
    deserialize,
    health_key,
    serialize,
)
from worker.arq_worker import PubSubWorker
from worker.tasks import (
    WorkerContext,
    fold_rollups,
    keep_partitions,
    purge_expired,
    sweep_jobs,
    write_feedback,
)

HEALTH_SECONDS = 10
SAVING_SECONDS = 45
"""The time that a feedback task may take beside Gemini's deadline, also if the database goes away."""

FOLDING_SECONDS = 120
"""The time limit of one fold; the next run continues with the rest."""

logger = logging.getLogger(__name__)


def create_workers(context: WorkerContext) -> list[PubSubWorker]:
    """Returns a worker each for feedback, maintenance and roll-ups."""
    settings = context.settings
    feedback_seconds = settings.gemini_deadline_seconds + SAVING_SECONDS
    return [
        _worker(
            context,
            FEEDBACK_QUEUE,
            max_jobs=settings.worker_max_jobs,
            functions=[func(cast(Any, write_feedback), name=WRITE_FEEDBACK, timeout=feedback_seconds)],
        ),
        _worker(
            context,
            MAINTENANCE_QUEUE,
            max_jobs=4,
            cron_jobs=[
                _every(settings.sweep_seconds, sweep_jobs, timeout=30),
                # If the time limit ends a run early, the next hour's run continues.
                cron(cast(Any, purge_expired), minute=17, timeout=60),
            ],
        ),
        _worker(
            context,
            ROLLUP_QUEUE,
            max_jobs=2,
            functions=[func(cast(Any, fold_rollups), name=FOLD_ROLLUPS, timeout=FOLDING_SECONDS)],
            cron_jobs=[
                _every(settings.rollup_seconds, fold_rollups, timeout=FOLDING_SECONDS),
                cron(cast(Any, keep_partitions), minute=23, run_at_startup=True, timeout=60),
            ],
        ),
    ]


async def run_workers(stop: asyncio.Event, workers: list[PubSubWorker], drain_seconds: float) -> None:
    """Runs the workers until the event is set or one of them fails; then drains them."""
    tasks = [asyncio.create_task(worker.run_until_cancelled(), name=worker.queue_name) for worker in workers]
    stopping = asyncio.create_task(stop.wait())
    logger.info("working on %s", ", ".join(worker.queue_name for worker in workers))
    try:
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        logger.info("draining for at most %g s", drain_seconds)
        await asyncio.gather(*(worker.drain(drain_seconds) for worker in workers))
    finally:
        for task in (stopping, *tasks):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure


def _every(seconds: int, task: Any, *, timeout: float) -> Any:
    """Returns a cron job that runs every so many seconds, and once at the start."""
    return cron(task, second=set(range(0, 60, seconds)), run_at_startup=True, timeout=timeout)


def _worker(context: WorkerContext, queue: str, *, max_jobs: int, **options: Any) -> PubSubWorker:
    return PubSubWorker(
        max_jobs=max_jobs,
        fleet_jobs=max_jobs * context.settings.worker_fleet,
        subscriber=context.subscriber,
        redis_pool=context.redis,
        ctx=context.for_arq(),
        queue_name=queue,
        health_check_key=health_key(queue),
        health_check_interval=HEALTH_SECONDS,
        keep_result=0,
        log_results=False,
        job_serializer=serialize,
        job_deserializer=deserialize,
        timezone=UTC,
        **options,
    )
