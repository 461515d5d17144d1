"""Puts the worker together: connections, rules, one arq worker a queue, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cara import __version__
from cara.cli_support import USAGE_EXIT_CODE
from cara.feedback.work.outcomes import Ending
from cara.feedback.work.run import FeedbackWork
from cara.gemini.client import GeminiClient, connect_gemini
from cara.observability.logging import set_up_logs
from cara.observability.metrics import PortUnusable, serve_metrics
from cara.observability.sentry import start_sentry, stop_sentry
from cara.postgres.database import Database, DatabaseAway
from cara.postgres.migrations import DatabaseBehind, up_to_date_database
from cara.quota.quota import Quota
from cara.redis.queue import Queue, arq_client
from cara.redis.rollup_notifier import RollupNotifier
from cara.redis.subscriber import Subscriber
from cara.settings import Settings, UnsafeSettings, read_settings
from worker.arq_worker import PubSubWorker
from worker.queues import workers

logger = logging.getLogger(__name__)


def main() -> None:
    """Runs a worker until SIGTERM or SIGINT."""
    set_up_logs()
    try:
        settings = read_settings()
        asyncio.run(run(settings))
    except UnsafeSettings as error:
        sys.stderr.writelines(f"cara worker: {problem}\n" for problem in error.problems)
        sys.exit(USAGE_EXIT_CODE)
    except (DatabaseBehind, PortUnusable) as error:
        sys.exit(f"cara worker: {error}")
    except DatabaseAway as error:
        sys.exit(f"cara worker: the database cannot be used: {error.__cause__}")


async def run(settings: Settings) -> None:
    """The life of a worker process: work, and when asked to stop, drain."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve_metrics(settings.host, settings.metrics_port), resources(settings) as context:
        await work_until(stop, workers(settings, context), settings.worker_drain_seconds)


async def work_until(stop: asyncio.Event, crew: list[PubSubWorker], drain_seconds: float) -> None:
    """Runs the workers until the event is set, or one of them fails; then drains them."""
    tasks = [asyncio.create_task(worker.run_until_cancelled(), name=worker.queue_name) for worker in crew]
    stopping = asyncio.create_task(stop.wait())
    logger.info("working on %s", ", ".join(worker.queue_name for worker in crew))
    try:
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        logger.info("draining for at most %g s", drain_seconds)
        await asyncio.gather(*(worker.drain(drain_seconds) for worker in crew))
    finally:
        for task in (stopping, *tasks):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure


@asynccontextmanager
async def resources(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """Everything that the tasks use, in the context that arq hands them."""
    start_sentry(
        dsn=settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None,
        environment=settings.environment,
        release=__version__,
        role="worker",
    )
    try:
        async with (
            up_to_date_database(settings) as database,
            _redis(settings) as connected,
            _gemini(settings) as gemini,
        ):
            quota = Quota(settings.daily_token_quota)
            work = _feedback_work(settings, database, quota, gemini, connected)
            yield {
                "settings": settings,
                "database": database,
                "quota": quota,
                "feedback_work": work,
                **connected,
            }
    finally:
        await asyncio.to_thread(stop_sentry)


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """The connections to Redis, and what goes on over them for as long as the worker lives."""
    url = settings.redis_url.get_secret_value()
    redis = arq_client(url, size=settings.redis_pool_size, retries=5)
    subscriber, waker = Subscriber(url), RollupNotifier(redis)
    running = [
        asyncio.create_task(subscriber.run(), name="redis subscriber"),
        asyncio.create_task(waker.run(), name="roll-up waker"),
    ]
    try:
        yield {"redis": redis, "subscriber": subscriber, "queue": Queue(redis), "rollup_notifier": waker}
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await redis.aclose(close_connection_pool=True)


@asynccontextmanager
async def _gemini(settings: Settings) -> AsyncIterator[GeminiClient]:
    gemini = connect_gemini(settings)
    try:
        await gemini.warm_up()
        yield gemini
    finally:
        await gemini.close()


def _feedback_work(
    settings: Settings, database: Database, quota: Quota, gemini: GeminiClient, connected: dict[str, Any]
) -> FeedbackWork:
    return FeedbackWork(
        database,
        connected["redis"],
        connected["subscriber"],
        gemini,
        Ending(database, quota, connected["queue"], settings.job_attempts),
        settings.job_lease_seconds,
        thinking_level=settings.thinking_level,
    )
