"""How long a request may spend with the database: all its blocks together, whatever hangs in which of them.

The time counts in the task that serves the request, and only while it holds a connection or waits for one: a
request that waits for Gemini in between spends nothing, and tasks that it starts have no budget.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any


class _Budget:
    """What is left of the seconds of one request."""

    def __init__(self, seconds: float) -> None:
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.seconds = seconds


_BUDGET: ContextVar[_Budget] = ContextVar("database budget")


def begin_budget(seconds: float) -> None:
    """Gives the request that the current task serves so many seconds with the database."""
    _BUDGET.set(_Budget(seconds))


def seconds_left(at_most: float) -> float:
    """Returns what is left of the budget of the current task, and never more than `at_most`."""
    budget = _current()
    return at_most if budget is None else max(0.0, min(at_most, budget.seconds))


def spend(seconds: float) -> None:
    """Takes what a block has used from the budget of the current task."""
    if budget := _current():
        budget.seconds -= seconds


def _current() -> _Budget | None:
    budget = _BUDGET.get(None)
    return budget if budget and budget.task is asyncio.current_task() else None
