"""The limits of a session, which PostgreSQL keeps, and of a request and its caller, which this process keeps.

A process or a host that vanishes must not keep rows locked: PostgreSQL ends its session, by one of the limits
below, within 15 s. What a request may spend with the database is a budget for all its blocks together. It
counts in the task that serves the request, and only while that holds a connection or waits for one: a request
that waits for Gemini in between spends nothing, and tasks that it starts have no budget. It also says whose
request it is, for the requests of one caller share a part of the pool.
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from cara.settings import Settings

KEEPALIVE_SECONDS: Final = 3
KEEPALIVE_PROBES: Final = 3
"""Probes, a second apart, that follow after `KEEPALIVE_SECONDS` of silence."""

SILENCE_SECONDS: Final = 7
"""How long a peer may leave data unacknowledged, or a session be idle within a transaction."""

SHARE: Final = 3
"""The requests of one caller hold a third of the pool at most."""


def session_limits(settings: Settings) -> dict[str, str]:
    """Returns the parameters of a session by which PostgreSQL ends what hangs, in its own notation."""
    if settings.database_session_limits == "off":
        return {}
    return {
        "statement_timeout": milliseconds(settings.database_statement_seconds),
        "lock_timeout": milliseconds(settings.database_lock_seconds),
        **limits_of_silence(),
    }


def limits_of_silence() -> dict[str, str]:
    """Returns those that end a session whose client has vanished, however long its statements may take."""
    return {
        "idle_in_transaction_session_timeout": milliseconds(SILENCE_SECONDS),
        # A running statement, or one that waits for a lock, ends when its client is gone.
        "client_connection_check_interval": milliseconds(1),
        "tcp_keepalives_idle": str(KEEPALIVE_SECONDS),
        "tcp_keepalives_interval": "1",
        "tcp_keepalives_count": str(KEEPALIVE_PROBES),
        "tcp_user_timeout": milliseconds(SILENCE_SECONDS),
    }


def libpq_keepalives() -> dict[str, str]:
    """Returns the arguments by which libpq notices in the same time that the server has vanished."""
    return {
        "keepalives_idle": str(KEEPALIVE_SECONDS),
        "keepalives_interval": "1",
        "keepalives_count": str(KEEPALIVE_PROBES),
        "tcp_user_timeout": str(SILENCE_SECONDS * 1000),
    }


def milliseconds(seconds: float) -> str:
    """Returns a time as PostgreSQL's parameters take it."""
    return f"{max(1, round(seconds * 1000))}ms"


class _Budget:
    """What is left of the seconds of one request, and who sent it."""

    def __init__(self, seconds: float, caller: str | None) -> None:
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.seconds = seconds
        self.caller = caller


_BUDGET: ContextVar[_Budget] = ContextVar("database budget")


def begin_budget(seconds: float, caller: str | None = None) -> None:
    """Gives the request of the caller, which the current task serves, so many seconds with the database."""
    _BUDGET.set(_Budget(seconds, caller))


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


class Shares:
    """A third of the pool for the requests of each caller; what else happens has no bound but the pool.

    A caller is a learner, or before sign-in a network. Requests of one learner wait for one another's rows.
    If all connections could wait there, others would wait too.
    """

    def __init__(self, pool_size: int) -> None:
        self._most = max(1, pool_size // SHARE)
        self.unbounded = asyncio.Semaphore(sys.maxsize)
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """Of the callers whose requests hold a connection or wait for one."""

    def current(self) -> asyncio.Semaphore:
        """Returns the share of whoever sent the request that the current task serves."""
        budget = _current()
        if budget is None or budget.caller is None:
            return self.unbounded
        return self._shares.setdefault(budget.caller, asyncio.Semaphore(self._most))
