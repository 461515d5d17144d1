"""Streams of events without a task: each takes its connection over from aiohttp.

aiohttp keeps the request, the response, two tasks and the frame of whatever called the handler for as long as
a response lasts. Here the handler returns when the header is sent, and all that goes. What is left of a
stream is its transport and a few numbers, and whoever has news writes it to all streams in turn. A client
that reads too slowly is not written to until it has read; where the stream is, its own subclass knows.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiohttp import web

from cara.web.connections import Connection
from cara.web.context import LOGGED_LATER
from cara.web.request_log import CLIENT_CLOSED_REQUEST, access_line, access_log_of
from cara.web.sse import FIELDS, HEARTBEAT, WRITE_SECONDS

MOST_IGNORED_BYTES: Final = 65_536
"""What a client may send on after its request; nobody reads it."""


class PushedStream(asyncio.Protocol):
    """An open stream of events to one client; a subclass knows what is sent."""

    __slots__ = (
        "_access_line", "_access_log", "_chunked", "_deadline", "_ended", "_ignored", "_opened_at", "_paused",
        "_sent_at", "_transport",
    )  # fmt: skip

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Sends the header and takes the connection over; returns the response, for the handler to return.

        Raises:
            ConnectionResetError: the client has left.
        """
        self._opened_at = self._sent_at = time.monotonic()
        self._ignored = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._ended = self._paused = False
        response = _HandedOver(headers=FIELDS)
        response.force_close()
        await response.prepare(request)
        self._chunked = "Transfer-Encoding" in response.headers
        self._access_line, self._access_log = access_line(request, 0, 0.0), access_log_of(request)
        self._transport = take_over(request, self)
        if request.protocol.writing_paused:
            self.pause_writing()  # the client has yet to read what came before
        request[LOGGED_LATER] = True
        return response

    def update(self) -> None:
        """Sends what is new; called when a slow client can be written to again."""
        raise NotImplementedError

    def write(self, text: bytes) -> None:
        """Sends events; ask `can_write` first."""
        self._sent_at = time.monotonic()
        self._transport.write(b"%x\r\n%b\r\n" % (len(text), text) if self._chunked else text)

    @property
    def can_write(self) -> bool:
        """Whether the stream is open and the client reads."""
        return not (self._paused or self._ended or self._transport.is_closing())

    def heartbeat(self, silent_since: float) -> None:
        """Sends a comment if nothing was sent since then, by the monotonic clock in seconds."""
        if self._sent_at <= silent_since and self.can_write:
            self.write(HEARTBEAT)

    def end(self) -> None:
        """Closes the stream behind what was sent."""
        self._ended = True
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._limit_writing()
        self._transport.close()

    def abort(self) -> None:
        """Ends the stream at once; what the client has not read yet is lost."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Ignores what the client sends: the response says that no further request is answered."""
        self._ignored += len(data)
        if self._ignored > MOST_IGNORED_BYTES:
            self.abort()

    def pause_writing(self) -> None:
        """Gives the client `WRITE_SECONDS` to read what was written."""
        self._paused = True
        self._limit_writing()

    def resume_writing(self) -> None:
        """Goes on where the stream was interrupted."""
        self._paused = False
        if not self._ended:
            self._forget_deadline()
            self.update()

    def connection_lost(self, exc: Exception | None) -> None:
        """Writes the access line."""
        self._forget_deadline()
        status = 200 if self._ended and exc is None else CLIENT_CLOSED_REQUEST
        seconds = time.monotonic() - self._opened_at
        self._access_log.add(self._access_line._replace(status=status, seconds=seconds))

    def _limit_writing(self) -> None:
        self._forget_deadline()
        self._deadline = asyncio.get_running_loop().call_later(WRITE_SECONDS, self.abort)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _HandedOver(web.StreamResponse):
    """A response whose body is not aiohttp's affair."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Does nothing: whoever has the connection now ends the response."""


def take_over(request: web.Request, protocol: asyncio.Protocol) -> asyncio.Transport:
    """Gives the connection of a request to `protocol`; aiohttp forgets it when the handler has returned.

    Raises:
        ConnectionResetError: the client has left.
    """
    handler, transport = request.protocol, request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has left")
    front = transport.get_protocol()
    if isinstance(front, Connection):
        front.hand_over(protocol)
    else:
        transport.set_protocol(protocol)
    # Without a transport, aiohttp (3.14) ends its task when the handler returns, and closes nothing; only
    # `connection_lost` makes the server forget its part of the connection.
    handler.transport = None
    request.task.add_done_callback(lambda _: handler.connection_lost(None))
    request.content.feed_eof()  # nobody waits for the rest of a body
    # aiohttp pauses reading for a long body or many requests: nobody would see the client leave.
    transport.resume_reading()
    return transport
