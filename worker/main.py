"""Puts the worker process together: connections, services, one arq worker a queue, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cara import __version__, event_loop
from cara.cli_support import USAGE_EXIT_CODE
from cara.clock import watched_clock
from cara.feedback.work.outcomes import Outcomes
from cara.feedback.work.reservation import AttemptReservations
from cara.feedback.work.run import FeedbackWork
from cara.gemini.client import GeminiClient, connect_gemini
from cara.jobs.notifier import cancel_channels
from cara.observability.logging import set_up_logs
from cara.observability.metrics import PortUnusable, serve_metrics
from cara.observability.sentry import start_sentry, stop_sentry
from cara.postgres.applied_migrations import DatabaseBehind, up_to_date_database
from cara.postgres.errors import DatabaseTrouble
from cara.quota.quota import Quota
from cara.redis.queue import Queue, QueueClient, RollupNotifier, arq_client
from cara.redis.subscriber import Subscriber
from cara.settings import Settings, UnsafeSettings, read_settings
from worker.queues import create_workers, run_workers
from worker.tasks import WorkerContext


def main() -> None:
    """Runs a worker until SIGTERM or SIGINT."""
    set_up_logs()
    try:
        settings = read_settings()
        event_loop.run(run(settings))
    except UnsafeSettings as error:
        sys.stderr.writelines(f"cara worker: {problem}\n" for problem in error.problems)
        sys.exit(USAGE_EXIT_CODE)
    except (DatabaseBehind, PortUnusable) as error:
        sys.exit(f"cara worker: {error}")
    except DatabaseTrouble as error:
        sys.exit(f"cara worker: the database cannot be used: {error.__cause__}")


async def run(settings: Settings) -> None:
    """Connects, works, and drains when asked to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve_metrics(settings.metrics_host, settings.metrics_port), connected(settings) as context:
        settings.warn_of_default_environment()
        await run_workers(stop, create_workers(context), settings.worker_drain_seconds)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[WorkerContext]:
    """Yields the services of the worker process, connected for the length of the block."""
    async with (
        _sentry(settings),
        up_to_date_database(settings) as database,
        watched_clock(database),
        _redis(settings) as redis,
        _subscriber(settings) as subscriber,
        subscriber.listen(*cancel_channels()),  # once for all jobs, which then need not subscribe
        _rollup_notifier(redis) as rollup_notifier,
        _gemini(settings) as gemini,
    ):
        queue = Queue(redis)
        reservations = AttemptReservations(Quota(settings.daily_token_quota), settings.thinking_level)
        feedback = FeedbackWork(
            database,
            redis,
            subscriber,
            gemini,
            Outcomes(database, reservations, queue, settings.job_attempts),
            reservations,
            settings.job_lease_seconds,
            thinking_level=settings.thinking_level,
        )
        yield WorkerContext(
            settings, database, redis, subscriber, queue, rollup_notifier, reservations, feedback=feedback
        )


@asynccontextmanager
async def _sentry(settings: Settings) -> AsyncIterator[None]:
    start_sentry(
        dsn=settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None,
        environment=settings.environment,
        release=__version__,
        role="worker",
    )
    try:
        yield
    finally:
        await asyncio.to_thread(stop_sentry)


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[QueueClient]:
    redis = arq_client(settings.redis_url.get_secret_value(), size=settings.redis_pool_size)
    try:
        yield redis
    finally:
        await redis.aclose(close_connection_pool=True)


@asynccontextmanager
async def _subscriber(settings: Settings) -> AsyncIterator[Subscriber]:
    subscriber = Subscriber(settings.redis_url.get_secret_value())
    reading = asyncio.create_task(subscriber.run(), name="redis subscriber")
    try:
        yield subscriber
    finally:
        reading.cancel()
        await asyncio.wait([reading])


@asynccontextmanager
async def _rollup_notifier(redis: QueueClient) -> AsyncIterator[RollupNotifier]:
    notifier = RollupNotifier(redis)
    notifying = asyncio.create_task(notifier.run(), name="roll-up notifier")
    try:
        yield notifier
    finally:
        notifying.cancel()
        await asyncio.wait([notifying])


@asynccontextmanager
async def _gemini(settings: Settings) -> AsyncIterator[GeminiClient]:
    gemini = connect_gemini(settings)
    try:
        await gemini.warm_up()
        yield gemini
    finally:
        await gemini.close()
