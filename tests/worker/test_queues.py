"""The workers of a worker process: their time limits, and that they end together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cara.feedback.work.run import BESIDE_GEMINI_SECONDS
from cara.redis.queue import FEEDBACK_QUEUE, MAINTENANCE_QUEUE, ROLLUP_QUEUE
from cara.settings import Settings
from tests.waiting import time_limit
from worker.arq_worker import PubSubWorker
from worker.main import connected
from worker.queues import create_workers, run_workers


@pytest.fixture
async def workers(settings: Settings) -> AsyncIterator[list[PubSubWorker]]:
    limits = {"worker_max_jobs": 3, "worker_fleet": 7, "sweep_seconds": 20, "rollup_seconds": 30}
    async with connected(settings.model_copy(update=limits)) as context:
        yield create_workers(context)


async def test_each_queue_has_a_worker_with_its_tasks(
    settings: Settings, workers: list[PubSubWorker]
) -> None:
    feedback, maintenance, rollups = workers
    assert [worker.queue_name for worker in workers] == [FEEDBACK_QUEUE, MAINTENANCE_QUEUE, ROLLUP_QUEUE]
    # An attempt ends by itself, and is retried, before its worker would cancel it.
    task = feedback.functions["write_feedback"]
    assert task.timeout_s is not None
    assert task.timeout_s > settings.gemini_deadline_seconds + BESIDE_GEMINI_SECONDS
    assert feedback.max_jobs == 3
    assert feedback.queue_read_limit == 2 * 3 * 7
    schedule = {
        job.coroutine.__name__: (job.second, job.minute, job.run_at_startup)
        for worker in (maintenance, rollups)
        for job in worker.cron_jobs or ()
    }
    assert schedule == {
        "sweep_jobs": ({0, 20, 40}, None, True),
        "purge_expired": (0, 17, False),
        "fold_rollups": ({0, 30}, None, True),
        "keep_partitions": (0, 23, True),
    }


async def test_when_one_worker_fails_the_others_end_and_the_failure_is_raised(
    workers: list[PubSubWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RuntimeError("the second worker")

    monkeypatch.setattr(workers[1], "run_until_cancelled", fail)
    before = asyncio.all_tasks()
    async with time_limit():
        with pytest.raises(RuntimeError, match="the second worker"):
            await run_workers(asyncio.Event(), workers, drain_seconds=1)
    assert {task.get_name() for task in asyncio.all_tasks() - before}.isdisjoint(
        worker.queue_name for worker in workers
    )
    assert not any(worker.allow_pick_jobs for worker in workers)
