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
from typing import TYPE_CHECKING, Final
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


class Budget:
    """What is left of the seconds of one request, and who sent it."""

    __slots__ = ("_task", "caller", "seconds")

    def __init__(self, seconds: float, caller: str | None) -> None:
        self._task = asyncio.current_task()
        self.seconds = seconds
        self.caller = caller

    def is_mine(self) -> bool:
        """Returns whether the current task is the one that the budget was given to."""
        return self._task is asyncio.current_task()


_BUDGET: ContextVar[Budget] = ContextVar("database budget")


def begin_budget(seconds: float, caller: str | None = None) -> None:
    """Gives the request of the caller, which the current task serves, so many seconds with the database."""
    _BUDGET.set(Budget(seconds, caller))


def current_budget() -> Budget | None:
    """Returns the budget of the request that the current task serves; None in any other task."""
    budget = _BUDGET.get(None)
    return budget if budget and budget.is_mine() else None


def seconds_left(at_most: float) -> float:
    """Returns what is left of the budget of the current task, and never more than `at_most`."""
    budget = current_budget()
    return at_most if budget is None else max(0.0, min(at_most, budget.seconds))


class Shares:
    """A third of the pool for the requests of each caller; what else happens has no bound but the pool.

    A caller is a learner, or before sign-in a network. Requests of one learner wait for one another's rows.
    If all connections could wait there, others would wait too.
    """

    def __init__(self, pool_size: int) -> None:
        self._most = max(1, pool_size // SHARE)
        self._unbounded = asyncio.Semaphore(sys.maxsize)
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """Of the callers whose requests hold a connection or wait for one."""

    def of(self, caller: str | None) -> asyncio.Semaphore:
        """Returns the share of the caller; None has no bound."""
        if caller is None:
            return self._unbounded
        return self._shares.setdefault(caller, asyncio.Semaphore(self._most))
