"""Threads for work that would hold up the event loop, shared among callers, with a queue that has an end."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

_LOWER_PRIORITY: Final = 15
_SHARE: Final = 4
"""One caller gets a fourth of the waiting places."""

Outcome = TypeVar("Outcome")


class QueueFull(Exception):
    """As many wait as may; `rounds` says how many rounds of all threads the work ahead comes to."""

    def __init__(self, rounds: float) -> None:
        super().__init__(rounds)
        self.rounds = rounds


class ShareUsed(Exception):
    """As much work of this caller waits as may for one."""


class BoundedThreadPool:
    """A few threads, for which only so many pieces of work wait.

    Work that names its caller has at most one thread at a time and a fourth of the waiting places, and
    callers take turns: so nobody's work waits behind all that somebody else has sent. When all places are
    taken, a few more are there for callers that have none.

    `lower_priority` is for work that gives up the interpreter's lock, as hashing does: a thread that a busy
    machine keeps waiting while it holds that lock would hold up everybody.
    """

    def __init__(self, name: str, *, threads: int, most_waiting: int, lower_priority: bool = False) -> None:
        self._threads = threads
        self._most = threads + most_waiting
        self._most_of_newcomers = self._most + max(0, most_waiting // _SHARE)
        self._share = max(1, most_waiting // _SHARE)
        self._lock = threading.Lock()
        self._unfinished = 0
        self._running: set[Hashable] = set()
        self._waiting: dict[Hashable, deque[_Task]] = {}
        """The work of each caller that has any, the caller whose turn is next first."""
        initializer = _yield_to_the_event_loop if lower_priority else None
        self._pool = ThreadPoolExecutor(threads, name, initializer=initializer)

    async def run(self, work: Callable[[], Outcome], *, caller: Hashable | None = None) -> Outcome:
        """What the work gives, once a thread has done it. Without a `caller` it shares with nobody.

        Raises:
            ShareUsed: it was not taken: too much of the same caller waits.
            QueueFull: it was not taken: too much of all waits.
        """
        task = _Task(work, object() if caller is None else caller)
        with self._lock:
            self._check_room(caller)
            self._unfinished += 1
            self._waiting.setdefault(task.caller, deque()).append(task)
            self._start_waiting()
        # Not when the caller is done with it: a thread goes on when its caller is cancelled.
        task.future.add_done_callback(lambda _: self._leave_the_queue(task))
        return await asyncio.wrap_future(task.future)

    def ensure_room(self, caller: Hashable) -> None:
        """Raises what `run` would: ShareUsed or QueueFull, if work of this caller were not taken just now."""
        with self._lock:
            self._check_room(caller)

    def close(self) -> None:
        """Ends the threads; what is still queued is cancelled, what is being done is waited for."""
        with self._lock:
            left = [task for tasks in self._waiting.values() for task in tasks]
        for task in left:
            task.future.cancel()
        self._pool.shutdown(wait=True)

    def _check_room(self, caller: Hashable | None) -> None:
        if len(self._waiting.get(caller, ())) >= self._share:
            raise ShareUsed
        # Some callers may have taken all places: another one's first piece of work is let in all the same.
        first = caller is not None and caller not in self._waiting and caller not in self._running
        if self._unfinished >= (self._most_of_newcomers if first else self._most):
            raise QueueFull(self._unfinished / self._threads)

    def _start_waiting(self) -> None:
        """Gives free threads to those whose turn it is; the lock is held."""
        while len(self._running) < self._threads:
            caller = next((each for each in self._waiting if each not in self._running), None)
            if caller is None:
                return
            # Taken out and put back behind all others: that is how callers take turns.
            tasks = self._waiting.pop(caller)
            task = tasks.popleft()
            if tasks:
                self._waiting[caller] = tasks
            self._running.add(caller)
            self._pool.submit(self._do, task)

    def _do(self, task: _Task) -> None:
        task.do()
        with self._lock:
            self._running.discard(task.caller)
            self._unfinished -= 1
            self._start_waiting()
        task.tell()

    def _leave_the_queue(self, task: _Task) -> None:
        """Gives up the place of work that was cancelled before its turn."""
        with self._lock:
            tasks = self._waiting.get(task.caller)
            if tasks is None or task not in tasks:
                return
            tasks.remove(task)
            self._unfinished -= 1
            if not tasks:
                del self._waiting[task.caller]


class _Task:
    """A piece of work and whose it is."""

    def __init__(self, work: Callable[[], Any], caller: Hashable) -> None:
        self.caller = caller
        self.future: Future[Any] = Future()
        self._work = work
        self._outcome: Any = None
        self._error: BaseException | None = None

    def do(self) -> None:
        """Does the work, unless it was cancelled before."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self._outcome = self._work()
        except BaseException as error:
            self._error = error
            del self  # the error refers to this frame, and so would refer to itself

    def tell(self) -> None:
        """Tells who waits how it went."""
        if self.future.cancelled():
            return
        if self._error is None:
            self.future.set_result(self._outcome)
        else:
            self.future.set_exception(self._error)


def _yield_to_the_event_loop() -> None:
    """Lets the thread that serves requests go first on busy cores; only Linux has priorities by thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWER_PRIORITY)
