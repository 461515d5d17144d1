"""What can go wrong with Gemini, as a small tree: what may work later, and what will not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from cara.errors import CaraError, TookTooLong, Unavailable, Unprocessable, UpstreamFailed


@dataclass(frozen=True)
class GeminiUsage:
    """What Gemini says a call has cost, in tokens. `cached_tokens` are a part of `prompt_tokens`;
    `total_tokens` is what is billed and charged: prompt, output and thinking."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0
    total_tokens: int = 0

    def at_least(self, other: GeminiUsage | None) -> GeminiUsage:
        """Of each count the higher one."""
        if other is None:
            return self
        return GeminiUsage(*(max(pair) for pair in zip(astuple(self), astuple(other), strict=True)))


NOTHING_USED = GeminiUsage()


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
    """The same call may succeed later; `retry_after_seconds` says when, if anybody knows."""

    code = "gemini_unavailable"
    detail = "Gemini is not answering just now. Please try again in a moment."


class GeminiRateLimited(GeminiTransient):
    """Gemini allows no more calls for the moment."""

    detail = "Gemini is taking no more requests just now. Please try again in a moment."


class GeminiUnavailable(GeminiTransient):
    """Gemini answers with a failure of its own, or cannot be reached."""


class GeminiCircuitOpen(GeminiUnavailable):
    """Not asked at all, because the latest calls failed."""


class GeminiBusy(GeminiUnavailable):
    """Not asked at all, because too many calls of ours are in flight."""

    detail = "Too many requests are under way just now. Please try again in a moment."


class GeminiTimedOut(GeminiTransient, TookTooLong):
    """No answer, no first word or no next word in time."""

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
    """Wrong key, unknown model, no permission: for the operator to put right, not for the learner.

    `cause` is Gemini's message without what it quotes, for log and alert only.
    """

    code = "gemini_misconfigured"
    detail = "The coach is not set up correctly. The operator has been told."

    def __init__(self, cause: str, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__(usage=usage)
        self.cause = cause


class GeminiRefused(GeminiPermanent, UpstreamFailed):
    """Gemini finds the request itself wrong. `cause` is its message without what it quotes, for log and alert
    only."""

    code = "gemini_refused"
    detail = "Gemini could not work with this request."

    def __init__(self, cause: str, *, usage: GeminiUsage = NOTHING_USED) -> None:
        super().__init__(usage=usage)
        self.cause = cause
