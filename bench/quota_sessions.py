"""What a process of `bench.quota_load` works with: options, a clock, and connections that come to rest."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from bench.quota_records import ALONE, ROLLED_BACK
from cara.quota.errors import QuotaExceeded, QuotaStatus

FIRST_DAY = datetime(2026, 11, 3, tzinfo=UTC)
DAY_SECONDS = 4.0
"""How long a day takes, by the clock that `Quota` is given."""


@dataclass(frozen=True)
class Options:
    """What one process is to do.

    Reservations that shall not expire are kept for `keep_seconds`. The first day begins at `origin` on the
    monotonic clock, in all processes.
    """

    url: str
    file: str
    seed: int
    operations: int
    learners: int
    keep_seconds: float
    origin: float


class SteppedClock:
    """A clock whose days are short, and which is put forward or back by hours."""

    def __init__(self, origin: float) -> None:
        self._origin = origin
        self._hours = 0.0

    def step(self, hours: float) -> None:
        self._hours = hours

    def now(self) -> datetime:
        days = (time.monotonic() - self._origin) / DAY_SECONDS
        return FIRST_DAY + timedelta(days=days, hours=self._hours)


@dataclass(frozen=True)
class Ended:
    """How an operation ended: the mark of its record, its result if it has one, and what is recorded else."""

    mark: str
    result: Any = None
    reasons: list[Any] = field(default_factory=list)


class Session:
    """A connection of one task, which comes to rest after a cancellation."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.connection: asyncpg.Connection[asyncpg.Record]

    async def connect(self) -> Session:
        settings = {"application_name": Path(self._options.file).stem, "timezone": "UTC"}
        self.connection = await asyncpg.connect(self._options.url, server_settings=settings)
        await self.connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
        )
        return self

    async def run(self, work: Coroutine[Any, Any, Any], mode: str, cancel_seconds: float | None) -> Ended:
        """Awaits an operation, which is cancelled after so many seconds; returns how it ended.

        A cancellation may arrive late and meet the operation after the one that was cancelled.
        """
        task = asyncio.ensure_future(in_mode(self.connection, work, mode))
        if cancel_seconds is not None:
            asyncio.get_running_loop().call_later(cancel_seconds, task.cancel)
        try:
            return Ended("ok", await task)
        except QuotaExceeded as refusal:
            return Ended("refused", reasons=seen(refusal.day))
        except asyncio.CancelledError:
            await self.rest(mode)
            return Ended("cancelled")
        except (RolledBack, asyncpg.DeadlockDetectedError, asyncpg.QueryCanceledError) as error:
            return Ended("failed", reasons=[type(error).__name__])

    async def rest(self, mode: str) -> None:
        """Returns once nothing that was sent on the connection can take effect any more.

        A statement waits until the one before it is over. A transaction may have been cancelled while it
        began, or ended: its connection is replaced.
        """
        if mode == ALONE:
            with suppress(asyncpg.QueryCanceledError):  # it may arrive late
                await self.connection.fetchval("select 1")
            return
        pid = self.connection.get_server_pid()
        self.connection.terminate()
        await self.connect()
        while await self.connection.fetchval("select true from pg_stat_activity where pid = $1", pid):
            await asyncio.sleep(0.005)


class RolledBack(Exception):
    """Ends a transaction without an effect."""


async def in_mode(
    connection: asyncpg.Connection[asyncpg.Record], work: Coroutine[Any, Any, Any], mode: str
) -> Any:
    """Awaits the work, alone or in a transaction, and returns its result.

    Raises:
        RolledBack: that was the mode.
    """
    try:
        if mode == ALONE:
            return await work
        async with connection.transaction():
            result = await work
            if mode == ROLLED_BACK:
                raise RolledBack
        return result
    finally:
        work.close()  # if it was cancelled before it began


def seen(day: QuotaStatus) -> list[int]:
    """Returns what is recorded of a look at a day."""
    return [day.used, day.reserved, sum(day.by_type.values())]
