"""What can go wrong with Gemini: a tree of errors, and the translation of what the SDK and the network raise.

Nothing here imports the SDK.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import aiohttp

from cara.errors import CaraError, TookTooLong, Unavailable, Unprocessable, UpstreamFailed
from cara.gemini.calls import NOTHING_USED, GeminiUsage

logger = logging.getLogger(__name__)

OPERATOR_STATUSES = frozenset({401, 403, 404})
TIMEOUT_STATUSES = frozenset({408, 504})
KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"})
MAX_CAUSE_CHARACTERS = 300
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s?")
_QUOTED = re.compile(r'".*"', re.DOTALL)


class GeminiError(CaraError):
    """A call to Gemini that gave no answer. `usage` is what it cost all the same, as far as is known."""

    code: ClassVar[str] = "gemini_failed"
    detail: str = "Gemini could not answer."

    def __init__(
        self,
        detail: str | None = None,
        *,
        usage: GeminiUsage = NOTHING_USED,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.usage = usage


class GeminiTransient(GeminiError, Unavailable):
    """The same call may succeed later; `retry_after_seconds` says when, if that is known."""

    code = "gemini_unavailable"
    detail = "Gemini is not answering just now. Please try again in a moment."


class GeminiRateLimited(GeminiTransient):
    """Gemini allows no more calls for the moment."""

    detail = "Gemini is taking no more requests just now. Please try again in a moment."


class GeminiUnavailable(GeminiTransient):
    """Gemini answers with a failure of its own, or cannot be reached."""


class GeminiCircuitOpen(GeminiUnavailable):
    """The call is not made, because the latest ones failed."""


class GeminiBusy(GeminiUnavailable):
    """The call is not made, because too many others are in flight."""

    detail = "Too many requests are under way just now. Please try again in a moment."


class GeminiTimedOut(GeminiTransient, TookTooLong):
    """No answer, no first chunk or no next chunk in time."""

    code = "gemini_timed_out"
    detail = "Gemini took too long to answer. Please try again."


class GeminiBadAnswer(GeminiTransient):
    """An answer that cannot be used.

    `reason`: `cut`, `empty`, `not_json`, `no_score`, `unreadable`, or Gemini's finish reason in lower case.
    """

    code = "gemini_bad_answer"
    detail = "Gemini's answer could not be used. Please try again."

    def __init__(self, reason: str, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__(usage=usage)
        self.reason = reason


class GeminiInterrupted(GeminiBadAnswer):
    """The connection broke within an answer."""

    def __init__(self, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__("cut", usage=usage)


class GeminiOutOfRoom(GeminiBadAnswer):
    """The output limit was reached, by thoughts or by text, before there was an answer to use."""

    detail = "Gemini ran out of room before its answer was complete. Please try again."

    def __init__(self, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__("max_tokens", usage=usage)


class GeminiPermanent(GeminiError):
    """The same call will fail again."""


class ContentBlocked(GeminiPermanent, Unprocessable):
    """Gemini refuses the content; `category` names the reason in lower case, such as `harassment`."""

    code = "content_blocked"
    further_member_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "category": {
            "type": "string",
            "description": "With `content_blocked`: what Gemini took it for, such as `harassment`.",
        }
    }
    detail = "Gemini declined to answer this, for reasons of safety. Please word it differently."

    def __init__(self, category: str, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__(usage=usage)
        self.category = category

    def further_members(self) -> Mapping[str, str]:
        return {"category": self.category}


class GeminiMisconfigured(GeminiPermanent, UpstreamFailed):
    """Wrong key, unknown model, no permission: the operator has to correct it, not the learner.

    `cause` is Gemini's message without what it quotes, for log and alert only.
    """

    code = "gemini_misconfigured"
    detail = "The coach is not set up correctly. The operator has been told."

    def __init__(self, cause: str, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__(usage=usage)
        self.cause = cause


class GeminiRefused(GeminiPermanent, UpstreamFailed):
    """Gemini finds the request itself wrong.

    `cause` is its message without what it quotes, for log and alert only.
    """

    code = "gemini_refused"
    detail = "Gemini could not work with this request."

    def __init__(self, cause: str, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__(usage=usage)
        self.cause = cause


@runtime_checkable
class ApiFailure(Protocol):
    """An error response, as the SDK raises it. `details` is the body of the response."""

    code: int
    status: str | None
    message: str | None
    details: Any
    response: Any


def translate_error(error: Exception, usage: GeminiUsage, *, has_text: bool) -> GeminiError | None:
    """Returns our error for one that the SDK or the network raised; None for any other.

    `has_text` says whether a part of the answer had arrived.
    """
    if isinstance(error, GeminiError):
        return error
    if isinstance(error, TimeoutError):
        return GeminiTimedOut(usage=usage)
    if isinstance(error, aiohttp.ClientError | OSError):
        return GeminiInterrupted(usage=usage) if has_text else GeminiUnavailable(usage=usage)
    if isinstance(error, ApiFailure):
        return _response_failure(error, usage)
    if isinstance(error, ValueError):
        return GeminiBadAnswer("unreadable", usage=usage)
    return None


def error_kind(error: Exception) -> str:
    """Returns what is wrong, for the log: without a word of what was asked or answered."""
    if isinstance(error, GeminiBadAnswer):
        return error.reason
    if isinstance(error, ApiFailure):
        return f"{error.code} {error.status}"
    return type(error).__name__


def log_operator_error(error: GeminiError) -> None:
    """Logs as an error, which alerts, what only the operator can correct."""
    if isinstance(error, GeminiMisconfigured):
        logger.error("gemini is not set up correctly: %s", error.cause)
    elif isinstance(error, GeminiRefused):
        logger.error("gemini could not work with a request: %s", error.cause)


def _response_failure(error: ApiFailure, usage: GeminiUsage) -> GeminiError:
    cause = f"{error.code} {error.status}: {_without_quotes(error.message or '')}"
    details = _details(error.details)
    if error.code == 429:
        return GeminiRateLimited(usage=usage, retry_after_seconds=_retry_after(error, details))
    if error.code in TIMEOUT_STATUSES:
        return GeminiTimedOut(usage=usage)
    if error.code >= 500:
        return GeminiUnavailable(usage=usage, retry_after_seconds=_retry_after(error, details))
    is_bad_key = any(detail.get("reason") in KEY_REASONS for detail in details)
    if error.code in OPERATOR_STATUSES or is_bad_key or error.status == "FAILED_PRECONDITION":
        return GeminiMisconfigured(cause, usage=usage)
    return GeminiRefused(cause, usage=usage)


def _without_quotes(message: str) -> str:
    """Returns the message up to a length, without all from its first to its last double quote.

    Between these Gemini repeats what it was sent.
    """
    return _QUOTED.sub('"…"', message)[:MAX_CAUSE_CHARACTERS]


def _details(body: Any) -> list[dict[str, Any]]:
    error = body.get("error", body) if isinstance(body, dict) else {}
    details = error.get("details") if isinstance(error, dict) else None
    return [detail for detail in details or () if isinstance(detail, dict)]


def _retry_after(error: ApiFailure, details: list[dict[str, Any]]) -> float | None:
    """Returns the seconds that `RetryInfo` in the details asks for, or else the header `Retry-After`."""
    delays = [detail["retryDelay"] for detail in details if "retryDelay" in detail]
    headers = getattr(error.response, "headers", None) or {}
    seconds = _SECONDS.fullmatch(str(delays[0] if delays else headers.get("Retry-After", "")))
    return float(seconds[1]) if seconds else None
