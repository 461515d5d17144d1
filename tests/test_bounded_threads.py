"""Work in threads, and how much of it may wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from cara.bounded_threads import BoundedThreads, QueueFull

BOUND_SECONDS = 10


@pytest.fixture
def threads() -> Iterator[BoundedThreads]:
    bounded = BoundedThreads("test", threads=1, most_waiting=1)
    yield bounded
    bounded.close()


async def test_what_work_gives_and_raises_comes_back(threads: BoundedThreads) -> None:
    assert await threads.run(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


async def test_only_so_many_wait_and_who_leaves_frees_no_thread(threads: BoundedThreads) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(BOUND_SECONDS)

    working = asyncio.create_task(threads.run(work))
    await asyncio.to_thread(begun.wait, BOUND_SECONDS)
    working.cancel()
    waiting = asyncio.create_task(threads.run(lambda: "done"))
    await asyncio.sleep(0)
    with pytest.raises(QueueFull) as full:
        await threads.run(lambda: "never")
    assert full.value.rounds == 2
    go_on.set()
    assert await waiting == "done"
    assert await threads.run(lambda: "free again") == "free again"
