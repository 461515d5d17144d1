"""Threads for work that would hold up the event loop, with a queue that has an end."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

_LOWER_PRIORITY: Final = 15

Outcome = TypeVar("Outcome")


class QueueFull(Exception):
    """As many wait as may; `rounds` says how many rounds of all threads the work ahead comes to."""

    def __init__(self, rounds: float) -> None:
        super().__init__(rounds)
        self.rounds = rounds


class BoundedThreads:
    """A few threads of lower priority, for which only so many pieces of work wait."""

    def __init__(self, name: str, *, threads: int, most_waiting: int) -> None:
        self._threads = threads
        self._most = threads + most_waiting
        self._unfinished = 0
        self._counting = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, name, initializer=_yield_to_the_event_loop)

    async def run(self, work: Callable[[], Outcome]) -> Outcome:
        """What the work gives, once a thread has done it.

        Raises:
            QueueFull: it was not taken.
        """
        self._take_a_place()
        future = self._pool.submit(work)
        # Not when the caller is done with it: a thread goes on when its caller is cancelled.
        future.add_done_callback(self._give_up_the_place)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Ends the threads; what is still queued is cancelled, what is being done is waited for."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take_a_place(self) -> None:
        with self._counting:
            if self._unfinished >= self._most:
                raise QueueFull(self._unfinished / self._threads)
            self._unfinished += 1

    def _give_up_the_place(self, _: Future[Outcome]) -> None:
        with self._counting:
            self._unfinished -= 1


def _yield_to_the_event_loop() -> None:
    """Lets the thread that serves requests go first on busy cores; only Linux has priorities by thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWER_PRIORITY)
