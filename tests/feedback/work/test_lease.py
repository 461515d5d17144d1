"""What surrounds the steps of an attempt: the lease, and outcomes that run to completion."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from cara.errors import NotFound
from cara.feedback.work import attempt
from cara.feedback.work.attempt import CancelRequested, LeaseLost, run_to_completion, run_with_lease
from cara.jobs.notifier import CANCEL_CHANNELS, cancel_channel
from cara.postgres.database import Database, Record, new_id, one_row
from cara.redis.subscriber import Wake
from cara.settings import Settings
from tests.feedback.work.attempts import the_job
from tests.jobs.rows import in_status, insert_job
from tests.waiting import time_limit
from worker.main import connected


class Lease:
    """A lease that ends with an error when the test says so, instead of being renewed in the database."""

    def __init__(self) -> None:
        self.error: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.kept = False

    async def keep(self, *_: Any) -> None:
        self.kept = True
        try:
            await self.error
        finally:
            self.kept = False


@pytest.fixture
async def lease(monkeypatch: pytest.MonkeyPatch) -> Lease:
    lease = Lease()
    monkeypatch.setattr(attempt, "_keep_lease", lease.keep)
    return lease


def with_lease() -> Any:
    nothing: Any = None
    return run_with_lease(nothing, nothing, nothing, 9.0)


async def begin(steps: Any, lease: Lease) -> asyncio.Task[None]:
    task = asyncio.create_task(steps)
    while not lease.kept:
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("reason", [LeaseLost, CancelRequested])
async def test_the_end_of_the_lease_cancels_the_block_and_is_raised(
    lease: Lease, reason: type[Exception]
) -> None:
    cancelled = []

    async def steps() -> None:
        async with with_lease():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    async with time_limit():
        task = await begin(steps(), lease)
        lease.error.set_exception(reason())
        with pytest.raises(reason):
            await task
    assert cancelled == [True]
    assert task.cancelling() == 0


async def test_the_lease_is_not_renewed_after_the_block(lease: Lease) -> None:
    async with time_limit(), with_lease():
        await asyncio.sleep(0)
        assert lease.kept
    assert not lease.kept


async def test_an_error_of_the_block_is_raised_as_it_is(lease: Lease) -> None:
    cause = ValueError("the cause")

    async def steps() -> None:
        async with time_limit(), with_lease():
            await asyncio.sleep(0)
            raise NotFound from cause

    with pytest.raises(NotFound) as raised:
        await steps()
    assert raised.value.__cause__ is cause
    assert not lease.kept


@pytest.mark.parametrize("lost", [False, True])
async def test_a_cancelled_worker_is_cancelled_even_if_it_loses_the_lease_at_once(
    lease: Lease, lost: bool
) -> None:
    async def steps() -> None:
        async with with_lease():
            await asyncio.Event().wait()

    async with time_limit():
        task = await begin(steps(), lease)
        if lost:
            lease.error.set_exception(LeaseLost())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not lease.kept


async def test_the_time_limit_of_an_attempt_ends_the_block(lease: Lease) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), with_lease():
            await asyncio.Event().wait()
    assert not lease.kept


@pytest.fixture
async def running(database: Database) -> Record:
    """A job that an attempt has claimed."""
    await insert_job(database)
    async with database.acquire() as connection:
        columns = in_status("running")
        return await one_row(connection, f"update feedback_jobs set {columns}, attempts = 1 returning *")


async def test_a_job_goes_on_when_another_one_of_its_channel_is_cancelled_and_ends_when_it_is_itself(
    database: Database, running: Record
) -> None:
    heard = Wake()

    async def steps() -> None:
        async with run_with_lease(database, heard, running, 3_600):
            heard.set()
            while (job := await the_job(database))["lease_expires_at"] == running["lease_expires_at"]:
                await asyncio.sleep(0.01)
            assert job["lease_expires_at"] - running["lease_expires_at"] > timedelta(minutes=50)
            async with database.acquire() as connection:
                await connection.execute("update feedback_jobs set cancel_requested = true")
            heard.set()
            await asyncio.Event().wait()

    async with time_limit():
        with pytest.raises(CancelRequested):
            await steps()


async def test_a_cancellation_that_was_heard_before_the_claim_ends_the_attempt(
    database: Database, running: Record
) -> None:
    heard = Wake()
    heard.set()
    async with database.acquire() as connection:
        await connection.execute("update feedback_jobs set cancel_requested = true")
    with pytest.raises(CancelRequested):
        async with time_limit(), run_with_lease(database, heard, running, 3_600):
            await asyncio.Event().wait()


async def test_a_worker_subscribes_to_the_cancellations_of_all_jobs_once(
    settings: Settings, redis_url: str
) -> None:
    async with Redis.from_url(redis_url) as redis, connected(settings) as worker, time_limit():
        while len(await redis.pubsub_channels("cara:feedback:cancel:*")) < CANCEL_CHANNELS:
            await asyncio.sleep(0.01)
        before = await redis.pubsub_channels()
        job_id = new_id()
        async with worker.subscriber.listen(cancel_channel(job_id)) as heard:
            assert await redis.pubsub_channels() == before
            await redis.publish(cancel_channel(job_id), b"")
            await heard.wait()
        assert await redis.pubsub_channels() == before


@pytest.mark.parametrize("fails", [False, True])
async def test_an_outcome_is_complete_before_its_caller_is_cancelled(fails: bool) -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), []

    @run_to_completion
    async def write() -> None:
        begun.set()
        await go_on.wait()
        done.append("written")
        if fails:
            raise NotFound

    async with time_limit():
        task = asyncio.create_task(write())
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert done == ["written"]
