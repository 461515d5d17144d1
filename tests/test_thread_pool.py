"""Work in threads, fair shares of them, and the bounds of the queue."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from cara.thread_pool import BoundedThreadPool, QueueFull, ShareUsed
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture
def threads() -> Iterator[BoundedThreadPool]:
    bounded = BoundedThreadPool("test", threads=1, most_waiting=1)
    yield bounded
    bounded.close()


async def test_results_and_errors_of_the_work_are_passed_on(threads: BoundedThreadPool) -> None:
    assert await threads.run(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


async def test_the_queue_is_bounded_and_a_cancelled_call_frees_no_thread(
    threads: BoundedThreadPool,
) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(TIMEOUT_SECONDS)

    working = asyncio.create_task(threads.run(work))
    await asyncio.to_thread(begun.wait, TIMEOUT_SECONDS)
    working.cancel()
    waiting = asyncio.create_task(threads.run(lambda: "done"))
    await asyncio.sleep(0)
    with pytest.raises(QueueFull) as full:
        await threads.run(lambda: "never")
    assert full.value.rounds == 2
    go_on.set()
    assert await waiting == "done"
    assert await threads.run(lambda: "free again") == "free again"


async def test_callers_take_turns_and_none_gets_two_threads() -> None:
    threads = BoundedThreadPool("fair", threads=2, most_waiting=12)
    go_on, done = threading.Event(), []
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()

    def work(caller: str) -> None:
        running[caller] += 1
        most[caller] = max(most[caller], running[caller])
        go_on.wait(TIMEOUT_SECONDS)
        running[caller] -= 1
        done.append(caller)

    sent = [asyncio.create_task(threads.run(partial(work, each), caller=each)) for each in "aaaabbc"]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*sent)
    threads.close()
    assert most == {"a": 1, "b": 1, "c": 1}
    assert done.index("c") < len(done) - 2, "the last to come waited behind all of the first"


async def test_a_caller_has_a_quarter_of_the_queue_and_a_cancelled_task_frees_its_place() -> None:
    threads = BoundedThreadPool("fair", threads=2, most_waiting=8)
    go_on = threading.Event()
    sent = [
        asyncio.create_task(threads.run(lambda: go_on.wait(TIMEOUT_SECONDS), caller="a")) for _ in range(3)
    ]
    await asyncio.sleep(0)
    with pytest.raises(ShareUsed):
        await threads.run(lambda: "never", caller="a")
    assert await threads.run(lambda: "at once", caller="b") == "at once"
    sent[1].cancel()
    await asyncio.wait([sent[1]])
    taken = asyncio.create_task(threads.run(lambda: "taken", caller="a"))
    await asyncio.sleep(0)
    go_on.set()
    assert await taken == "taken"
    threads.close()


async def test_a_full_queue_keeps_a_few_places_for_new_callers() -> None:
    threads = BoundedThreadPool("full", threads=2, most_waiting=4)
    go_on = threading.Event()
    wait = partial(go_on.wait, TIMEOUT_SECONDS)
    sent = [asyncio.create_task(threads.run(wait, caller=each)) for each in "abcdab"]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await threads.run(wait)
    sent.append(asyncio.create_task(threads.run(wait, caller="new caller")))
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        threads.ensure_room("one new caller too many")
    with pytest.raises(ShareUsed):
        threads.ensure_room("a")
    go_on.set()
    assert await asyncio.gather(*sent) == [True] * 7
    threads.ensure_room("one new caller too many")
    threads.close()


async def test_waiting_tasks_are_cancelled_when_the_pool_closes() -> None:
    threads = BoundedThreadPool("ending", threads=1, most_waiting=4)
    go_on, begun = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        go_on.wait(TIMEOUT_SECONDS)
        return "done"

    working = asyncio.create_task(threads.run(work))
    await asyncio.to_thread(begun.wait, TIMEOUT_SECONDS)
    waiting = asyncio.create_task(threads.run(lambda: "never"))
    await asyncio.sleep(0)
    threading.Timer(0.05, go_on.set).start()
    await asyncio.to_thread(threads.close)
    assert await working == "done"
    with pytest.raises(asyncio.CancelledError):
        await waiting
