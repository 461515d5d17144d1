"""Stops asking Gemini while it is down, and finds out with one call at a time whether it is back."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fluxgate import AsyncCircuitBreaker, CallNotPermittedError
from fluxgate.permits import All
from fluxgate.retries import Cooldown
from fluxgate.signal import Signal
from fluxgate.trackers import TypeOf
from fluxgate.trippers import Closed, FailureRate, FailureStreak, HalfOpened, MinRequests
from fluxgate.windows import CountWindow

from cara.gemini.errors import GeminiCircuitOpen, GeminiInterrupted, GeminiTimedOut, GeminiUnavailable

T = TypeVar("T")

WINDOW_CALLS = 50
MIN_CALLS = 20
FAILURE_SHARE = 0.5
PROBE_SECONDS = 1.0
UNBOUNDED = 1_000_000
"""Who may probe is decided here; a probe that is still being answered must not keep the next one waiting."""

logger = logging.getLogger(__name__)


class GeminiBreaker:
    """A circuit breaker for one process.

    It opens after `failures` failures in a row, or when half of the latest fifty calls failed (of at least
    twenty). Only outages count: Gemini's 5xx, the network at whatever moment, and time-outs; an answer of any
    other kind counts neither way. After `cooldown_seconds` one call goes through: as soon as Gemini begins to
    answer it, all may.
    """

    def __init__(self, failures: int, cooldown_seconds: float) -> None:
        self._cooldown_seconds = cooldown_seconds
        self._probe: object | None = None
        busy_and_failing = MinRequests(MIN_CALLS) & FailureRate(FAILURE_SHARE)
        self._circuit = AsyncCircuitBreaker(
            window=CountWindow(WINDOW_CALLS),
            tracker=TypeOf(GeminiUnavailable, GeminiInterrupted, GeminiTimedOut),
            tripper=(Closed() & (FailureStreak(failures) | busy_and_failing))
            | (HalfOpened() & FailureRate(1.0)),
            retry=Cooldown(cooldown_seconds),
            permit=All(),
            max_half_open_calls=UNBOUNDED,
            listeners=[_log],
        )

    @property
    def state(self) -> str:
        """`closed` (all is well), `open` or `half_open`."""
        return self._circuit.info().state

    def check(self) -> None:
        """Raises GeminiCircuitOpen when a call made now would not be let through."""
        info = self._circuit.info()
        remaining = info.changed_at + self._cooldown_seconds - time.time()
        if info.state == "open" and remaining > 0:
            raise GeminiCircuitOpen(retry_after_seconds=remaining)
        if info.state != "closed" and self._probe:
            raise GeminiCircuitOpen(retry_after_seconds=PROBE_SECONDS)

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Makes the attempt and learns from its outcome.

        Raises:
            GeminiCircuitOpen: it was not made.
        """
        self.check()
        if self.state == "closed":
            return await self._guarded(attempt)
        probe = self._probe = object()
        try:
            return await self._guarded(attempt)
        finally:
            if self._probe is probe:
                self._probe = None

    async def answering(self) -> None:
        """Gemini has begun to answer a call: the circuit need not wait for the end of its probe."""
        if self._probe and self.state == "half_open":
            self._probe = None
            await self._circuit.reset()

    async def _guarded(self, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._circuit.call(attempt)
        except CallNotPermittedError:
            raise GeminiCircuitOpen(retry_after_seconds=PROBE_SECONDS) from None


def _log(signal: Signal) -> None:
    level = logging.INFO if signal.new_state == "closed" else logging.WARNING
    logger.log(level, "gemini circuit %s -> %s", signal.old_state, signal.new_state)
