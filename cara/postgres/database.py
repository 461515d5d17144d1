"""The pool of PostgreSQL connections: blocks and transactions that never last for long, whatever hangs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from uuid import UUID

import asyncpg
from pydantic_core import from_json, to_json
from uuid_utils.compat import uuid7

from cara.json_values import JsonText
from cara.outages import Outage
from cara.postgres.connections import Connection, Hosts, PoolConnection, RawConnection, cut, is_lost
from cara.postgres.errors import (
    CONNECTION_ERRORS,
    SILENCE,
    CommitUnknown,
    DatabaseAway,
    DatabaseBusy,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseSlow,
    DatabaseTrouble,
    StatementOutdated,
    StatementTimedOut,
    reason_of,
    trouble_of,
)
from cara.postgres.limits import Budget, Shares, current_budget, milliseconds, session_limits
from cara.postgres.places import Places

if TYPE_CHECKING:
    from cara.settings import Settings

Record: TypeAlias = asyncpg.Record
__all__ = ["Connection", "Database", "Record", "new_id", "one_row"]

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.002
"""The timers of uvloop are set in whole milliseconds, and may run a little before their time."""


class Database:
    """A connection pool whose users never wait for long, whatever hangs.

    A block that holds a connection may last `seconds`, from the request for the connection to its release.
    Then the connection is cut, whatever it is waiting for: a result, a lock, the commit or a rollback.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], settings: Settings) -> None:
        self.outage = Outage("PostgreSQL")
        self.seconds = settings.database_seconds
        self._pool = pool
        self._places = Places(pool)
        self._shares = Shares(settings.database_pool_size)
        self._settings = settings
        self._expired_at = float("-inf")
        self._answered_at = float("-inf")
        """When PostgreSQL last did what a block asked for, by the time of the loop."""

    @classmethod
    async def connect(cls, settings: Settings) -> Self:
        """Opens the pool.

        Raises:
            DatabaseAway: PostgreSQL cannot be reached; the cause is the original error.
        """
        try:
            pool = await asyncpg.create_pool(
                connect=Hosts(settings.database_url.get_secret_value()).connect,
                record_class=asyncpg.Record,
                min_size=0,  # of a floor asyncpg would log each failure to restore it
                init_size=1,
                max_size=settings.database_pool_size,
                command_timeout=None,  # the limit of the block ends a statement
                init=_prepare,
                reset=_skip_reset,
                server_settings={"application_name": "cara", "timezone": "UTC", **session_limits(settings)},
            )
        except CONNECTION_ERRORS as error:
            raise DatabaseAway(retry_after_seconds=1) from error
        return cls(pool, settings)

    async def close(self) -> None:
        """Waits at most 5 seconds for running statements, then closes every connection."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def acquire(
        self, *, seconds: float | None = None, shared: bool = True
    ) -> AsyncIterator[Connection]:
        """Yields a connection for the duration of the block, which may last `seconds`.

        It belongs to the share of whoever sent the current request, unless it is not `shared`.

        Raises:
            DatabaseTrouble: PostgreSQL cannot do it now, as `cara.postgres.errors` tells.
        """
        loop, budget = asyncio.get_running_loop(), current_budget() or Budget(self.seconds, None)
        begin = loop.time()
        end = begin + (seconds or max(0.0, min(self.seconds, budget.seconds)))
        share = self._shares.of(budget.caller if shared else None)
        try:
            connection = await self._acquired(share, begin, end)
            cutting = loop.call_at(end, cut, connection)
            try:
                yield connection
            except DatabaseTrouble as trouble:
                await self._note(type(trouble), trouble, connection)
                raise
            except Exception as error:
                kind = await self._noted_kind(error, connection, begin, end)
                if kind is None:
                    raise
                raise kind(retry_after_seconds=1) from error
            else:
                self._answered_at = loop.time()
                if self.outage.lasts:
                    self.outage.answered(wrote=False)
            finally:
                try:
                    await self._release(connection)
                finally:
                    share.release()
                    cutting.cancel()
        finally:
            budget.seconds -= loop.time() - begin

    @asynccontextmanager
    async def transaction(self, *, seconds: float | None = None) -> AsyncIterator[Connection]:
        """Yields a connection in a transaction that commits at the end of the block.

        With `seconds` the block and each of its statements may take so long.

        Raises:
            CommitUnknown: the connection was lost while the transaction was committed.
            DatabaseTrouble: as `acquire`; the transaction is undone.
        """
        async with self.acquire(seconds=seconds) as connection:
            committing = False
            try:
                async with connection.transaction():
                    if seconds and seconds > self._settings.database_statement_seconds:
                        await _set_locally(connection, "statement_timeout", seconds)
                    yield connection
                    committing = True
                if self.outage.lasts:
                    self.outage.answered()
            except Exception as error:
                kind = trouble_of(error, lost=is_lost(connection))
                if committing and kind in (DatabaseAway, DatabaseSlow):
                    raise CommitUnknown(retry_after_seconds=1) from error
                raise

    @asynccontextmanager
    async def snapshot(self, seconds: float) -> AsyncIterator[Connection]:
        """Yields a connection in a transaction that reads the state of one moment, for a slow reader.

        It may be idle for as long as the block may last, because it locks no rows. It belongs to no share, or
        other requests of the caller would wait for as long: who uses it bounds the number of readers.

        Raises:
            DatabaseTrouble: as `acquire`.
        """
        async with (
            self.acquire(seconds=seconds, shared=False) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await _set_locally(connection, "idle_in_transaction_session_timeout", seconds)
            yield connection

    async def _noted_kind(
        self, error: Exception, connection: Connection, begin: float, end: float
    ) -> type[DatabaseTrouble] | None:
        """Returns and notes which trouble an error within a block is; None if it is not PostgreSQL's."""
        kind = trouble_of(error, lost=is_lost(connection))
        if kind is None:
            return None
        if kind is DatabaseAway and asyncio.get_running_loop().time() >= end - TICK_SECONDS:
            kind = StatementTimedOut if self._answered_at > begin else DatabaseSlow
        await self._note(kind, error, connection)
        return kind

    async def _acquired(self, share: asyncio.Semaphore, begin: float, end: float) -> PoolConnection:
        """Returns a connection, out of the share, in time and not later than `end`, a time of the loop."""
        end = min(end, begin + self._settings.database_acquire_seconds)
        if share.locked():
            await _wait_for_share(share, end)
        else:
            await share.acquire()  # at once
        try:
            return await self._from_pool(begin, end)
        except BaseException:
            share.release()
            raise

    async def _from_pool(self, begin: float, end: float) -> PoolConnection:
        try:
            if self._pool.get_idle_size():
                return await self._pool.acquire()  # at once
            async with asyncio.timeout_at(end):
                return await self._pool.acquire()
        except CONNECTION_ERRORS as error:
            crowded = isinstance(error, asyncpg.TooManyConnectionsError)
            if crowded and (connection := await self._places.released(end)):
                return connection
            kind = trouble_of(error, lost=True) or DatabaseAway  # such as a wrong password
            if kind is DatabaseSlow and self._pool.get_size() == self._pool.get_max_size():
                kind = StatementTimedOut if self._answered_at > begin else DatabaseBusy
            await self._note(kind, error)
            raise kind(retry_after_seconds=1) from error

    async def _release(self, connection: PoolConnection) -> None:
        """Gives the connection back; the pool replaces one that it cannot bring into order."""
        try:
            await self._pool.release(connection)
        except CONNECTION_ERRORS as error:
            logger.debug("a connection was dropped: %s", type(error).__name__)

    async def _note(
        self, kind: type[DatabaseTrouble], error: BaseException, connection: Connection | None = None
    ) -> None:
        """Logs the outage that the failure belongs to, and sees to it that the next block can succeed."""
        reason = SILENCE if kind is DatabaseSlow else reason_of(error)
        if kind.is_outage:
            lasting = issubclass(kind, DatabaseReadOnly | DatabaseFull)
            self.outage.failed(kind.code, reason, reads_succeed=lasting)
        else:
            logger.info("%s: %s", kind.__name__, reason)
        if issubclass(kind, StatementOutdated) and connection is not None:
            await connection.reload_schema_state()
        if issubclass(kind, DatabaseReadOnly):
            await self._leave_read_only_server()

    async def _leave_read_only_server(self) -> None:
        """Has the pool connect anew, every other second at most: another host may be the primary now."""
        now = time.monotonic()
        if now - self._expired_at >= 2:
            self._expired_at = now
            await self._pool.expire_connections()


