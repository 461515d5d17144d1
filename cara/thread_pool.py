"""Threads for work that would block the event loop, shared fairly among callers, with a bounded queue."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

_NICENESS: Final = 15
_SHARE: Final = 4
"""One caller may take a fourth of the places in the queue."""

Outcome = TypeVar("Outcome")


class QueueFull(Exception):
    """The queue is full; `rounds` is the work ahead, in rounds of all threads."""

    def __init__(self, rounds: float) -> None:
        super().__init__(rounds)
        self.rounds = rounds


class ShareUsed(Exception):
    """The caller has used its share of the queue."""


class BoundedThreadPool:
    """A few threads with a bounded queue: at most `most_waiting` tasks wait.

    A caller has at most one thread at a time and a fourth of the queue, and callers take turns: no task waits
    behind everything that another caller has sent. When the queue is full, a few more places remain for
    callers that have no task in it.

    `lower_priority` is for work that releases the interpreter lock, as hashing does: a thread that holds the
    lock while a busy machine keeps it waiting would hold up the whole process.
    """

    def __init__(self, name: str, *, threads: int, most_waiting: int, lower_priority: bool = False) -> None:
        self._threads = threads
        self._capacity = threads + most_waiting
        self._capacity_for_new_callers = self._capacity + max(0, most_waiting // _SHARE)
        self._share = max(1, most_waiting // _SHARE)
        self._lock = threading.Lock()
        self._unfinished = 0
        self._running: set[Hashable] = set()
        self._waiting: dict[Hashable, deque[_Task]] = {}
        """The waiting tasks by caller; the caller whose turn is next comes first."""
        initializer = _lower_priority if lower_priority else None
        self._pool = ThreadPoolExecutor(threads, name, initializer=initializer)

    async def run(self, work: Callable[[], Outcome], *, caller: Hashable | None = None) -> Outcome:
        """Runs the work in a thread and returns its result. Work without a `caller` counts as a caller's own.

        Raises:
            ShareUsed: the caller has too many tasks in the queue.
            QueueFull: the queue is full.
        """
        task = _Task(work, object() if caller is None else caller)
        with self._lock:
            self._check_room(caller)
            self._unfinished += 1
            self._waiting.setdefault(task.caller, deque()).append(task)
            self._start_waiting()
        # Only what still waits: a thread goes on when its caller is cancelled.
        task.future.add_done_callback(lambda _: self._dequeue(task))
        return await asyncio.wrap_future(task.future)

    def ensure_room(self, caller: Hashable) -> None:
        """Raises ShareUsed or QueueFull if `run` would refuse work of this caller just now."""
        with self._lock:
            self._check_room(caller)

    def close(self) -> None:
        """Cancels what waits, waits for what runs, and ends the threads."""
        with self._lock:
            left = [task for tasks in self._waiting.values() for task in tasks]
        for task in left:
            task.future.cancel()
        self._pool.shutdown(wait=True)

    def _check_room(self, caller: Hashable | None) -> None:
        if len(self._waiting.get(caller, ())) >= self._share:
            raise ShareUsed
        # A few callers may have filled the queue: the first task of another one is accepted all the same.
        is_new = caller is not None and caller not in self._waiting and caller not in self._running
        if self._unfinished >= (self._capacity_for_new_callers if is_new else self._capacity):
            raise QueueFull(self._unfinished / self._threads)

    def _start_waiting(self) -> None:
        """Submits tasks to free threads, in turn by caller. The lock must be held."""
        while len(self._running) < self._threads:
            caller = next((each for each in self._waiting if each not in self._running), None)
            if caller is None:
                return
            # Removed and inserted again behind all others: callers take turns.
            tasks = self._waiting.pop(caller)
            task = tasks.popleft()
            if tasks:
                self._waiting[caller] = tasks
            self._running.add(caller)
            self._pool.submit(self._run, task)

    def _run(self, task: _Task) -> None:
        task.run()
        with self._lock:
            self._running.discard(task.caller)
            self._unfinished -= 1
            self._start_waiting()
        task.resolve()

    def _dequeue(self, task: _Task) -> None:
        """Removes a task that was cancelled while it waited."""
        with self._lock:
            tasks = self._waiting.get(task.caller)
            if tasks is None or task not in tasks:
                return
            tasks.remove(task)
            self._unfinished -= 1
            if not tasks:
                del self._waiting[task.caller]


class _Task:
    """One task of a caller."""

    def __init__(self, work: Callable[[], Any], caller: Hashable) -> None:
        self.caller = caller
        self.future: Future[Any] = Future()
        self._work = work
        self._outcome: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Does the work, unless it was cancelled before."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self._outcome = self._work()
        except BaseException as error:
            self._error = error
            del self  # the error refers to this frame, and so would refer to itself

    def resolve(self) -> None:
        """Passes the outcome on to the coroutine that waits for it."""
        if self.future.cancelled():
            return
        if self._error is None:
            self.future.set_result(self._outcome)
        else:
            self.future.set_exception(self._error)


def _lower_priority() -> None:
    """Lets the thread of the event loop go first on busy cores; only Linux has priorities by thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
