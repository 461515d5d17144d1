"""Translates what the SDK and the network raise into our errors. Nothing here imports the SDK."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol, runtime_checkable

import aiohttp

from cara.errors import CaraError
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
)

logger = logging.getLogger(__name__)

OPERATOR_STATUSES = frozenset({401, 403, 404})
TIMEOUT_STATUSES = frozenset({408, 504})
KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"})
MAX_CAUSE_CHARACTERS = 300
MAX_RETRY_AFTER_SECONDS = 86_400.0
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s?", re.ASCII)
_QUOTED = re.compile(r'".*"', re.DOTALL)


@asynccontextmanager
async def translate_errors(progress: AnswerInProgress) -> AsyncIterator[None]:
    """Raises a GeminiError in place of what the SDK or the network raises in the block; logs its kind.

    The original error goes no further: its message can hold an answer or a part of a prompt.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, CaraError) and not isinstance(error, GeminiError):
            raise
        failure = translate_error(error, has_text=progress.has_text)
        progress.fail(failure)
        logger.warning("gemini call failed: %s because of %s", failure.code, error_kind(error))
        raise failure from None


@asynccontextmanager
async def accept_finished(progress: AnswerInProgress) -> AsyncIterator[None]:
    """Ignores what goes wrong in the block once the answer is finished or complete."""
    try:
        yield
    except Exception as error:
        if not (progress.is_finished or progress.is_complete):
            raise
        logger.info("ignored after a finished answer of gemini: %s", error_kind(error))


@runtime_checkable
class ApiFailure(Protocol):
    """An error of the service, as the SDK raises it; unchecked, so that any member may be anything.

    `details` is the body of the response.
    """

    code: Any
    status: Any
    message: Any
    details: Any
    response: Any


def translate_error(error: Exception, *, has_text: bool) -> GeminiError:
    """Returns our error for one that the SDK or the network raised.

    What nobody foresaw is an answer that cannot be read. `has_text` says whether a part of the answer had
    arrived.
    """
    if isinstance(error, GeminiError):
        return error
    if isinstance(error, TimeoutError):
        return GeminiTimedOut()
    if isinstance(error, aiohttp.ClientError | OSError):
        return GeminiInterrupted() if has_text else GeminiUnavailable()
    if isinstance(error, ApiFailure):
        return _response_failure(error)
    logger.error("gemini's answer could not be read: %s at %s", type(error).__name__, _place(error))
    return GeminiBadAnswer("unreadable")


def error_kind(error: Exception) -> str:
    """Returns what is wrong, for the log: without a word of what was asked or answered."""
    if isinstance(error, GeminiBadAnswer):
        return error.reason
    if not isinstance(error, aiohttp.ClientError) and isinstance(error, ApiFailure):
        return f"{error.code} {error.status}"[:MAX_CAUSE_CHARACTERS]
    return type(error).__name__


def _place(error: Exception) -> str:
    """Returns file and line where the error was raised: its message could hold words of an answer."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"


def _response_failure(error: ApiFailure) -> GeminiError:
    code = error.code if isinstance(error.code, int) else 0
    cause = f"{code} {error.status}: {_without_quotes(str(error.message or ''))}"
    details = _details(error.details)
    if code == 429:
        return GeminiRateLimited(retry_after_seconds=_retry_after(error, details))
    if code in TIMEOUT_STATUSES:
        return GeminiTimedOut()
    if code >= 500:
        return GeminiUnavailable(retry_after_seconds=_retry_after(error, details))
    if code < 400:
        return GeminiBadAnswer("unreadable")
    is_bad_key = any(str(detail.get("reason")) in KEY_REASONS for detail in details)
    if code in OPERATOR_STATUSES or is_bad_key or error.status == "FAILED_PRECONDITION":
        return GeminiMisconfigured(cause)
    return GeminiRefused(cause, is_invalid_argument=code == 400 and error.status == "INVALID_ARGUMENT")


def _without_quotes(message: str) -> str:
    """Returns the message up to a length, without all from its first to its last double quote.

    Between these Gemini repeats what it was sent.
    """
    return _QUOTED.sub('"…"', message)[:MAX_CAUSE_CHARACTERS]


def _details(body: Any) -> list[dict[str, Any]]:
    error = body.get("error", body) if isinstance(body, dict) else {}
    details = error.get("details") if isinstance(error, dict) else None
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def _retry_after(error: ApiFailure, details: list[dict[str, Any]]) -> float | None:
    """Returns the seconds that `RetryInfo` in the details asks for, or else the header `Retry-After`."""
    delays = [detail["retryDelay"] for detail in details if "retryDelay" in detail]
    headers = getattr(error.response, "headers", None) or {}
    seconds = _SECONDS.fullmatch(str(delays[0] if delays else headers.get("Retry-After", "")))
    return min(float(seconds[1]), MAX_RETRY_AFTER_SECONDS) if seconds else None
