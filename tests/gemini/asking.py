"""Asking the emulator by a client, without a web process between."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cara.gemini.client import GeminiAnswer, GeminiCall, GeminiClient, GeminiLimits
from cara.gemini.resilience import Clock
from tests.waiting import TIMEOUT_SECONDS

MODEL = "gemini-3.8-flash"
NEVER_SECONDS = 3_600.0
PATIENT = GeminiLimits(
    deadline_seconds=TIMEOUT_SECONDS,
    first_token_seconds=NEVER_SECONDS,
    between_chunks_seconds=NEVER_SECONDS,
    slot_wait_seconds=NEVER_SECONDS,
    breaker_failures=99,
    breaker_cooldown_seconds=NEVER_SECONDS,
)
"""None of these ends a call of a test, however slow the machine; tests shorten the limit they are about."""


@asynccontextmanager
async def client_of(
    url: str, limits: GeminiLimits, clock: Clock = time.monotonic
) -> AsyncIterator[GeminiClient]:
    """A client that need not build its SDK any more, so that its limits hold for calls alone."""
    client = GeminiClient(api_key="any", model=MODEL, base_url=url, limits=limits, clock=clock)
    try:
        await client.warm_up()
        yield client
    finally:
        await client.close()


async def streamed(client: GeminiClient, call: GeminiCall) -> GeminiAnswer:
    """The whole answer, once its stream has come to the end."""
    async with client.stream(call) as stream:
        async for _ in stream:
            pass
    return stream.answer
