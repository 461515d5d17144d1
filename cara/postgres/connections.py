"""How a connection to PostgreSQL is opened: which host, with which time-outs, keepalives and codecs.

A process or a host that vanishes must not keep rows locked: PostgreSQL ends its session by one of the limits
below within 15 s. A server that vanishes must be noticed too: the keepalives work in both directions.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import asyncpg

if TYPE_CHECKING:
    from cara.settings import Settings

CONNECT_SECONDS: Final = 3.0
"""For opening a connection, all hosts of the list together."""

KEEPALIVE_SECONDS: Final = 3
KEEPALIVE_PROBES: Final = 3
"""Probes, a second apart, that follow after `KEEPALIVE_SECONDS` of silence."""

SILENCE_SECONDS: Final = 7
"""How long a peer may leave data unacknowledged, or a session be idle within a transaction."""

RESULT_SECONDS: Final = 60
"""asyncpg's limit of a statement, the last resort: the limit of the block ends it long before."""


async def create_pool(settings: Settings) -> asyncpg.Pool[asyncpg.Record]:
    """Returns a pool with one open connection; further ones are opened when they are needed.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError: PostgreSQL cannot
            be reached, or refuses the connection.
    """
    hosts = Hosts(settings.database_url.get_secret_value())
    return await asyncpg.create_pool(
        connect=hosts.connect,
        record_class=asyncpg.Record,
        # No floor: asyncpg would log each failure to restore it while PostgreSQL is away.
        min_size=0,
        init_size=1,
        max_size=settings.database_pool_size,
        command_timeout=RESULT_SECONDS,
        init=_prepare,
        reset=_skip_reset,
        server_settings={"application_name": "cara", "timezone": "UTC", **session_limits(settings)},
    )


def session_limits(settings: Settings) -> dict[str, str]:
    """Returns the parameters of a session by which PostgreSQL ends what hangs, in its own notation."""
    if settings.database_session_limits == "off":
        return {}
    return {
        "statement_timeout": milliseconds(settings.database_statement_seconds),
        "lock_timeout": milliseconds(settings.database_lock_seconds),
        "idle_in_transaction_session_timeout": milliseconds(SILENCE_SECONDS),
        # A running statement, or one that waits for a lock, ends when its client is gone.
        "client_connection_check_interval": milliseconds(1),
        "tcp_keepalives_idle": str(KEEPALIVE_SECONDS),
        "tcp_keepalives_interval": "1",
        "tcp_keepalives_count": str(KEEPALIVE_PROBES),
        "tcp_user_timeout": milliseconds(SILENCE_SECONDS),
    }


def milliseconds(seconds: float) -> str:
    """Returns a time as PostgreSQL's parameters take it."""
    return f"{max(1, round(seconds * 1000))}ms"


class Hosts:
    """The hosts of a database URL: a list means that one of them, which may change, takes writes."""

    def __init__(self, url: str) -> None:
        self._urls = single_host_urls(url)
        self._options: dict[str, Any] = {}
        if len(self._urls) > 1 and "target_session_attrs=" not in url:
            self._options["target_session_attrs"] = "read-write"

    async def connect(self, *_: Any, **options: Any) -> asyncpg.Connection[asyncpg.Record]:
        """Returns a connection to the first host that accepts one, beginning with the last that did.

        Each host has its share of `CONNECT_SECONDS`, so that one that vanished does not use up the time.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError: none accepts;
                the error is that of the last one.
        """
        failure: BaseException | None = None
        for url in tuple(self._urls):
            try:
                async with asyncio.timeout(CONNECT_SECONDS / len(self._urls)):
                    connection: asyncpg.Connection[asyncpg.Record]
                    connection = await asyncpg.connect(url, **self._options, **options)
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.InternalClientError) as error:
                failure = error
            else:
                self._urls.remove(url)
                self._urls.insert(0, url)
                return connection
        assert failure is not None
        raise failure


def single_host_urls(url: str) -> list[str]:
    """Returns a URL for each host of a URL that lists several before its path."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    try:
        _keep_alive(connection)
        await _set_codecs(connection)
    except BaseException:
        # asyncpg would wait for a server that hangs to close it.
        connection.terminate()
        raise


def _keep_alive(connection: asyncpg.Connection[asyncpg.Record]) -> None:
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
