"""The tasks of the worker: each calls one rule of a feature, with services from the `WorkerContext`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from arq.connections import ArqRedis

from cara.accounts.deletion import purge_expired as purge_expired_entries
from cara.analytics import partitions, rollups
from cara.feedback.work.reservation import AttemptReservations
from cara.feedback.work.run import FeedbackWork
from cara.feedback.work.sweeper import sweep
from cara.observability.sentry import instrumented
from cara.postgres.database import Database
from cara.postgres.errors import DatabaseTrouble
from cara.redis.queue import Queue, RollupNotifier
from cara.redis.subscriber import Subscriber
from cara.settings import Settings

logger = logging.getLogger(__name__)

_CONTEXT = "worker"


@dataclass(frozen=True)
class WorkerContext:
    """The services of a worker process, made by `worker.main`."""

    settings: Settings
    database: Database
    redis: ArqRedis
    subscriber: Subscriber
    queue: Queue
    rollup_notifier: RollupNotifier
    reservations: AttemptReservations
    feedback: FeedbackWork

    def for_arq(self) -> dict[str, Any]:
        """Returns the dict that arq hands to each task, with members of its own, such as `job_id`."""
        return {_CONTEXT: self}


def context_of(ctx: dict[str, Any]) -> WorkerContext:
    """Returns the `WorkerContext` in arq's dict."""
    context: WorkerContext = ctx[_CONTEXT]
    return context


@asynccontextmanager
async def _running(task: str, job_id: str) -> AsyncIterator[None]:
    """Reports the error of a task, but for the trouble of the database, which `Database` logs once for all.

    Then the task ends as if it were done: the sweeper or the next run of the task does what it left.
    """
    with suppress(DatabaseTrouble):
        async with instrumented(task, job_id, expected=(DatabaseTrouble,)):
            yield


async def write_feedback(ctx: dict[str, Any], job_id: str) -> None:
    """Makes one attempt at a feedback job."""
    context = context_of(ctx)
    async with _running("write_feedback", job_id):
        await context.feedback.run(UUID(job_id))
        context.rollup_notifier.wake()


async def sweep_jobs(ctx: dict[str, Any]) -> None:
    """Enqueues again the jobs that Redis forgot or a dead worker held."""
    context = context_of(ctx)
    async with _running("sweep_jobs", ctx["job_id"]):
        await sweep(context.database, context.queue, context.reservations, context.settings.job_attempts)


async def purge_expired(ctx: dict[str, Any]) -> None:
    """Deletes audit entries past their retention, and expired refresh tokens, failed sign-ins and keys."""
    context = context_of(ctx)
    async with _running("purge_expired", ctx["job_id"]):
        purged = await purge_expired_entries(
            context.database, now=datetime.now(UTC), audit_days=context.settings.audit_retention_days
        )
        logger.info(
            "purged %d audit entries, %d refresh tokens, %d refresh families, %d failed sign-ins and %d keys",
            purged.audit_entries,
            purged.refresh_tokens,
            purged.refresh_families,
            purged.sign_in_failures,
            purged.session_keys,
        )


async def fold_rollups(ctx: dict[str, Any]) -> None:
    """Folds pending events into the roll-ups: when ingestion wakes it, and by the clock."""
    context = context_of(ctx)
    async with _running("fold_rollups", ctx["job_id"]):
        await rollups.fold(context.database)


async def keep_partitions(ctx: dict[str, Any]) -> None:
    """Creates partitions ahead of time, and drops those past retention."""
    context = context_of(ctx)
    async with _running("keep_partitions", ctx["job_id"]):
        await partitions.keep_partitions(
            context.database, context.settings.analytics_retention_days, datetime.now(UTC)
        )
