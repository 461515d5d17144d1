"""A proxy between Cara and Gemini that passes everything on, and keeps what was asked and what was told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web

PASSED_ON = ("x-goog-api-key", "x-goog-api-client", "Content-Type", "X-Server-Timeout")
COUNTS = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")


@dataclass
class RecordedCall:
    """One call: its method, body and status, and the lines of its answer that have come so far."""

    method: str
    body: dict[str, Any]
    status: int = 0
    lines: list[bytes] = field(default_factory=list)

    @property
    def chunks(self) -> list[dict[str, Any]]:
        data = (line.removeprefix(b"data:").strip() for line in self.lines if line.startswith(b"data:"))
        return [json.loads(one) for one in data if one.startswith(b"{")]

    @property
    def text(self) -> str:
        """All text of the answer, without thoughts."""
        parts = [
            part
            for chunk in self.chunks
            for candidate in chunk.get("candidates", ())
            for part in candidate.get("content", {}).get("parts", ())
        ]
        return "".join(part.get("text", "") for part in parts if not part.get("thought"))

    def told(self, count: str) -> int:
        """The highest of a count that was told, 0 if none was."""
        return max((chunk.get("usageMetadata", {}).get(count, 0) for chunk in self.chunks), default=0)


@dataclass
class RecordingProxy:
    """The calls that were passed on, oldest first."""

    upstream: str
    http: ClientSession
    url: str = ""
    calls: list[RecordedCall] = field(default_factory=list)

    @property
    def generations(self) -> list[RecordedCall]:
        """The calls that were answered by an event stream."""
        return [call for call in self.calls if call.method == "streamGenerateContent" and call.status == 200]

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        call = RecordedCall(request.path.rpartition(":")[2], await request.json())
        self.calls.append(call)
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        url = f"{self.upstream.rstrip('/')}{request.path_qs}"
        async with self.http.post(url, data=await request.read(), headers=headers) as answer:
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            await response.prepare(request)
            call.status = answer.status
            async for line in answer.content:
                call.lines.append(line)
                await response.write(line)
        await response.write_eof()
        return response


@asynccontextmanager
async def recording_proxy(upstream: str) -> AsyncIterator[RecordingProxy]:
    """Runs a proxy to the server for the length of the block; a client that leaves ends its call there."""
    async with ClientSession(trust_env=True) as http:
        proxy = RecordingProxy(upstream, http)
        app = web.Application()
        app.router.add_post("/{path:.*}", proxy.pass_on)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            proxy.url = "http://{}:{}".format(*runner.addresses[0][:2])
            yield proxy
        finally:
            await runner.cleanup()
