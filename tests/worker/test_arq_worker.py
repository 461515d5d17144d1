"""PubSubWorker: it polls at once when woken, skips jobs in progress, and survives a lost Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from arq import func
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from cara.devtools.servers.embedded import embedded_valkey
from cara.outages import Outage
from cara.redis.queue import arq_client, deserialize, serialize, wake_channel
from cara.redis.subscriber import Subscriber
from tests.waiting import TIMEOUT_SECONDS, time_limit
from worker.arq_worker import PubSubWorker

QUEUE = "tests:queue"
NEVER_SECONDS = 3600.0


class Work:
    """The names of the jobs that the worker ran."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.changed = asyncio.Event()
        self.release = asyncio.Event()
        self.release.set()

    async def do(self, _: dict[str, Any], name: str) -> None:
        await self.release.wait()
        self.done.append(name)
        self.changed.set()

    async def until(self, count: int) -> None:
        async with time_limit():
            while len(self.done) < count:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def working(
    url: str, work: Work, *, poll_seconds: float, max_jobs: int = 10
) -> AsyncIterator[tuple[PubSubWorker, ArqRedis]]:
    redis = arq_client(url, size=10, retries=2)
    subscriber = Subscriber(url)
    reading = asyncio.create_task(subscriber.run())
    worker = PubSubWorker(
        subscriber=subscriber,
        functions=[func(cast(Any, work.do), name="do", timeout=TIMEOUT_SECONDS)],
        queue_name=QUEUE,
        redis_pool=redis,
        max_jobs=max_jobs,
        fleet_jobs=200,
        keep_result=0,
        job_serializer=serialize,
        job_deserializer=deserialize,
    )
    worker.poll_delay_s = poll_seconds
    running = asyncio.create_task(worker.run_until_cancelled())
    try:
        yield worker, redis
    finally:
        for task in (running, reading):
            task.cancel()
        await asyncio.wait([running, reading])
        await redis.aclose(close_connection_pool=True)


async def enqueue(redis: ArqRedis, *names: str) -> None:
    for name in names:
        await redis.enqueue_job("do", name, _job_id=name, _queue_name=QUEUE)
    await redis.publish(wake_channel(QUEUE), b"")


async def has_begun(worker: PubSubWorker) -> None:
    async with time_limit():
        while not worker.job_tasks:
            await asyncio.sleep(0.01)


async def missed(outage: Outage, times: int) -> None:
    """Returns once the worker has found this many times that Redis is away."""
    async with time_limit():
        while outage.failures["no jobs are taken"] < times:
            await asyncio.sleep(0.01)


async def test_an_enqueued_job_starts_without_waiting_for_the_poll(redis_url: str) -> None:
    work = Work()
    async with working(redis_url, work, poll_seconds=NEVER_SECONDS) as (_, redis):
        await enqueue(redis, "one")
        await work.until(1)


async def test_when_a_job_ends_the_next_one_starts_at_once(redis_url: str) -> None:
    work = Work()
    async with working(redis_url, work, poll_seconds=NEVER_SECONDS, max_jobs=1) as (_, redis):
        await enqueue(redis, "one", "two", "three")
        await work.until(3)
    assert set(work.done) == {"one", "two", "three"}


async def test_without_a_wake_up_the_poll_finds_the_job(redis_url: str) -> None:
    work = Work()
    async with working(redis_url, work, poll_seconds=0.05) as (_, redis):
        await redis.enqueue_job("do", "quiet", _job_id="quiet", _queue_name=QUEUE)
        await work.until(1)


async def test_jobs_in_progress_elsewhere_do_not_hide_the_next(redis_url: str) -> None:
    """Running jobs stay in the queue's sorted set; many of them stand before the one that is free."""
    work = Work()
    redis = arq_client(redis_url, size=2)
    busy = [f"busy{number}" for number in range(150)]
    await enqueue(redis, *busy, "free")
    await redis.mset({in_progress_key_prefix + name: b"1" for name in busy})
    await redis.aclose(close_connection_pool=True)
    async with working(redis_url, work, poll_seconds=NEVER_SECONDS):
        await work.until(1)
    assert work.done == ["free"]


