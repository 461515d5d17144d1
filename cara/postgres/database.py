"""The pool of PostgreSQL connections: blocks and transactions that never last for long, whatever hangs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from cara.outages import Outage
from cara.postgres.block import Block
from cara.postgres.connections import (
    Connection,
    Established,
    Hosts,
    PoolConnection,
    give_back,
    is_lost,
    skip_reset,
)
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
from cara.postgres.limits import Shares, milliseconds, session_limits
from cara.postgres.places import Places

if TYPE_CHECKING:
    from cara.settings import Settings

Record: TypeAlias = asyncpg.Record
__all__ = ["Connection", "Database", "Record", "new_id", "one_row"]

logger = logging.getLogger(__name__)


class Database:
    """A connection pool whose users never wait for long, whatever hangs.

    A block that holds a connection may last `seconds`, from the request for the connection to its release.
    Then the connection is cut, whatever it is waiting for: a result, a lock, the commit or a rollback.
    """

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], established: Established, settings: Settings
    ) -> None:
        self.outage = Outage("PostgreSQL")
        self.seconds = settings.database_seconds
        self._pool, self._established = pool, established
        self._places = Places(pool)
        self.shares = Shares(settings.database_pool_size)
        self._settings = settings
        self._expired_at = float("-inf")
        self.answered_at = float("-inf")
        """When PostgreSQL last did what a block asked for, by the time of the loop."""

    @classmethod
    async def connect(cls, settings: Settings) -> Self:
        """Opens the pool.

        Raises:
            DatabaseAway: PostgreSQL cannot be reached; the cause is the original error.
        """
        established = Established()
        try:
            pool = await asyncpg.create_pool(
                connect=Hosts(settings.database_url.get_secret_value()).connect,
                record_class=asyncpg.Record,
                min_size=0,  # of a floor asyncpg would log each failure to restore it
                init_size=1,
                max_size=settings.database_pool_size,
                command_timeout=None,  # the limit of the block ends a statement
                init=established.added,
                reset=skip_reset,
                server_settings={"application_name": "cara", "timezone": "UTC", **session_limits(settings)},
            )
        except CONNECTION_ERRORS as error:
            raise DatabaseAway(retry_after_seconds=1) from error
        return cls(pool, established, settings)

    async def close(self) -> None:
        """Waits at most 5 seconds for running statements, then closes every connection."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    def acquire(self, *, seconds: float | None = None, shared: bool = True) -> Block:
        """Holds a connection for the duration of the block, which may last `seconds`.

        It belongs to the share of whoever sent the current request, unless it is not `shared`.

        Raises:
            DatabaseTrouble: PostgreSQL cannot do it now, as `cara.postgres.errors` tells.
        """
        return Block(self, seconds, shared)

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

    async def take(self, share: asyncio.Semaphore, begin: float, end: float) -> PoolConnection:
        """Returns a connection, out of the share, in time and not later than `end`, a time of the loop."""
        end = min(end, begin + self._settings.database_acquire_seconds)
        if share.locked():
            await _wait_for_share(share, end)
        else:
            await share.acquire()  # at once
        at_once = self._established.has_free_one
        self._established.taken += 1
        try:
            return await self._from_pool(begin, end, at_once=at_once)
        except BaseException:
            self._established.taken -= 1
            share.release()
            raise

    async def _from_pool(self, begin: float, end: float, *, at_once: bool) -> PoolConnection:
        try:
            if at_once:
                return await self._pool.acquire()
            async with asyncio.timeout_at(end):
                return await self._pool.acquire()
        except CONNECTION_ERRORS as error:
            crowded = isinstance(error, asyncpg.TooManyConnectionsError)
            if crowded and (connection := await self._places.released(end)):
                return connection
            kind = trouble_of(error, lost=True) or DatabaseAway  # such as a wrong password
            if kind is DatabaseSlow and self._pool.get_size() == self._pool.get_max_size():
                kind = StatementTimedOut if self.answered_at > begin else DatabaseBusy
            await self.note(kind, error)
            raise kind(retry_after_seconds=1) from error

    def note_answer(self, now: float) -> None:
        self.answered_at = now
        if self.outage.lasts:
            self.outage.answered(wrote=False)

    async def give_back(self, connection: PoolConnection) -> None:
        """Gives the connection back; the pool replaces one that it cannot bring into order."""
        self._established.taken -= 1
        try:
            await give_back(connection)
        except CONNECTION_ERRORS as error:
            logger.debug("a connection was dropped: %s", type(error).__name__)

    async def note(
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
            self._established.expired()


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
