"""Helpers of tests: calls the emulator over plain HTTP, so that nothing tidies up what it writes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse, ClientSession

from tests.waiting import time_limit

MODEL = "gemini-3.8-flash"
GENERATE = f"/v1beta/models/{MODEL}:generateContent"
STREAM = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
COUNT = f"/v1beta/models/{MODEL}:countTokens"
SCHEMA = {
    "type": "object",
    "properties": {"type": {"enum": ["strength"]}, "quote": {"type": "string"}},
    "required": ["quote"],
}
PLAINER_SCHEMA = {"type": "object", "properties": {"quote": {"type": "string"}}}


@asynccontextmanager
async def http_session(url: str) -> AsyncIterator[ClientSession]:
    """Opens a session that sends a key, as every client has to."""
    async with time_limit(), ClientSession(url, headers={"x-goog-api-key": "any"}) as session:
        yield session


def said(text: str = "We tried it, and it worked.", **config: Any) -> dict[str, Any]:
    """Returns a request with one turn."""
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return body | ({"generationConfig": config} if config else {})


async def read_chunks(response: ClientResponse) -> list[dict[str, Any]]:
    """Returns the JSON of each event of a stream."""
    lines = (await response.read()).split(b"\r\n")
    return [json.loads(line.removeprefix(b"data:")) for line in lines if line.startswith(b"data:")]


def text_of(chunk: dict[str, Any]) -> str:
    """Returns the text of a chunk or of a whole answer."""
    parts = [part for one in chunk.get("candidates", ()) for part in one["content"].get("parts", ())]
    return "".join(part["text"] for part in parts)


def finish_reason(chunk: dict[str, Any]) -> str | None:
    """Returns the finish reason of a chunk or of a whole answer, if it has one."""
    return next((one.get("finishReason") for one in chunk.get("candidates", ())), None)
