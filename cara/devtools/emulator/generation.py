"""The handlers of generateContent, streamGenerateContent and countTokens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from cara.devtools.emulator import dialect
from cara.devtools.emulator.emulator import ClientLeft, Emulator, RecordedRequest, Stopping
from cara.devtools.emulator.exchange import FINISHED, Exchange
from cara.devtools.emulator.faults import Fault
from cara.devtools.emulator.prompt import Prompt, UnreadableRequest, read_prompt
from cara.devtools.emulator.reply import compose
from cara.devtools.emulator.tokens import as_text
from cara.devtools.emulator.wire import drop

EMULATOR = web.AppKey("EMULATOR", Emulator)
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
        emulator.ledger.aborted += FINISHED not in request
        raise
    except (ClientLeft, ConnectionResetError):
        emulator.ledger.aborted += FINISHED not in request
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
    planned = emulator.faults.strike(method, prompt.schema)
    if planned and (refusal := dialect.fault_response(planned, model)):
        emulator.ledger.refused += 1
        return refusal
    if planned and planned.failure is Fault.STALL:
        await emulator.stall(request)
    if method == "countTokens":
        return web.json_response(count_body(prompt.tokens))
    exchange = Exchange(request, emulator, recorded, compose(prompt, emulator.settings, planned))
    return await (exchange.stream() if method == "streamGenerateContent" else exchange.whole())


def count_body(tokens: int) -> dict[str, Any]:
    """Returns the answer of countTokens."""
    return {"totalTokens": tokens, "promptTokensDetails": as_text(tokens)}


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
    drop(request)
    return dialect.error_response(503, "The emulator is shutting down.")
