"""The pool of PostgreSQL connections: limits, JSON codec, transactions, and the one retry rule."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from pydantic_core import from_json, to_json
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential
from uuid_utils.compat import uuid7

from cara.errors import Unavailable
from cara.postgres.database_url import asyncpg_arguments

if TYPE_CHECKING:
    from cara.settings import Settings

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection: TypeAlias = asyncpg.Connection

Record: TypeAlias = asyncpg.Record

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
"""How long `retry_database` repeats an operation while the database is away or busy."""

SAVE_SECONDS = 120.0
"""The same for `retry_saving`: longer than PostgreSQL takes to start again or to fail over."""

_REPEATABLE = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    # A migration has changed what prepared statements refer to; asyncpg prepares them anew.
    asyncpg.InvalidCachedStatementError,
    asyncpg.exceptions.OutdatedSchemaCacheError,
)

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
    """No connection became free in time, or PostgreSQL rolled the work back and it can be repeated."""

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
                **asyncpg_arguments(settings.database_url.get_secret_value()),
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
            DatabaseBusy: no connection became free in time, or a deadlock, a serialization conflict or a
                migration made PostgreSQL roll the block back.
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
        except _REPEATABLE as error:
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


def retry_database(
    operation: Callable[Arguments, Awaitable[Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Decorates an operation to be repeated for `RETRY_SECONDS` while the database is away or busy.

    The operation has to be safe to repeat, also when it was committed and only the acknowledgement was lost.

    Raises:
        Unavailable: the database was away all the while.
    """

    @functools.wraps(operation)
    async def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await _attempts(operation.__qualname__, RETRY_SECONDS)(operation, *args, **kwargs)

    return retried


def retry_saving(
    operation: Callable[Arguments, Awaitable[Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Decorates as `retry_database` does, for `SAVE_SECONDS`: for what is paid for and would be lost."""

    @functools.wraps(operation)
    async def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await _attempts(operation.__qualname__, SAVE_SECONDS)(operation, *args, **kwargs)

    return retried


def _attempts(name: str, seconds: float) -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type((DatabaseAway, DatabaseBusy)),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(seconds),
        before_sleep=lambda _: logger.warning("%s waits for the database", name),
        reraise=True,
    )


def new_id() -> UUID:
    """Returns a new UUIDv7 (RFC 9562): known before its row is written, and sorted after earlier ids."""
    return uuid7()


async def one_row(connection: Connection, statement: str, *arguments: Any) -> Record:
    """Returns the row of a statement that always returns one."""
    row = await connection.fetchrow(statement, *arguments)
    assert row is not None
    return row


async def _set_codecs(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        # Not the standard library's: with a megabyte of small values that holds up the event loop.
        encoder=lambda value: b"\x01" + to_json(value),
        decoder=lambda raw: from_json(raw[1:]),
    )
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=float, format="text")


async def _skip_reset(_: Any) -> None:
    """Saves the reset query: no code uses SET, LISTEN or session locks on a pooled connection."""
