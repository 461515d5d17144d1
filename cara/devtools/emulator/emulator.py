"""The emulator's settings and memory, shared by its handlers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from cara.devtools.emulator.faults import Deviation, Fault, FaultPlan, PlannedFault
from cara.devtools.emulator.ledger import AskedRequest, Ledger

WATCH_SECONDS = 0.05


@dataclass(frozen=True)
class EmulatorSettings:
    """How the emulator behaves when nothing fails. Without an `api_key` of its own any key is right."""

    chunk_delay_seconds: float = 0.015
    first_chunk_delay_seconds: float = 0.0
    chunk_characters: int = 60
    thinking_tokens: int = 0
    cached_tokens: int = 0
    api_key: str | None = None
    remembered_requests: int = 256


class ClientLeft(Exception):
    """The client of this request is gone."""


class Stopping(Exception):
    """The emulator is shutting down."""


class Emulator:
    """What was asked, what was served, and what is to fail."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self.settings = settings
        self.faults = FaultPlan()
        self.ledger = Ledger()
        self.requests: deque[AskedRequest] = deque(maxlen=settings.remembered_requests)
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()

    def fail_next(self, fault: Fault | Deviation | str | PlannedFault, times: int = 1) -> None:
        """See `FaultPlan.fail_next`."""
        self.faults.fail_next(fault, times)

    def fail_rate(self, fault: Fault | Deviation | str | PlannedFault, rate: float, seed: int = 0) -> None:
        """See `FaultPlan.fail_rate`."""
        self.faults.fail_rate(fault, rate, seed)

    def stop(self) -> None:
        """Ends every wait, so that open streams do not hold up the shutdown."""
        self._stopping.set()

    def tell(self) -> None:
        """The ledger has changed: wakes those in `until`."""
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, holds: Callable[[Ledger], bool], seconds: float = 60.0) -> Ledger:
        """Waits until the ledger is as wished, and gives it.

        Raises:
            TimeoutError: it did not come to that within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while not holds(self.ledger):
                await self._news.wait()
        return self.ledger

    async def pause(self, seconds: float) -> None:
        """Waits for `seconds`.

        Raises:
            Stopping: the emulator shuts down.
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
        """Waits until the client gives up. It is watched for as well, because a server without
        `handler_cancellation` does not tell its handlers.

        Raises:
            ClientLeft, Stopping
        """
        while request.transport is not None and not request.transport.is_closing():
            await self.pause(WATCH_SECONDS)
        raise ClientLeft
