"""The state of the emulator: settings, planned faults, ledger and recorded requests."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from cara.devtools.emulator.faults import FaultPlan, PlannedFault, Switch
from cara.devtools.emulator.tokens import TokenUsage

WATCH_SECONDS = 0.05


@dataclass(frozen=True)
class EmulatorSettings:
    """How the emulator behaves when nothing fails. Without an `api_key` it accepts any key.

    `thinking_by_level` takes the tokens of thinking from the request's `thinkingLevel`, not from
    `thinking_tokens`. With `running_usage` each chunk of a stream tells what was written so far, not the last
    one alone.
    """

    chunk_delay_seconds: float = 0.015
    first_chunk_delay_seconds: float = 0.0
    chunk_characters: int = 60
    thinking_tokens: int = 0
    thinking_by_level: bool = False
    running_usage: bool = False
    cached_tokens: int = 0
    api_key: str | None = None
    remembered_requests: int = 256


@dataclass
class RecordedRequest:
    """A received request without its key.

    `arrived_at` and `answered_at`, the time of the first byte of the answer, are seconds of the loop's clock.
    """

    method: str
    model: str
    headers: dict[str, str]
    body: dict[str, Any]
    arrived_at: float
    answered_at: float | None = None


@dataclass
class Ledger:
    """Running totals, billed as Gemini bills: prompts once a request is accepted, the rest as it is written.

    `calls` counts requests to generate, `billed` those that were accepted, `refused` those that got an error,
    `finished` those whose answer was written to its end, and `aborted` those whose client disconnected before
    that. A request that a fault refuses or leaves without a first byte is not billed.
    """

    calls: int = 0
    billed: int = 0
    streams: int = 0
    token_counts: int = 0
    finished: int = 0
    refused: int = 0
    aborted: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """All billed tokens."""
        return self.prompt_tokens + self.output_tokens + self.thinking_tokens

    def enter(self) -> None:
        """Counts an arriving request."""
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def leave(self) -> None:
        """Counts the end of a request."""
        self.in_flight -= 1

    def charge(self, before: TokenUsage, now: TokenUsage) -> None:
        """Adds what the usage of a call has grown by."""
        self.prompt_tokens += now.prompt - before.prompt
        self.output_tokens += now.output - before.output
        self.thinking_tokens += now.thinking - before.thinking
        self.cached_tokens += now.cached - before.cached

    def as_json(self) -> dict[str, int]:
        return asdict(self) | {"total_tokens": self.total_tokens}


class ClientLeft(Exception):
    """The client has disconnected."""


class Stopping(Exception):
    """The emulator is shutting down."""


class Emulator:
    """What was requested, what was served, and what fails next.

    Who knows `control_key`, which is random unless one is given, may plan faults and see the rest.
    """

    def __init__(self, settings: EmulatorSettings, control_key: str | None = None) -> None:
        self.settings = settings
        self.control_key = control_key or secrets.token_urlsafe(24)
        self.faults = FaultPlan()
        self.ledger = Ledger()
        self.requests: deque[RecordedRequest] = deque(maxlen=settings.remembered_requests)
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._is_awaited = False

    def fail_next(self, fault: Switch | str | PlannedFault, times: int = 1) -> None:
        """See `FaultPlan.fail_next`."""
        self.faults.fail_next(fault, times)

    def fail_rate(self, fault: Switch | str | PlannedFault, rate: float, seed: int = 0) -> None:
        """See `FaultPlan.fail_rate`."""
        self.faults.fail_rate(fault, rate, seed)

    def stop(self) -> None:
        """Ends every wait, so that open streams do not delay the shutdown."""
        self._stopping.set()

    def ledger_changed(self) -> None:
        """Wakes those who wait in `until`."""
        if self._is_awaited:
            self._is_awaited = False
            self._changed.set()
            self._changed = asyncio.Event()

    async def until(self, holds: Callable[[Ledger], bool], seconds: float = 60.0) -> Ledger:
        """Waits until `holds` is true of the ledger, and returns it.

        Raises:
            TimeoutError: it was not within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while not holds(self.ledger):
                self._is_awaited = True
                await self._changed.wait()
        return self.ledger

    async def pause(self, seconds: float) -> None:
        """Waits for `seconds`.

        Raises:
            Stopping: the emulator is shutting down.
        """
        if seconds > WATCH_SECONDS:
            try:
                await asyncio.wait_for(self._stopping.wait(), seconds)
            except TimeoutError:
                return
        elif seconds > 0:
            await asyncio.sleep(seconds)
        if self._stopping.is_set():
            raise Stopping

    async def stall(self, request: web.Request) -> None:
        """Waits until the client disconnects.

        Polls the transport, because a server without `handler_cancellation` does not cancel its handlers.

        Raises:
            ClientLeft, Stopping
        """
        while request.transport is not None and not request.transport.is_closing():
            await self.pause(WATCH_SECONDS)
        raise ClientLeft
