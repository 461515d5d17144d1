"""Connections to the web process: how many there may be, and how long one may keep the process waiting.

aiohttp accepts whatever comes. A client that opens connections and sends nothing would use up the descriptors
of the process within a second, and with them everybody's. So each connection is admitted first: an address
holds a bounded number of them, and all of them together leave room for PostgreSQL, Redis and Gemini.

A connection ends that has not sent the whole head of its first request in time, or that reads nothing of a
response. aiohttp closes one whose next request does not come in time (`keepalive_timeout`), and
`json_body.READ_SECONDS` bounds the time of a body.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final, Self, cast

from aiohttp import web

from cara.observability.logging import OncePerSecond
from cara.observability.metrics import CONNECTIONS_CLOSED, OPEN_CONNECTIONS
from cara.settings import Settings
from cara.web.client_info import TrustedProxies, limited_network, parse_address
from cara.web.descriptors import BACKLOG, raise_descriptor_limit, room_for_connections

logger = logging.getLogger(__name__)

FIRST_REQUEST_SECONDS: Final = 20.0
"""Less than browsers keep a connection that they open in advance; they open another one when they need it."""
STALLED_SECONDS: Final = 60.0
"""How long a client may read nothing of what is written to it."""
OWN_MACHINE: Final = ("127.0.0.1/32", "::1/128")
END_OF_HEAD: Final = b"\r\n\r\n"
MOST_LINES: Final = 40_000
"""In a request. Lines frame the chunks of a body: this bounds the cost of tiny ones, also in a body that is
never read. What clients send has a hundredth of that."""


async def listen(
    make_handler: Callable[[], web.RequestHandler],
    host: str,
    port: int,
    limits: ConnectionLimits,
    *,
    reuse_port: bool = False,
) -> asyncio.Server:
    """Opens the port for connections within the limits.

    Raises:
        OSError: the address can't be listened on.
    """
    return await asyncio.get_running_loop().create_server(
        lambda: Connection(limits, make_handler),
        host,
        port,
        backlog=BACKLOG,
        reuse_port=reuse_port or None,
    )


class ConnectionLimits:
    """Counts the connections of this process, and says which of them may be.

    One that no proxy in `exempt` opened counts for its address, an IPv6 address for its /64 network. When
    there are `total` connections, a new one takes the place of one without a request, that which has been
    silent for longest.
    """

    def __init__(self, *, per_address: int, total: int, exempt: TrustedProxies) -> None:
        self._per_address, self._total, self._exempt = per_address, total, exempt
        self._by_network: Counter[str] = Counter()
        self._by_silence: dict[Connection, None] = {}
        self._may_log = OncePerSecond()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Returns the limits of the settings, after raising the limit of open files.

        Outside production, programs on a developer's own machine may open as many connections as they like.
        """
        own_machine = () if settings.production else OWN_MACHINE
        return cls(
            per_address=settings.connections_per_address,
            total=room_for_connections(settings, raise_descriptor_limit()),
            exempt=TrustedProxies((*settings.trusted_proxies, *own_machine)),
        )

    def admit(self, connection: Connection) -> bool:
        """Counts a new connection until `release`; returns False, uncounted, if there are too many."""
        network = connection.network = self._counted_network(connection.peer)
        if network and self._by_network[network] >= self._per_address:
            return self._refuse(
                connection, "address", f"it has {self._per_address} (CONNECTIONS_PER_ADDRESS)"
            )
        if len(self._by_silence) >= self._total and not self._close_silent_one():
            return self._refuse(connection, "total", f"{self._total} are open (the limit of open files)")
        self._by_silence[connection] = None
        if network:
            self._by_network[network] += 1
        OPEN_CONNECTIONS.inc()
        return True

    def heard_of(self, connection: Connection) -> None:
        """Notes that the connection has just sent something."""
        if connection in self._by_silence:
            del self._by_silence[connection]
            self._by_silence[connection] = None

    def release(self, connection: Connection) -> None:
        """Stops counting an admitted connection."""
        self._by_silence.pop(connection, None)
        if network := connection.network:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]
        OPEN_CONNECTIONS.dec()

    def _counted_network(self, peer: str | None) -> str | None:
        address = parse_address(peer or "")
        return None if address is None or address in self._exempt else limited_network(str(address))

    def _close_silent_one(self) -> bool:
        silent = next((each for each in self._by_silence if each.is_idle), None)
        if silent is None:
            return False
        del self._by_silence[silent]
        silent.close_for("total")
        return True

    def _refuse(self, connection: Connection, limit: str, reason: str) -> bool:
        CONNECTIONS_CLOSED.labels(limit).inc()
        if self._may_log():
            logger.warning("a connection from %s is refused: %s", connection.peer, reason)
        return False


