"""When a failed call to Gemini is made again, and after how long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_random_exponential

from cara.gemini.errors import (
    GeminiBusy,
    GeminiCircuitOpen,
    GeminiError,
    GeminiRateLimited,
    GeminiTimedOut,
    GeminiUnavailable,
)

T = TypeVar("T")

FIRST_BACKOFF_SECONDS = 0.25
LONGEST_BACKOFF_SECONDS = 8.0
BACKOFF = wait_random_exponential(multiplier=FIRST_BACKOFF_SECONDS, max=LONGEST_BACKOFF_SECONDS)


async def with_retries(
    attempt: Callable[[], Awaitable[T]],
    *,
    attempts: int,
    within_seconds: float,
    unless: Callable[[], bool],
) -> T:
    """The first success of at most `attempts` attempts.

    Between them lies exponential back-off with full jitter (Brooker 2015, "Exponential Backoff and Jitter",
    AWS Architecture Blog) on top of the delay that Gemini asked for. When that would end after
    `within_seconds`, the failure is raised at once. A call that has cost tokens, or was never sent, is not
    made again; neither is any once `unless` holds.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda error: not unless() and is_worth_retrying(error)),
        wait=delay_before_next,
        stop=stop_after_attempt(attempts) | stop_before_delay(within_seconds),
        reraise=True,
    )
    return await retrying(attempt)


def is_worth_retrying(error: BaseException) -> bool:
    """Whether the same call may be made again at once, at no risk of paying twice for one answer."""
    if not isinstance(error, GeminiError) or isinstance(error, GeminiBusy | GeminiCircuitOpen):
        return False
    passing = isinstance(error, GeminiRateLimited | GeminiUnavailable | GeminiTimedOut)
    return passing and error.usage.total_tokens == 0


def delay_before_next(state: RetryCallState) -> float:
    """Seconds to wait after the attempt that just failed."""
    error = state.outcome.exception() if state.outcome else None
    asked_for = error.retry_after_seconds if isinstance(error, GeminiError) else None
    return (asked_for or 0.0) + BACKOFF(state)
