"""A server that sends exactly the bytes that a test gives it, in place of Gemini or a gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

Step = bytes | Literal["hold", "reset"]
"""Bytes to write; `hold` waits until the client leaves, `reset` breaks the connection."""


@dataclass
class WireReply:
    """One response: its head, then its steps."""

    steps: tuple[Step, ...] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class WireServer:
    """Answers each request with the next reply, and with the last one again when there is no other."""

    url: str = ""
    replies: list[WireReply] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)
    """The connection of each request."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def answers(self, *steps: Step, **head: Any) -> None:
        """Plans a response."""
        self.replies.append(WireReply(steps, **head))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Sends the planned response."""
        self.requests.append(await request.json())
        self.connections.append(request.transport)
        self.arrived.set()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        response.content_type = reply.content_type
        for step in reply.steps:
            if step == "hold":
                await self._hold()
            elif step == "reset":
                assert request.transport is not None
                request.transport.abort()
                return response
            else:
                assert isinstance(step, bytes)
                await self._prepare(request, response)
                await response.write(step)
        await self._prepare(request, response)
        return response

    async def _hold(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()

    @staticmethod
    async def _prepare(request: web.Request, response: web.StreamResponse) -> None:
        if not response.prepared:
            await response.prepare(request)


@asynccontextmanager
async def wire_server(port: int) -> AsyncIterator[WireServer]:
    """Runs the server on a port."""
    server = WireServer(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield server
    finally:
        await runner.cleanup()


def event(**members: Any) -> bytes:
    """Returns an event as Gemini writes it."""
    return b"data: " + json.dumps(members).encode() + b"\r\n\r\n"


def chunk(
    text: str | None = None, *, finish: str | None = None, usage: dict[str, int] | None = None
) -> bytes:
    """Returns the event of one response of Gemini."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}} if text else {}
    if finish:
        candidate["finishReason"] = finish
    members: dict[str, Any] = {"candidates": [candidate]} if candidate else {}
    return event(**members, **({"usageMetadata": usage} if usage is not None else {}))
