"""The pool of PostgreSQL connections: time limits, codecs, transactions and errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from uuid_utils.compat import uuid7

from cara.errors import Unavailable

if TYPE_CHECKING:
    from cara.settings import Settings

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection: TypeAlias = asyncpg.Connection

Record: TypeAlias = asyncpg.Record

_CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised by a statement on a connection that broke just before
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


class DatabaseBusy(Unavailable):
    """No connection became free in time, or PostgreSQL rolled the work back to resolve a conflict."""

    code = "database_busy"
    detail = "The database is busy. Please try again in a moment."


class DatabaseAway(Unavailable):
    """PostgreSQL refuses connections, or the connection was lost."""

    code = "database_unavailable"
    detail = "The database cannot be reached. Please try again in a moment."


class Database:
    """A connection pool that waits a bounded time for a free connection."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], acquire_seconds: float) -> None:
        self._pool = pool
        self._acquire_seconds = acquire_seconds

    @classmethod
    async def connect(cls, settings: Settings) -> Self:
        """Opens the pool.

        Raises:
            DatabaseAway: PostgreSQL cannot be reached; the cause is the original error.
        """
        try:
            pool = await asyncpg.create_pool(
                settings.database_url.get_secret_value(),
                min_size=1,
                max_size=settings.database_pool_size,
                command_timeout=60,
                timeout=10,
                init=_set_codecs,
                reset=_skip_reset,
                server_settings={"application_name": "cara", "timezone": "UTC"},
            )
        except (*_AWAY, asyncpg.PostgresError, TimeoutError) as error:
            raise DatabaseAway(retry_after_seconds=1) from error
        return cls(pool, settings.database_acquire_seconds)

    async def close(self) -> None:
        """Waits at most 5 seconds for running statements, then closes every connection."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """Yields a connection for the duration of the block.

        Raises:
            DatabaseBusy: no connection became free in time, or a deadlock or serialization conflict rolled
                the block back.
            DatabaseAway: PostgreSQL refused the connection, or it was lost within the block.
        """
        try:
            connection = await self._pool.acquire(timeout=self._acquire_seconds)
        except TimeoutError:
            raise DatabaseBusy(retry_after_seconds=1) from None
        except _AWAY as error:
            raise DatabaseAway(retry_after_seconds=1) from error
        try:
            yield connection
        except _CONFLICT as error:
            raise DatabaseBusy(retry_after_seconds=1) from error
        except _AWAY as error:
            raise DatabaseAway(retry_after_seconds=1) from error
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Yields a connection in a transaction that commits at the end of the block."""
        async with self.acquire() as connection, connection.transaction():
            yield connection


def new_id() -> UUID:
    """A new UUIDv7 (RFC 9562): known before its row is written, and sorted after earlier ids."""
    return uuid7()


async def one_row(connection: Connection, statement: str, *arguments: Any) -> Record:
    """The row of a statement that always returns one."""
    row = await connection.fetchrow(statement, *arguments)
    assert row is not None
    return row


async def _set_codecs(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + json.dumps(value, ensure_ascii=False).encode(),
        decoder=lambda raw: json.loads(raw[1:]),
    )
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=float, format="text")


async def _skip_reset(_: Any) -> None:
    """Saves the reset query: no code uses SET, LISTEN or session locks on a pooled connection."""
