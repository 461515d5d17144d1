"""One reply to one client: written as a stream or as a whole, and billed as it is written."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from cara.devtools.emulator import dialect
from cara.devtools.emulator.emulator import Emulator, RecordedRequest
from cara.devtools.emulator.faults import WireDeviation
from cara.devtools.emulator.reply import Ending, Reply
from cara.devtools.emulator.tokens import TokenUsage
from cara.devtools.emulator.usage import told_usage
from cara.devtools.emulator.wire import EventLines, drop, reset

FINISHED = web.RequestKey("FINISHED", bool)
"""On requests whose answer was written to its end: a client that leaves now aborts nothing."""
OVERLOADED = "The service is currently unavailable."


@dataclass
class Exchange:
    """One reply to one client."""

    request: web.Request
    emulator: Emulator
    recorded: RecordedRequest
    reply: Reply
    billed: TokenUsage = field(default_factory=TokenUsage)

    def __post_init__(self) -> None:
        self._response_id = f"emulated-{self.emulator.ledger.calls}"

    async def stream(self) -> web.StreamResponse:
        """Writes the reply chunk by chunk as server-sent events."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        if not self.reply.starts:
            drop(self.request)
            return response
        self._accept()
        await self.emulator.pause(self.emulator.settings.first_chunk_delay_seconds)
        self._mark_answered()
        await response.prepare(self.request)
        lines = EventLines(self.reply.switches)
        await self._write(response, lines.opening())
        for sent in range(1, self.reply.count + 1):
            if sent > 1:
                await self.emulator.pause(self.emulator.settings.chunk_delay_seconds)
            await response.write(lines.event(self._chunk(sent), sent))
            self._bill(self.reply.usage(sent))
        await self._end(response, lines)
        return response

    async def whole(self) -> web.StreamResponse:
        """Sends the whole reply after the time that a stream takes."""
        if self.reply.ending is Ending.ERROR:
            self.emulator.ledger.refused += 1
            return dialect.error_response(503, OVERLOADED)
        if not self.reply.starts:
            drop(self.request)
            return web.StreamResponse()
        self._accept()
        settings, count = self.emulator.settings, self.reply.count
        writing = settings.chunk_delay_seconds * (count - 1)
        await self.emulator.pause(settings.first_chunk_delay_seconds + writing)
        self._mark_answered()
        self._bill(self.reply.usage(count))
        body = self._body("".join(self.reply.chunks), count, first=True, last=True)
        if not self.reply.is_whole:
            return await self._truncated(json.dumps(body).encode())
        self._finish()
        return web.json_response(body)

    def _chunk(self, sent: int) -> dict[str, Any]:
        last = self.reply.ends_with(sent) and WireDeviation.USAGE_LATE not in self.reply.switches
        return self._body("".join(self.reply.chunks[sent - 1 : sent]), sent, first=sent == 1, last=last)

    def _body(self, text: str, sent: int, *, first: bool, last: bool) -> dict[str, Any]:
        """Returns the body with this text after `sent` chunks; the `last` one tells the whole usage."""
        running = self.emulator.settings.running_usage
        usage, switches = self.reply.usage(sent), self.reply.switches
        return dialect.answer_body(
            self.recorded.model,
            told_usage(usage, switches, first=first, last=last, running=running),
            text=text,
            finish_reason=self.reply.finish_reason if self.reply.ends_with(sent) else None,
            block_reason=self.reply.block_reason,
            response_id=self._response_id,
        )

    async def _end(self, response: web.StreamResponse, lines: EventLines) -> None:
        """Does with the connection what the reply's ending says."""
        if self.reply.is_whole:
            self._finish()
            await self._write(response, self._late_usage(lines))
        match self.reply.ending:
            case Ending.DROP:
                drop(self.request)
            case Ending.RESET:
                reset(self.request)
            case Ending.STALL:
                await self.emulator.stall(self.request)
            case Ending.ERROR:
                error = lines.event(dialect.error_body(503, OVERLOADED), self.reply.count + 1)
                await self._write(response, error + lines.closing())
                await response.write_eof()
            case Ending.COMPLETE:
                await self._write(response, lines.closing())
                await response.write_eof()

    def _late_usage(self, lines: EventLines) -> bytes:
        if WireDeviation.USAGE_LATE not in self.reply.switches:
            return b""
        usage = self.reply.usage(self.reply.count).as_metadata()
        body = dialect.usage_body(self.recorded.model, usage, self._response_id)
        return lines.event(body, self.reply.count + 1)

    async def _truncated(self, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(body)
        await response.prepare(self.request)
        await response.write(body[: len(body) // 2])
        if self.reply.ending is Ending.STALL:
            await self.emulator.stall(self.request)
        drop(self.request)
        return response

    @staticmethod
    async def _write(response: web.StreamResponse, lines: bytes) -> None:
        if lines:
            await response.write(lines)

    def _accept(self) -> None:
        """Bills the prompt: from now on the call costs it, whether or not the client waits for the answer."""
        self.emulator.ledger.billed += 1
        self._bill(self.reply.usage(0))

    def _finish(self) -> None:
        self.emulator.ledger.finished += 1
        self.request[FINISHED] = True
        self.emulator.ledger_changed()

    def _mark_answered(self) -> None:
        self.recorded.answered_at = asyncio.get_running_loop().time()

    def _bill(self, usage: TokenUsage) -> None:
        self.emulator.ledger.charge(self.billed, usage)
        self.billed = usage
        self.emulator.ledger_changed()