async def test_a_worker_survives_a_redis_that_goes_away(tmp_path: Path, redis_outage: Outage) -> None:
    work = Work()
    with ExitStack() as first:
        url = first.enter_context(embedded_valkey(tmp_path, durable=False))
        async with working(url, work, poll_seconds=0.1) as (_, redis):
            await enqueue(redis, "before")
            await work.until(1)
            await asyncio.to_thread(first.close)
            await missed(redis_outage, times=1)
            with embedded_valkey(tmp_path, durable=False):
                await enqueue(redis, "after")
                await work.until(2)
    assert work.done == ["before", "after"]


@asynccontextmanager
async def refusing(redis: ArqRedis, command: str) -> AsyncIterator[None]:
    """Makes Valkey refuse one command for the length of the block."""
    await redis.execute_command("ACL", "SETUSER", "default", f"-{command}")
    try:
        yield
    finally:
        await redis.execute_command("ACL", "SETUSER", "default", f"+{command}")


async def test_a_redis_that_fails_while_jobs_are_claimed_costs_no_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_outage: Outage
) -> None:
    monkeypatch.setattr("worker.arq_worker.AWAY_SECONDS", 0.01)
    work = Work()
    with embedded_valkey(tmp_path, durable=False) as url:
        async with working(url, work, poll_seconds=0.01, max_jobs=1) as (worker, redis):
            async with refusing(redis, "evalsha"):
                await ArqRedis.enqueue_job(redis, "do", "one", _job_id="one", _queue_name=QUEUE)
                await missed(redis_outage, times=3)
            assert worker.job_counter == 0
            await work.until(1)


async def test_no_more_jobs_are_claimed_than_there_are_slots(redis_url: str) -> None:
    """What one worker has no slot for is there for the others."""
    work = Work()
    work.release.clear()
    client = arq_client(redis_url, size=2)
    await enqueue(client, "one", "two", "three")
    await client.aclose(close_connection_pool=True)
    async with working(redis_url, work, poll_seconds=NEVER_SECONDS, max_jobs=2) as (worker, redis):
        await has_begun(worker)
        assert len(await redis.keys(f"{in_progress_key_prefix}*")) == worker.job_counter == 2
        work.release.set()
        await work.until(3)


async def test_a_job_whose_mark_was_lost_is_not_started_twice_by_its_worker(redis_url: str) -> None:
    work = Work()
    work.release.clear()
    async with working(redis_url, work, poll_seconds=NEVER_SECONDS) as (worker, redis):
        await enqueue(redis, "one")
        await has_begun(worker)
        await redis.delete(f"{in_progress_key_prefix}one")
        await enqueue(redis, "two")
        async with time_limit():
            while len(worker.tasks) < 2:
                await asyncio.sleep(0.01)
        work.release.set()
        await work.until(2)
    assert sorted(work.done) == ["one", "two"]


@pytest.mark.parametrize("ahead_seconds", [20, -20])
async def test_jobs_and_periodic_tasks_start_by_the_clock_of_redis(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    """Both the process that enqueues and the worker have a wrong clock; a job that is not due stays."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead_seconds)
    for module in ("cara.redis.queue", "arq.worker"):
        monkeypatch.setattr(f"{module}.timestamp_ms", lambda: int(time.time() * 1000))
    work = Work()
    async with working(redis_url, work, poll_seconds=0.05) as (worker, redis):
        await redis.enqueue_job("do", "later", _queue_name=QUEUE, _defer_by=15)
        await enqueue(redis, "now")
        await work.until(1)
        async with time_limit():
            while not worker._clock_offset:
                await asyncio.sleep(0.01)
        assert abs(worker._clock_offset.total_seconds() + ahead_seconds) < 5
    assert work.done == ["now"]


async def test_draining_starts_no_jobs_and_lets_running_ones_finish(redis_url: str) -> None:
    work = Work()
    work.release.clear()
    async with working(redis_url, work, poll_seconds=0.05, max_jobs=1) as (worker, redis):
        await enqueue(redis, "first", "second")
        await has_begun(worker)
        draining = asyncio.create_task(worker.drain(TIMEOUT_SECONDS))
        await asyncio.sleep(0)
        work.release.set()
        await draining
    assert work.done == ["first"]


async def test_draining_cancels_what_takes_too_long(redis_url: str) -> None:
    work = Work()
    work.release.clear()
    async with working(redis_url, work, poll_seconds=0.05) as (worker, redis):
        await enqueue(redis, "slow")
        await has_begun(worker)
        async with time_limit():
            await worker.drain(0.1)
        assert not worker.job_tasks
    assert work.done == []
