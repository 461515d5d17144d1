"""What surrounds a call to Gemini: a slot among those in flight, the circuit breaker, and retries."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from cara.errors import Unavailable
from cara.gemini.calls import SendJournal
from cara.gemini.errors import (
    GeminiBusy,
    GeminiCircuitOpen,
    GeminiError,
    GeminiInterrupted,
    GeminiRateLimited,
    GeminiTimedOut,
    GeminiUnavailable,
)

Clock = Callable[[], float]

BUSY_RETRY_SECONDS = 1.0
FIRST_BACKOFF_SECONDS = 0.25
LONGEST_BACKOFF_SECONDS = 8.0
WINDOW_CALLS = 50
MIN_WINDOW_CALLS = 20
FAILURE_SHARE = 0.5
PROBE_RETRY_SECONDS = 1.0

OUTAGES = (GeminiUnavailable, GeminiInterrupted, GeminiTimedOut)
"""Gemini's 5xx, the network at whatever moment, and timeouts."""

logger = logging.getLogger(__name__)


class GeminiSlots:
    """At most `max_in_flight` calls at once; a call that waits longer than `wait_seconds` is refused."""

    def __init__(self, max_in_flight: int, wait_seconds: float) -> None:
        self._free = asyncio.Semaphore(max_in_flight)
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def hold(self, deadline: float, journal: SendJournal | None = None) -> AsyncIterator[None]:
        """Holds a slot; first come, first served. `deadline` is a time of the loop's clock.

        A call that has to wait is withdrawn from its journal meanwhile.

        Raises:
            GeminiBusy: none became free in time.
        """
        longest_wait = asyncio.get_running_loop().time() + self._wait_seconds
        if self._free.locked():
            await withdraw(journal)
        try:
            async with asyncio.timeout_at(min(longest_wait, deadline)):
                await self._free.acquire()
        except TimeoutError:
            raise GeminiBusy(retry_after_seconds=BUSY_RETRY_SECONDS) from None
        try:
            yield
        finally:
            self._free.release()


class GeminiBreaker:
    """A circuit breaker for one process.

    It opens after `failures` outages in a row, or when half of the latest fifty calls (of at least twenty)
    were outages. Only `OUTAGES` count as failures and only answers as successes; anything else counts neither
    way, and so do calls that began before the circuit last opened or closed. After `cooldown_seconds` one
    call at a time is let through as a probe; the circuit closes as soon as Gemini begins to answer it.

    `clock` gives seconds, from any beginning.
    """

    def __init__(self, failures: int, cooldown_seconds: float, clock: Clock = time.monotonic) -> None:
        self._failures = failures
        self._cooldown_seconds = cooldown_seconds
        self._clock = clock
        self._probes_at: float | None = None
        self._probe: GuardedCall | None = None
        self._period = 0
        self._streak = 0
        self._window: deque[bool] = deque(maxlen=WINDOW_CALLS)

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        """`closed` while all is well, `open` for the cooldown, then `half_open` until a probe is answered."""
        if self._probes_at is None:
            return "closed"
        return "open" if self._clock() < self._probes_at else "half_open"

    def check(self) -> None:
        """Raises GeminiCircuitOpen, with the seconds to wait, if a call made now would not be let through."""
        if self._probes_at is None:
            return
        remaining = self._probes_at - self._clock()
        if remaining > 0:
            raise GeminiCircuitOpen(retry_after_seconds=remaining)
        if self._probe is not None:
            raise GeminiCircuitOpen(retry_after_seconds=PROBE_RETRY_SECONDS)

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[GuardedCall]:
        """Surrounds one call, and learns from how the block ends.

        Raises:
            GeminiCircuitOpen: the circuit is open; the block does not run.
        """
        self.check()
        call = GuardedCall(self, self._period)
        if self._probes_at is not None:
            self._probe = call
        try:
            yield call
        except OUTAGES:
            self._count(call, failed=True)
            raise
        else:
            self._count(call, failed=False)
        finally:
            if self._probe is call:
                self._probe = None

    def answering(self, call: GuardedCall) -> None:
        """Closes the circuit if the call is its probe."""
        if self._probe is call:
            self._close()

    def _count(self, call: GuardedCall, *, failed: bool) -> None:
        if call.period != self._period:
            return
        self._window.append(failed)
        self._streak = self._streak + 1 if failed else 0
        is_probe = self._probes_at is not None
        if is_probe and not failed:
            self._close()
        elif is_probe or self._is_failing():
            self._open()

    def _is_failing(self) -> bool:
        calls = len(self._window)
        mostly = calls >= MIN_WINDOW_CALLS and sum(self._window) >= FAILURE_SHARE * calls
        return mostly or self._streak >= self._failures

    def _open(self) -> None:
        logger.warning("gemini circuit opens for %g s", self._cooldown_seconds)
        self._start_period(probes_at=self._clock() + self._cooldown_seconds)

    def _close(self) -> None:
        logger.info("gemini circuit closes")
        self._start_period(probes_at=None)

    def _start_period(self, probes_at: float | None) -> None:
        self._period += 1
        self._probes_at, self._probe = probes_at, None
        self._streak = 0
        self._window.clear()


@dataclass(frozen=True, eq=False)
class GuardedCall:
    """A call that the breaker watches; it began in one of the periods between changes of the circuit."""

    breaker: GeminiBreaker
    period: int

    def answering(self) -> None:
        """Reports that Gemini has begun to answer: the circuit need not wait for the end of its probe."""
        self.breaker.answering(self)


class Retries:
    """The attempts of one call: at most `attempts`, the last of them before `deadline`.

    Between them lies exponential back-off with full jitter (Brooker 2015, "Exponential Backoff and Jitter",
    AWS Architecture Blog) on top of the delay that Gemini asks for.
    """

    def __init__(self, attempts: int, deadline: float) -> None:
        self._attempts = attempts
        self._deadline = deadline
        self._made = 0

    def delay_after(self, error: GeminiError) -> float | None:
        """Returns the seconds to wait before the next attempt; None when the call must not be made again.

        That is so when the attempts are used up, when the wait would end after the deadline, when the call
        was never sent or has cost tokens, and when it would fail again.
        """
        self._made += 1
        if self._made >= self._attempts or not is_worth_retrying(error):
            return None
        longest = min(FIRST_BACKOFF_SECONDS * 2 ** (self._made - 1), LONGEST_BACKOFF_SECONDS)
        delay = (error.retry_after_seconds or 0.0) + random.uniform(0, longest)
        return delay if asyncio.get_running_loop().time() + delay < self._deadline else None


def is_worth_retrying(error: GeminiError) -> bool:
    """Returns whether the same call may be made again at once, at no risk of paying twice for one answer."""
    if isinstance(error, GeminiBusy | GeminiCircuitOpen):
        return False
    is_transient = isinstance(error, GeminiRateLimited | GeminiUnavailable | GeminiTimedOut)
    return is_transient and error.usage.total_tokens == 0


async def withdraw(journal: SendJournal | None) -> None:
    """Withdraws a call from its journal, if that is possible: while the database is away its record stays."""
    if journal is None:
        return
    try:
        await journal.withdraw()
    except Unavailable as error:
        logger.warning("the record of a call to gemini could not be withdrawn: %s", error.code)
