"""Helpers of tests: what a call cost, and what its journal noted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from cara.gemini.calls import GeminiCall, GeminiUsage
from cara.gemini.client import GeminiClient
from cara.gemini.errors import (
    GeminiError,
)
from cara.gemini.tokens import estimate_prompt, estimate_tokens
from tests.gemini.clients import NO_TIMEOUTS
from tests.gemini.wire_server import WireServer

CALL = GeminiCall(
    "You are a coach.", [{"role": "user", "parts": [{"text": "My talk is about trains."}]}], 500
)
PROMPT = estimate_prompt(CALL)
WORDS = "Trains are a fine subject for a talk. " * 5
OUTPUT = estimate_tokens(WORDS)
LIMITS = replace(NO_TIMEOUTS, attempts=1)


class Journal:
    """Notes what is recorded and withdrawn, and how many requests had come by then."""

    def __init__(self, server: WireServer) -> None:
        self._server = server
        self.entries: list[tuple[str, int]] = []
        self.record_error: Exception | None = None
        self.withdraw_error: Exception | None = None
        self.noted = asyncio.Event()

    async def record(self) -> None:
        self.entries.append(("record", len(self._server.requests)))
        if self.record_error:
            raise self.record_error

    async def withdraw(self) -> None:
        self.entries.append(("withdraw", len(self._server.requests)))
        self.noted.set()
        if self.withdraw_error:
            raise self.withdraw_error


def counts(usage: GeminiUsage) -> tuple[int, int, int, int]:
    return usage.prompt_tokens, usage.output_tokens, usage.thinking_tokens, usage.total_tokens


async def spent_on_failure(client: GeminiClient, journal: Journal | None = None) -> tuple[Any, GeminiUsage]:
    async with client.stream(CALL, journal) as stream:
        with pytest.raises(GeminiError) as failed:
            async for _ in stream:
                pass
    assert failed.value.usage == stream.spent
    return failed.value, stream.spent
