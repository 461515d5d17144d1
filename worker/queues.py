"""The crew of a worker process: one arq worker a queue, so that short tasks never wait behind long ones."""

from __future__ import annotations

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
from cara.settings import Settings
from worker.arq_worker import PubSubWorker
from worker.feedback import write_feedback
from worker.housekeeping import forget_old_entries, sweep_jobs
from worker.rollups import fold_rollups, keep_partitions

HEALTH_SECONDS = 10
SAVING_SECONDS = 45
"""What a feedback task may take beside waiting for Gemini, also when the database goes away meanwhile."""

FOLDING_SECONDS = 120
"""What is left after so long is taken up by the next run."""


def workers(settings: Settings, context: dict[str, Any]) -> list[PubSubWorker]:
    """A worker for feedback, one for housekeeping, one for roll-ups."""
    return [
        _worker(
            context,
            FEEDBACK_QUEUE,
            max_jobs=settings.worker_max_jobs,
            fleet=settings.worker_fleet,
            functions=[
                func(
                    cast(Any, write_feedback),
                    name=WRITE_FEEDBACK,
                    timeout=settings.gemini_deadline_seconds + SAVING_SECONDS,
                )
            ],
        ),
        _worker(
            context,
            MAINTENANCE_QUEUE,
            max_jobs=4,
            fleet=settings.worker_fleet,
            cron_jobs=[
                _every(settings.sweep_seconds, sweep_jobs, timeout=30),
                # What one hour leaves for want of time, the next one takes up.
                cron(cast(Any, forget_old_entries), minute=17, timeout=60),
            ],
        ),
        _worker(
            context,
            ROLLUP_QUEUE,
            max_jobs=2,
            fleet=settings.worker_fleet,
            functions=[func(cast(Any, fold_rollups), name=FOLD_ROLLUPS, timeout=FOLDING_SECONDS)],
            cron_jobs=[
                _every(settings.rollup_seconds, fold_rollups, timeout=FOLDING_SECONDS),
                cron(cast(Any, keep_partitions), minute=23, run_at_startup=True, timeout=60),
            ],
        ),
    ]


def _every(seconds: int, task: Any, *, timeout: float) -> Any:
    """A task by the clock, and once at the start."""
    return cron(task, second=set(range(0, 60, seconds)), run_at_startup=True, timeout=timeout)


def _worker(
    context: dict[str, Any], queue: str, *, max_jobs: int, fleet: int, **options: Any
) -> PubSubWorker:
    return PubSubWorker(
        max_jobs=max_jobs,
        fleet_jobs=max_jobs * fleet,
        subscriber=context["subscriber"],
        redis_pool=context["redis"],
        ctx=context,
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
