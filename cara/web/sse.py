"""Writes streams of server-sent events (HTML Living Standard, section 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from pydantic import BaseModel

from cara.errors import CaraError
from cara.web.compression import AS_IT_IS

HEARTBEAT_SECONDS = 15.0
WRITE_SECONDS = 20.0
"""A client that reads nothing for this long is disconnected, rather than buffered for without end."""

HEARTBEAT = b": alive\n\n"
"""A comment, so that proxies keep the connection and a client that left is noticed."""

RETRY_HINT = b"retry: 1000\n\n"
"""Asks the client to reconnect in a second, because this process is shutting down."""

FIELDS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": AS_IT_IS,
    "X-Accel-Buffering": "no",
}
"""The header fields of a stream."""


@dataclass(frozen=True)
class EventTypes:
    """The events of a kind of stream for the OpenAPI document: by event name, what the data of each is.

    `CaraError` stands for a problem. `name` is that of the schema which holds for the data of any of them.
    `examples` says by event name where an example differs from that of the model.
    """

    name: str
    data: Mapping[str, type[BaseModel] | type[CaraError]]
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class EventStream:
    """An open stream of events to one client, for a handler that writes what it makes."""

    def __init__(self) -> None:
        self.response = web.StreamResponse(headers=FIELDS)

    async def open(self, request: web.Request) -> Self:
        """Sends the header; from here on errors can only be sent as events."""
        await self.response.prepare(request)
        return self

    async def send(self, name: str, data: str) -> None:
        """Sends one event; its data must be one line, as JSON is."""
        await self._write(event_text(name, data))

    async def send_last(self, name: str, data: str) -> web.StreamResponse:
        """Sends one event and closes the stream with it."""
        async with asyncio.timeout(WRITE_SECONDS):
            await self.response.write_eof(event_text(name, data))
        return self.response

    async def heartbeat(self) -> None:
        await self._write(HEARTBEAT)

    async def _write(self, text: bytes) -> None:
        async with asyncio.timeout(WRITE_SECONDS):
            await self.response.write(text)


def event_text(name: str, data: str, number: int | None = None) -> bytes:
    """Returns an event as it is sent; its data must be one line, as JSON is."""
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {name}\ndata: {data}\n\n".encode()
