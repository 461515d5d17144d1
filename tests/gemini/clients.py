"""Helpers of tests: clients that call the emulator directly, without a web process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cara.gemini.client import GeminiAnswer, GeminiCall, GeminiClient, GeminiLimits
from cara.gemini.resilience import Clock
from tests.waiting import TIMEOUT_SECONDS

MODEL = "gemini-3.8-flash"
NEVER_SECONDS = 3_600.0
NO_TIMEOUTS = GeminiLimits(
    deadline_seconds=TIMEOUT_SECONDS,
    first_token_seconds=NEVER_SECONDS,
    between_chunks_seconds=NEVER_SECONDS,
    slot_wait_seconds=NEVER_SECONDS,
    breaker_failures=99,
    breaker_cooldown_seconds=NEVER_SECONDS,
)
"""None of these ends a call of a test, however slow the machine; tests shorten the limit that they test."""


@asynccontextmanager
async def open_client(
    url: str, limits: GeminiLimits, clock: Clock = time.monotonic
) -> AsyncIterator[GeminiClient]:
    """Opens a client whose SDK is built already, so that its limits hold for calls alone."""
    client = GeminiClient(api_key="any", model=MODEL, base_url=url, limits=limits, clock=clock)
    try:
        await client.warm_up()
        yield client
    finally:
        await client.close()


async def ask_gemini(client: GeminiClient, call: GeminiCall) -> GeminiAnswer:
    """Reads a stream to its end and returns the whole answer."""
    async with client.stream(call) as stream:
        async for _ in stream:
            pass
    return stream.answer
