"""What the client makes of answers as the public record has them, byte for byte."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, replace
from typing import Any

import pytest
from aiohttp import web

from cara.gemini.client import GeminiCall, GeminiClient, GeminiStream
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiError,
    GeminiMisconfigured,
    GeminiOutOfRoom,
    GeminiRateLimited,
    GeminiRefused,
    GeminiUnavailable,
)
from tests.gemini.clients import NO_TIMEOUTS, open_client
from tests.gemini.recordings import NAMES, read_recording

LIMITS = replace(NO_TIMEOUTS, attempts=1)
CALL = GeminiCall("", [{"role": "user", "parts": [{"text": "Count to three. " * 600}]}], 2000)
TEXT = "One two three."
ANSWERS = {
    "stream.txt": ("One two three.\n", (12, 6, 0, 0, 18)),
    "stream_with_thoughts.txt": ("One two.", (20, 10, 300, 0, 330)),
    "stream_with_signature.txt": (TEXT, (20, 5, 40, 0, 65)),
    "answer.json": (TEXT, (30, 40, 300, 0, 370)),
    "answer_with_cache.json": (TEXT, (9000, 20, 80, 8000, 9100)),
}
"""The text, and the tokens of prompt, output, thoughts, cached prompt, and all together."""
FAILURES: dict[str, tuple[type[GeminiError], int]] = {
    "stream_recitation.txt": (GeminiError, 150),
    "stream_blocked_prompt.txt": (ContentBlocked, 0),
    "answer_safety.json": (ContentBlocked, 40),
    "answer_only_thoughts.json": (GeminiOutOfRoom, 3500),
    "blocked_prompt.json": (ContentBlocked, 4000),
    "error_400.json": (GeminiRefused, 0),
    "error_400_key.json": (GeminiMisconfigured, 0),
    "error_403.json": (GeminiMisconfigured, 0),
    "error_403_disabled.json": (GeminiMisconfigured, 0),
    "error_404.json": (GeminiMisconfigured, 0),
    "error_429.json": (GeminiRateLimited, 0),
    "error_500.json": (GeminiUnavailable, 0),
    "error_503.json": (GeminiUnavailable, 0),
}
"""The error, and what the call has cost by what was told."""
OTHERS = {"answer_other.json", "stream_then_error.txt", "count_tokens.json"}


def response_to(name: str) -> web.Response:
    """A recorded body as Gemini sends it; a whole answer is the only event of a stream."""
    recorded = read_recording(name)
    if name.startswith("error_"):
        status = json.loads(recorded)["error"]["code"]
        return web.Response(status=status, body=recorded, content_type="application/json")
    if name == "count_tokens.json":
        return web.Response(body=recorded, content_type="application/json")
    if name.endswith(".json"):
        recorded = b"data: " + json.dumps(json.loads(recorded)).encode() + b"\r\n\r\n"
    return web.Response(body=recorded, content_type="text/event-stream")


@asynccontextmanager
async def client_of(name: str, aiohttp_server: Any) -> AsyncIterator[GeminiClient]:
    """A client of a server that answers everything with this body."""

    async def answer(_: web.Request) -> web.Response:
        return response_to(name)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    server = await aiohttp_server(app)
    async with open_client(str(server.make_url("/")), LIMITS) as client:
        yield client


async def read(stream: GeminiStream) -> str:
    """Reads a stream to its end and returns the text of its chunks."""
    return "".join([chunk.text async for chunk in stream])


def test_every_recording_is_read() -> None:
    assert {*ANSWERS, *FAILURES, *OTHERS} == set(NAMES)


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_has_its_text_and_its_usage(name: str, aiohttp_server: Any) -> None:
    text, usage = ANSWERS[name]
    async with client_of(name, aiohttp_server) as client, client.stream(CALL) as stream:
        assert (await read(stream)).strip() == text.strip()
    assert stream.answer.text.strip() == text.strip()
    assert astuple(stream.answer.usage) == usage


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_has_its_error_and_costs_what_was_told(name: str, aiohttp_server: Any) -> None:
    kind, total_tokens = FAILURES[name]
    async with client_of(name, aiohttp_server) as client, client.stream(CALL) as stream:
        with pytest.raises(kind) as failed:
            await read(stream)
    assert failed.value.usage.total_tokens == total_tokens


async def test_an_answer_that_ended_for_another_reason_is_a_bad_one(aiohttp_server: Any) -> None:
    async with client_of("answer_other.json", aiohttp_server) as client, client.stream(CALL) as stream:
        with pytest.raises(GeminiBadAnswer) as failed:
            await read(stream)
    assert failed.value.reason == "other"


async def test_a_rate_limit_says_how_long_to_wait(aiohttp_server: Any) -> None:
    async with client_of("error_429.json", aiohttp_server) as client, client.stream(CALL) as stream:
        with pytest.raises(GeminiRateLimited) as failed:
            await read(stream)
    assert failed.value.retry_after_seconds == 47


async def test_an_error_after_the_first_events_ends_the_stream_with_what_came(aiohttp_server: Any) -> None:
    async with client_of("stream_then_error.txt", aiohttp_server) as client, client.stream(CALL) as stream:
        with pytest.raises(GeminiError):
            await read(stream)
    assert stream.text == "First Second "


async def test_tokens_are_counted(aiohttp_server: Any) -> None:
    async with client_of("count_tokens.json", aiohttp_server) as client:
        assert await client.count_tokens(CALL) == 10
