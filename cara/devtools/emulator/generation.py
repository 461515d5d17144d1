"""The handlers of generateContent, streamGenerateContent and countTokens."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from aiohttp import web

from cara.devtools.emulator import dialect
from cara.devtools.emulator.emulator import ClientLeft, Emulator, RecordedRequest, Stopping
from cara.devtools.emulator.faults import Fault
from cara.devtools.emulator.prompt import Prompt, UnreadableRequest, read_prompt
from cara.devtools.emulator.reply import Ending, Reply, compose
from cara.devtools.emulator.tokens import TokenUsage

EMULATOR = web.AppKey("EMULATOR", Emulator)
OVERLOADED = "The service is currently unavailable."
METHODS = frozenset({"generateContent", "streamGenerateContent", "countTokens"})
SECRET_HEADERS = frozenset({"x-goog-api-key", "authorization"})


async def answer(request: web.Request) -> web.StreamResponse:
    """Answers or fails any call of a model as planned, and records it."""
    emulator = request.app[EMULATOR]
    method, model = request.match_info["method"], request.match_info["model"]
    if method not in METHODS or not model.startswith("gemini"):
        return dialect.unknown_model(model, request.match_info["version"], method)
    emulator.ledger.enter()
    try:
        return await _answer(request, emulator, method, model)
    except asyncio.CancelledError:
        emulator.ledger.aborted += 1
        raise
    except (ClientLeft, ConnectionResetError):
        emulator.ledger.aborted += 1
        return _closed(request)
    except Stopping:
        return _closed(request)
    finally:
        emulator.ledger.leave()
        emulator.ledger_changed()


async def _answer(request: web.Request, emulator: Emulator, method: str, model: str) -> web.StreamResponse:
    try:
        recorded, prompt = await _record(request, emulator, method, model)
    except UnreadableRequest as error:
        emulator.ledger.refused += 1
        return dialect.error_response(400, str(error))
    planned = emulator.faults.strike(method)
    if planned and (refusal := dialect.fault_response(planned)):
        emulator.ledger.refused += 1
        return refusal
    if planned and planned.fault is Fault.STALL:
        await emulator.stall(request)
    if method == "countTokens":
        return web.json_response({"totalTokens": prompt.tokens})
    exchange = Exchange(request, emulator, recorded, compose(prompt, emulator.settings, planned))
    return await (exchange.stream() if method == "streamGenerateContent" else exchange.whole())


async def _record(
    request: web.Request, emulator: Emulator, method: str, model: str
) -> tuple[RecordedRequest, Prompt]:
    try:
        body = await request.json()
    except json.JSONDecodeError:
        raise UnreadableRequest("Invalid JSON payload received.") from None
    headers = {name: value for name, value in request.headers.items() if name.lower() not in SECRET_HEADERS}
    now = asyncio.get_running_loop().time()
    recorded = RecordedRequest(method, model, headers, body, now)
    emulator.requests.append(recorded)
    ledger = emulator.ledger
    ledger.token_counts += method == "countTokens"
    ledger.calls += method != "countTokens"
    ledger.streams += method == "streamGenerateContent"
    emulator.ledger_changed()
    return recorded, read_prompt(body)


def _closed(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return dialect.error_response(503, "The emulator is shutting down.")


@dataclass
class Exchange:
    """One reply to one client."""

    request: web.Request
    emulator: Emulator
    recorded: RecordedRequest
    reply: Reply
    billed: TokenUsage = field(default_factory=TokenUsage)

    async def stream(self) -> web.StreamResponse:
        """Writes the reply chunk by chunk as server-sent events."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        delay = self.emulator.settings.first_chunk_delay_seconds
        await self.emulator.pause(delay)
        self._mark_answered()
        await response.prepare(self.request)
        for sent in range(1, max(len(self.reply.chunks), 1) + 1):
            if sent > 1:
                await self.emulator.pause(self.emulator.settings.chunk_delay_seconds)
            last = sent >= len(self.reply.chunks)
            await response.write(dialect.event(self._body(self.reply.chunks[sent - 1 : sent], sent, last)))
            self._bill(self.reply.usage(sent))
        await self._end(response)
        return response

    def _body(self, chunks: tuple[str, ...], sent: int, last: bool) -> dict[str, object]:
        return dialect.answer_body(
            self.recorded.model,
            self.reply.usage(sent),
            text="".join(chunks) if chunks else None,
            finish_reason=self.reply.finish_reason if last else None,
            block_reason=self.reply.block_reason,
            response_id=f"emulated-{self.emulator.ledger.calls}",
        )

    async def _end(self, response: web.StreamResponse) -> None:
        ending = self.reply.ending
        if ending is Ending.ERROR:
            await response.write(dialect.event(dialect.error_body(503, OVERLOADED)))
        if ending is Ending.STALL:
            await self.emulator.stall(self.request)
        if ending is Ending.DROP and self.request.transport is not None:
            self.request.transport.abort()
            return
        self.emulator.ledger.finished += ending is Ending.COMPLETE
        await response.write_eof()

    async def whole(self) -> web.StreamResponse:
        """Sends the whole reply after the time that a stream takes."""
        settings, count = self.emulator.settings, len(self.reply.chunks)
        if self.reply.ending is Ending.ERROR:
            self.emulator.ledger.refused += 1
            return dialect.error_response(503, OVERLOADED)
        writing = settings.chunk_delay_seconds * max(count - 1, 0)
        await self.emulator.pause(settings.first_chunk_delay_seconds + writing)
        self._mark_answered()
        body = self._body(self.reply.chunks, count, last=True)
        if self.reply.ending is not Ending.COMPLETE:
            return await self._truncated(json.dumps(body).encode())
        self._bill(self.reply.usage(count))
        self.emulator.ledger.finished += 1
        return web.json_response(body)

    async def _truncated(self, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(body)
        await response.prepare(self.request)
        await response.write(body[: len(body) // 2])
        if self.reply.ending is Ending.STALL:
            await self.emulator.stall(self.request)
        if self.request.transport is not None:
            self.request.transport.abort()
        return response

    def _mark_answered(self) -> None:
        self.recorded.answered_at = asyncio.get_running_loop().time()

    def _bill(self, usage: TokenUsage) -> None:
        self.emulator.ledger.charge(self.billed, usage)
        self.billed = usage
        self.emulator.ledger_changed()
