"""A block that holds a connection: how long it may, and what the driver's errors in it mean."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING

from cara.postgres.connections import Connection, cut, is_lost
from cara.postgres.errors import DatabaseAway, DatabaseSlow, DatabaseTrouble, StatementTimedOut, trouble_of
from cara.postgres.limits import Budget, current_budget

if TYPE_CHECKING:
    from cara.postgres.database import Database

TICK_SECONDS = 0.002
"""The timers of uvloop are set in whole milliseconds, and may run a little before their time."""


class Block:
    """A connection that is held for the length of a block, as `Database.acquire` says."""

    def __init__(self, database: Database, seconds: float | None, shared: bool) -> None:
        self._database, self._seconds, self._shared = database, seconds, shared

    async def __aenter__(self) -> Connection:
        loop, database = asyncio.get_running_loop(), self._database
        budget = self._budget = current_budget() or Budget(database.seconds, None)
        self._begin = loop.time()
        self._end = self._begin + (self._seconds or max(0.0, min(database.seconds, budget.seconds)))
        self._share = database.shares.of(budget.caller if self._shared else None)
        try:
            self._connection = await database.take(self._share, self._begin, self._end)
        except BaseException:
            self._spend(loop)
            raise
        self._cutting = loop.call_at(self._end, cut, self._connection)
        return self._connection

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            if error is None:
                self._database.note_answer(loop.time())
            elif isinstance(error, Exception):
                await self._translate(error, loop.time())
        finally:
            try:
                await self._database.give_back(self._connection)
            finally:
                self._share.release()
                self._cutting.cancel()
                self._spend(loop)

    def _spend(self, loop: asyncio.AbstractEventLoop) -> None:
        self._budget.seconds -= loop.time() - self._begin

    async def _translate(self, error: Exception, now: float) -> None:
        """Notes trouble with the database, and raises it in the place of the driver's error."""
        database, connection = self._database, self._connection
        if isinstance(error, DatabaseTrouble):
            await database.note(type(error), error, connection)
            return
        kind = trouble_of(error, lost=is_lost(connection))
        if kind is None:
            return
        if kind is DatabaseAway and now >= self._end - TICK_SECONDS:
            kind = StatementTimedOut if database.answered_at > self._begin else DatabaseSlow
        await database.note(kind, error, connection)
        raise kind(retry_after_seconds=1) from error
