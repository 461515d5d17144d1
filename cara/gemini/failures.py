"""Turns what the SDK raises into our own errors, without importing the SDK."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

import aiohttp

from cara.gemini.answers import AnswerInProgress
from cara.gemini.errors import (
    GeminiBadAnswer,
    GeminiError,
    GeminiInterrupted,
    GeminiMisconfigured,
    GeminiRateLimited,
    GeminiRefused,
    GeminiTimedOut,
    GeminiUnavailable,
    GeminiUsage,
)

T = TypeVar("T")

logger = logging.getLogger(__name__)

OPERATORS_FAULT = frozenset({401, 403, 404})
TOOK_TOO_LONG = frozenset({408, 504})
KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"})
SECONDS = re.compile(r"(\d+(?:\.\d+)?)s?")
QUOTED = re.compile(r'".*"', re.DOTALL)
LONGEST_CAUSE_CHARACTERS = 300


@runtime_checkable
class ApiFailure(Protocol):
    """An error response, as the SDK raises it. `details` is the body of the response."""

    code: int
    status: str | None
    message: str | None
    details: Any
    response: Any


async def in_our_words(read: Callable[[], Awaitable[T]], progress: AnswerInProgress, deadline: float) -> T:
    """What `read` gives before `deadline`, a time of the loop's clock.

    Raises:
        GeminiError: in place of what the SDK or the network raised.
    """
    try:
        async with asyncio.timeout_at(deadline):
            return await read()
    except Exception as error:
        if failure := failure_of(error, progress):
            logger.warning("gemini call failed: %s because of %s", failure.code, _kind(error))
            # What the SDK raised goes no further: its words can hold an answer or a part of a prompt.
            raise failure from None
        raise


def _kind(error: Exception) -> str:
    """What is wrong, without a word of what was asked or answered."""
    if isinstance(error, GeminiBadAnswer):
        return error.reason
    if isinstance(error, ApiFailure):
        return f"{error.code} {error.status}"
    return type(error).__name__


def failure_of(error: Exception, progress: AnswerInProgress) -> GeminiError | None:
    """Our error for one that came out of the SDK; None when it is no failure of Gemini's or the network's."""
    usage = progress.usage
    if isinstance(error, GeminiError):
        return error
    if isinstance(error, TimeoutError):
        return GeminiTimedOut(usage=usage)
    if isinstance(error, aiohttp.ClientError | OSError):
        return GeminiInterrupted(usage=usage) if progress.started else GeminiUnavailable(usage=usage)
    if isinstance(error, ApiFailure):
        return _of_response(error, usage)
    if isinstance(error, ValueError):
        return GeminiBadAnswer("unreadable", usage=usage)
    return None


def _of_response(error: ApiFailure, usage: GeminiUsage) -> GeminiError:
    cause = f"{error.code} {error.status}: {_without_quotes(error.message or '')}"
    details = _details(error.details)
    if error.code == 429:
        return GeminiRateLimited(usage=usage, retry_after_seconds=_retry_after(error, details))
    if error.code in TOOK_TOO_LONG:
        return GeminiTimedOut(usage=usage)
    if error.code >= 500:
        return GeminiUnavailable(usage=usage, retry_after_seconds=_retry_after(error, details))
    bad_key = any(detail.get("reason") in KEY_REASONS for detail in details)
    if error.code in OPERATORS_FAULT or bad_key or error.status == "FAILED_PRECONDITION":
        return GeminiMisconfigured(cause, usage=usage)
    return GeminiRefused(cause, usage=usage)


def _without_quotes(message: str) -> str:
    """The message up to a length, less all from its first to its last double quote: between these Gemini
    repeats what it was sent."""
    return QUOTED.sub('"…"', message)[:LONGEST_CAUSE_CHARACTERS]


def _details(body: Any) -> list[dict[str, Any]]:
    error = body.get("error", body) if isinstance(body, dict) else {}
    details = error.get("details") if isinstance(error, dict) else None
    return [detail for detail in details or () if isinstance(detail, dict)]


def _retry_after(error: ApiFailure, details: list[dict[str, Any]]) -> float | None:
    delays = [detail["retryDelay"] for detail in details if "retryDelay" in detail]
    headers = getattr(error.response, "headers", None) or {}
    told = SECONDS.fullmatch(str(delays[0] if delays else headers.get("Retry-After", "")))
    return float(told[1]) if told else None
