"""Reads the responses of the SDK. Nothing here imports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.gemini.usage import parse_usage

_NO_REASON = frozenset({"", "FINISH_REASON_UNSPECIFIED"})
"""What stands in place of a finish reason while an answer goes on."""


@dataclass(frozen=True)
class ResponseChunk:
    """One response object of the service, reduced to what matters here.

    `has_parts` says whether it holds a part of an answer, if only thoughts.
    """

    text: str = ""
    has_parts: bool = False
    usage: GeminiUsage | None = None
    finish_reason: str | None = None
    block_reason: str | None = None
    blocked_categories: tuple[str, ...] = ()
    model: str | None = None

    @property
    def is_answer(self) -> bool:
        """Whether it says anything of an answer; gateways send empty objects to keep a connection open."""
        told = self.usage is not None and self.usage != NOTHING_USED
        return self.has_parts or told or bool(self.finish_reason or self.block_reason)


def parse_response(response: Any) -> ResponseChunk:
    """Reads one `GenerateContentResponse`."""
    candidate = response.candidates[0] if response.candidates else None
    feedback = response.prompt_feedback
    parts = (candidate.content.parts if candidate and candidate.content else None) or []
    ratings = (
        (feedback.safety_ratings if feedback else None) or (candidate and candidate.safety_ratings) or []
    )
    return ResponseChunk(
        text="".join(part.text for part in parts if part.text and not part.thought),
        has_parts=bool(parts),
        usage=parse_usage(response.usage_metadata),
        finish_reason=_finish_reason(candidate),
        block_reason=feedback.block_reason.value if feedback and feedback.block_reason else None,
        blocked_categories=tuple(str(one.category.value) for one in ratings if one.blocked and one.category),
        model=response.model_version,
    )


def _finish_reason(candidate: Any) -> str | None:
    reason = str(candidate.finish_reason.value) if candidate and candidate.finish_reason else ""
    return None if reason in _NO_REASON else reason
