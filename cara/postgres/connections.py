"""A connection to PostgreSQL: the host that it is opened to, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from pydantic_core import from_json, to_json

from cara.json_values import JsonText
from cara.postgres.database_url import asyncpg_arguments, single_host_urls, with_target
from cara.postgres.limits import KEEPALIVE_PROBES, KEEPALIVE_SECONDS, SILENCE_SECONDS

if TYPE_CHECKING:
    PoolConnection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    RawConnection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Connection: TypeAlias = RawConnection | PoolConnection
else:
    PoolConnection, RawConnection, Connection = PoolConnectionProxy, asyncpg.Connection, asyncpg.Connection

CONNECT_SECONDS: Final = 3.0
"""For opening a connection, all hosts of the list together."""

CROWDED_SECONDS: Final = 0.5
"""So long a server that had no connection left is not asked for another one."""

_NEXT_HOST: Final = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # it does not take writes
)
"""With these errors the next host of the list is tried; another one is the same everywhere."""


class Hosts:
    """The hosts of a database URL: a list means that one of them, which may change, takes writes."""

    def __init__(self, url: str) -> None:
        self._hosts = [asyncpg_arguments(each) for each in single_host_urls(with_target(url))]
        self._crowded_until, self._refusal = 0.0, ""

    async def connect(self, *_: Any, **options: Any) -> RawConnection:
        """Returns a connection to the first host that accepts one, beginning with the last that did.

        Each host has its share of `CONNECT_SECONDS`, so that one that vanished does not use up the time.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError: none accepts;
                the error is that of the last one.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._crowded_until:
            await asyncio.sleep(0.04)  # meanwhile `Places` finds one of the pool that has a connection
            raise asyncpg.TooManyConnectionsError(self._refusal)
        failure: BaseException | None = None
        seconds = CONNECT_SECONDS / len(self._hosts)
        for host in tuple(self._hosts):
            self._move(host, to=len(self._hosts))  # also if the caller gives up meanwhile
            try:
                async with asyncio.timeout(seconds):
                    connection: RawConnection
                    connection = await asyncpg.connect(**host, **options)
            except TimeoutError:
                failure = TimeoutError(f"no answer within {seconds:g} s")
            except _NEXT_HOST as error:
                failure = error
            else:
                self._move(host, to=0)
                _keep_alive(connection)
                return connection
        if isinstance(failure, asyncpg.TooManyConnectionsError):
            self._crowded_until, self._refusal = loop.time() + CROWDED_SECONDS, str(failure)
        assert failure is not None
        raise failure

    def _move(self, host: dict[str, Any], *, to: int) -> None:
        self._hosts.remove(host)
        self._hosts.insert(to, host)


def _keep_alive(connection: RawConnection) -> None:
    """Has the kernel end the connection when its server is silent, also while nobody uses it.

    `_transport` is a private part of asyncpg 0.32; setup.cfg has an upper bound for that reason.
    """
    transport: Any = connection._transport  # type: ignore[attr-defined]  # absent from its stubs
    end = transport.get_extra_info("socket")
    if end.family == socket.AF_UNIX:
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {
        "TCP_KEEPIDLE": KEEPALIVE_SECONDS,
        "TCP_KEEPINTVL": 1,
        "TCP_KEEPCNT": KEEPALIVE_PROBES,
        "TCP_USER_TIMEOUT": SILENCE_SECONDS * 1000,
    }.items():
        if option := getattr(socket, name, None):  # not on every platform
            end.setsockopt(socket.IPPROTO_TCP, option, value)


async def give_back(connection: PoolConnection) -> None:
    """Gives a connection back to its pool, as `Pool.release` does, but without a task for it.

    That task lets a cancelled caller go on while the pool brings a connection into order; here the connection
    ends instead. The task took a tenth of a request's time. `_con`, `_holder` and `_on_release` are private
    parts of asyncpg 0.32; setup.cfg has an upper bound for that reason.
    """
    private: Any = connection
    if private._con is None:
        return  # it was lost, and the pool has taken it back already
    private._con._on_release()
    await private._holder.release(None)


def cut(connection: Connection) -> None:
    """Ends the connection, and whatever its user waits for, without a word to the server."""
    with suppress(asyncpg.InterfaceError):  # it was lost, and the pool has taken it back already
        connection.terminate()


def is_lost(connection: Connection) -> bool:
    """Returns whether the connection has ended, be it by `cut`."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back already


async def is_read_only(connection: Connection) -> bool:
    """Returns whether the server refuses writes: a standby, or one that its administrator made read-only."""
    setting: str = await connection.fetchval("select current_setting('transaction_read_only')")
    return setting == "on"


class Established:
    """The connections of a pool that are open, and how many of its connections are taken or waited for.

    While more are open than taken, the next one comes at once.
    """

    def __init__(self) -> None:
        self.taken = 0
        self._open: set[RawConnection] = set()

    @property
    def has_free_one(self) -> bool:
        """Whether a connection is there to be taken without waiting."""
        return self.taken < len(self._open)

    async def added(self, connection: RawConnection) -> None:
        """Prepares a new connection, and counts it until it ends."""
        await _prepare(connection)
        self._open.add(connection)
        connection.add_termination_listener(lambda _: self._open.discard(connection))

    def expired(self) -> None:
        """Forgets them all: the pool opens each of them anew when it is taken."""
        self._open.clear()


async def _prepare(connection: RawConnection) -> None:
    """Sets the types of a new connection of the pool: JSON, and numbers without binary fractions."""
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


async def skip_reset(_: Any) -> None:
    """Saves the reset query: no code uses SET, LISTEN or session locks on a pooled connection."""
