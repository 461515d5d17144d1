"""What can go wrong with Gemini: a tree of errors."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from cara.errors import CaraError, TookTooLong, Unavailable, Unprocessable, UpstreamFailed
from cara.gemini.calls import NOTHING_USED, GeminiUsage

logger = logging.getLogger(__name__)


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


class GeminiRecitation(GeminiBadAnswer):
    """Gemini ended the answer because it repeated a text under copyright; that is sporadic."""

    code = "gemini_recitation"
    detail = "Gemini stopped, because its answer came too close to a published text. Please try again."

    def __init__(self, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__("recitation", usage=usage)


class GeminiPermanent(GeminiError):
    """The same call will fail again."""


class ContentBlocked(GeminiPermanent, Unprocessable):
    """Gemini refuses the content; `category` names the reason in lower case, such as `harassment`."""

    code = "content_blocked"
    further_member_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "category": {
            "type": "string",
            "description": "With `content_blocked`: what Gemini took it for, such as `harassment`.",
            "examples": ["harassment"],
        }
    }
    detail = "Gemini declined to answer this, for reasons of safety. Please word it differently."

    def __init__(self, category: str, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__(usage=usage)
        self.category = category

    def further_members(self) -> Mapping[str, str]:
        return {"category": self.category}


class LanguageUnsupported(GeminiPermanent, Unprocessable):
    """Gemini does not answer in the language of the content."""

    code = "language_unsupported"
    detail = "Gemini does not support this language. Please use another one."


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

    `cause` is its message without what it quotes, for log and alert only. `is_invalid_argument` says that
    some argument is not accepted, which may be the schema.
    """

    code = "gemini_refused"
    detail = "Gemini could not work with this request."

    def __init__(
        self, cause: str, *, usage: GeminiUsage = NOTHING_USED, is_invalid_argument: bool = False
    ) -> None:
        super().__init__(usage=usage)
        self.cause = cause
        self.is_invalid_argument = is_invalid_argument


def log_operator_error(error: GeminiError) -> None:
    """Logs as an error, which alerts, what only the operator can correct."""
    if isinstance(error, GeminiMisconfigured):
        logger.error("gemini is not set up correctly: %s", error.cause)
    elif isinstance(error, GeminiRefused):
        logger.error("gemini could not work with a request: %s", error.cause)