class Connection(asyncio.Protocol):
    """Stands before aiohttp's handler of one connection: admits it, and ends it when it takes too long."""

    __slots__ = (
        "_deadline", "_end_of_head", "_handler", "_limits", "_lines", "_make_handler", "_transport",
        "network", "peer",
    )  # fmt: skip

    def __init__(self, limits: ConnectionLimits, make_handler: Callable[[], web.RequestHandler]) -> None:
        self.peer: str | None = None
        self.network: str | None = None
        self._limits, self._make_handler = limits, make_handler
        self._handler: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._end_of_head = _EndOfHead()
        self._lines = 0

    @property
    def is_idle(self) -> bool:
        """Whether it waits for the next request."""
        # aiohttp 3.14 has no public word for it; while it reads what is left of a body, it does not wait.
        waiter = self._handler._waiter if isinstance(self._handler, web.RequestHandler) else None
        return waiter is not None and not waiter.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hands an admitted connection to a handler; one that is refused is closed without being read."""
        self._transport = cast(asyncio.Transport, transport)  # that of uvloop is a class of its own
        self.peer = (transport.get_extra_info("peername") or (None,))[0]
        if not self._limits.admit(self):
            self._transport.abort()
            return
        self._handler = self._make_handler()
        self._close_after(FIRST_REQUEST_SECONDS, "first_request")
        self._handler.connection_made(transport)

    def hand_over(self, handler: asyncio.Protocol) -> None:
        """Lets another handler serve the connection from now on; it is not idle any more."""
        self._handler = handler

    def data_received(self, data: bytes) -> None:
        """Passes the data on, and ends the wait for the first request with the end of its head."""
        assert self._handler is not None
        if not self._end_of_head.seen and self._end_of_head.look_in(data):
            self._forget_deadline()
        self._lines = data.count(b"\r\n") + (0 if self.is_idle else self._lines)
        if self._lines > MOST_LINES:
            self.close_for("lines")
            return
        self._limits.heard_of(self)
        self._handler.data_received(data)

    def eof_received(self) -> None:
        """Passes it on; the transport is closed then."""
        assert self._handler is not None
        self._handler.eof_received()

    def pause_writing(self) -> None:
        """Gives the client `STALLED_SECONDS` to read what was written."""
        assert self._handler is not None
        self._close_after(STALLED_SECONDS, "stalled")
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Takes that back."""
        assert self._handler is not None
        self._forget_deadline()
        self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends an admitted connection; of a refused one there is nothing to end."""
        if self._handler is None:
            return
        self._forget_deadline()
        self._limits.release(self)
        self._handler.connection_lost(exc)

    def close_for(self, limit: str) -> None:
        """Closes the connection at once, and counts it under the limit."""
        assert self._transport is not None
        CONNECTIONS_CLOSED.labels(limit).inc()
        self._transport.abort()

    def _close_after(self, seconds: float, limit: str) -> None:
        self._forget_deadline()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.close_for, limit)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _EndOfHead:
    """Finds the empty line behind the head of a request, which may come in many pieces."""

    __slots__ = ("_last", "seen")

    def __init__(self) -> None:
        self.seen = False
        self._last = b""

    def look_in(self, data: bytes) -> bool:
        """Returns whether it has come by now."""
        # Empty lines may precede a request (RFC 9112, section 2.2), and end no head.
        text = self._last + data if self._last else data.lstrip(b"\r\n")
        self.seen = END_OF_HEAD in text
        self._last = b"" if self.seen else text[1 - len(END_OF_HEAD) :]
        return self.seen
