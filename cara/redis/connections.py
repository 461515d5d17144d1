"""Connection pools for Redis (or Valkey) from a URL: plain, TLS, Unix socket or Sentinel.

A Sentinel URL has the form `redis+sentinel://[[user]:password@]host:port[,host:port…]/service[/db]`.

`rediss://` and `rediss+sentinel://` use TLS, and check the server's certificate and the host name in it,
which redis-py (5.3) does only when told to. Parameters of the URL change what is accepted:
`ssl_ca_certs=file`, `ssl_check_hostname=no` (the name need not fit), `ssl_cert_reqs=none` (any certificate,
so that whoever is in between can read along); `ssl_certfile` and `ssl_keyfile` are ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection, UnixDomainSocketConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from cara.outages import Outage

AWAY = (RedisError, OSError, TimeoutError)
"""What a call raises when Redis cannot be reached or does not answer in time."""

OUTAGE = Outage("Redis", quiet_seconds=15)
"""Of this process: whoever uses Redis calls `failed` and `answered`, so that the log has one line for all.

A full Redis answers reads, and a worker that has nothing to do writes only every 10 s.
"""

SOCKET_SECONDS = 2
"""The time limit for opening a connection, for writing a command, and for reading its answer."""


class _CancellableConnection(AbstractConnection):
    """A connection whose commands can be cancelled.

    redis-py bounds each write by `asyncio.wait_for`, which up to Python 3.11 swallows a cancellation that
    arrives just when the write is done: the cancelled task would go on. `_send_packed_command` and
    `_send_ping` are private parts of redis-py 5.3; setup.cfg has an upper bound for that reason.
    """

    async def check_health(self) -> None:
        """Sends one PING after a pause; a connection that does not answer is replaced by the next attempt.

        redis-py repeats the PING on new connections, whose handshakes check their health first: without end
        while a server takes connections and never answers.
        """
        now = asyncio.get_running_loop().time()
        if self.health_check_interval and now > self.next_health_check:
            self.next_health_check = now + self.health_check_interval  # before the handshake asks again
            await self._send_ping()

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        if not self.is_connected:
            await self.connect()
        elif check_health:
            await self.check_health()
        chunks = [command.encode()] if isinstance(command, str) else command
        try:
            async with asyncio.timeout(self.socket_timeout):
                await self._send_packed_command([chunks] if isinstance(chunks, bytes) else chunks)
        except BaseException as error:
            await self.disconnect(nowait=True)
            if isinstance(error, TimeoutError):
                raise RedisTimeoutError("Timeout writing to socket") from None
            if isinstance(error, OSError):
                raise RedisConnectionError(f"Error while writing to socket: {error}") from error
            raise


class _PlainConnection(_CancellableConnection, Connection):
    pass


class _TlsConnection(_CancellableConnection, SSLConnection):
    pass


class _UnixConnection(_CancellableConnection, UnixDomainSocketConnection):
    pass


class _SentinelConnection(_CancellableConnection, SentinelManagedConnection):
    pass


class _TlsSentinelConnection(_CancellableConnection, SentinelManagedSSLConnection):
    pass


def connection_pool(url: str, *, size: int, retries: int = 1) -> ConnectionPool:
    """Returns a bounded pool for the URL; a command is retried `retries` times when its connection breaks."""
    options: dict[str, Any] = {
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": SOCKET_SECONDS,
        "health_check_interval": 15,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.01), retries),
        "retry_on_error": [RedisConnectionError, RedisTimeoutError] if retries else [],
    }
    if "+sentinel://" in url:
        return _sentinel_pool(url, options)
    target: dict[str, Any] = {**parse_url(url)}
    base = target.pop("connection_class", Connection)
    if base is not UnixDomainSocketConnection:
        options["socket_keepalive"] = True
    if base is SSLConnection:
        _check_host_name(target)
    cancellable = {Connection: _PlainConnection, SSLConnection: _TlsConnection}
    return BlockingConnectionPool(
        connection_class=cancellable.get(base, _UnixConnection),
        max_connections=size,
        timeout=SOCKET_SECONDS,
        **{**options, **target},
    )


def _check_host_name(target: dict[str, Any]) -> None:
    """Turns the check on, unless the URL decides about it or accepts any certificate."""
    target.setdefault("ssl_check_hostname", target.get("ssl_cert_reqs") != "none")


def _sentinel_pool(url: str, options: dict[str, Any]) -> ConnectionPool:
    """Returns a pool that asks the nodes for the master; TLS is for nodes and master, or for neither."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    service, _, db = parts.path.strip("/").partition("/")
    nodes = [
        (node.hostname, node.port or 26379) for node in (urlsplit(f"//{one}") for one in hosts.split(","))
    ]
    tls = parts.scheme == "rediss+sentinel"
    target: dict[str, Any] = {**parse_url(f"redis://?{parts.query}")}
    if tls:
        _check_host_name(target)
    sentinel = Sentinel(
        nodes,
        sentinel_kwargs={"socket_timeout": SOCKET_SECONDS, "ssl": tls, **target},
        connection_class=_TlsSentinelConnection if tls else _SentinelConnection,
        **{"socket_keepalive": True, **options, **target},
    )
    client: Redis = sentinel.master_for(
        service or "mymaster",
        username=unquote(user) or None,
        password=unquote(password) or None,
        db=int(db or 0),
    )
    return client.connection_pool