async def _wait_for_share(share: asyncio.Semaphore, end: float) -> None:
    try:
        async with asyncio.timeout_at(end):
            await share.acquire()
    except TimeoutError as error:
        logger.info("one caller has as many connections in use as they may")
        raise StatementTimedOut(retry_after_seconds=1) from error


async def _set_locally(connection: Connection, parameter: str, seconds: float) -> None:
    """Sets a limit of the session for the rest of the transaction."""
    await connection.execute("select set_config($1, $2, true)", parameter, milliseconds(seconds))


def new_id() -> UUID:
    """Returns a new UUIDv7 (RFC 9562): known before its row is written, and sorted after earlier ids."""
    return uuid7()


async def one_row(connection: Connection, statement: str, *arguments: Any) -> Record:
    """Returns the row of a statement that always returns one."""
    row = await connection.fetchrow(statement, *arguments)
    assert row is not None
    return row


async def _prepare(connection: RawConnection) -> None:
    # Not the standard library's JSON: with a megabyte of small values that holds up the event loop.
    json = {"encoder": lambda value: b"\x01" + to_json(value), "decoder": lambda raw: from_json(raw[1:])}
    text: dict[str, Any] = {"encoder": attrgetter("raw"), "decoder": JsonText}
    # An integer in a column of type numeric is an int.
    numeric: dict[str, Any] = {"encoder": str, "decoder": from_json, "format": "text"}
    try:
        await connection.set_type_codec("jsonb", schema="pg_catalog", format="binary", **json)
        await connection.set_type_codec("json", schema="pg_catalog", format="binary", **text)
        await connection.set_type_codec("numeric", schema="pg_catalog", **numeric)
    except BaseException:
        connection.terminate()  # asyncpg would wait for a server that hangs to close it
        raise


async def _skip_reset(_: Any) -> None:
    """Saves the reset query: no code uses SET, LISTEN or session locks on a pooled connection."""
