"""What surrounds the steps of an attempt: the lease, and outcomes that run to completion."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cara.errors import NotFound
from cara.feedback.work import attempt
from cara.feedback.work.attempt import CancelRequested, LeaseLost, run_to_completion, run_with_lease
from tests.waiting import time_limit


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
