"""Strips the SDK's responses to what is looked at, without importing the SDK."""

from __future__ import annotations

from typing import Any

from cara.gemini.calls import AnswerPiece
from cara.gemini.errors import GeminiUsage

_LARGEST_COUNT = 2**31 - 1


def piece_of(response: Any) -> AnswerPiece:
    """What one `GenerateContentResponse` says."""
    candidate = response.candidates[0] if response.candidates else None
    feedback = response.prompt_feedback
    parts = (candidate.content.parts if candidate and candidate.content else None) or []
    ratings = (
        (feedback.safety_ratings if feedback else None) or (candidate and candidate.safety_ratings) or []
    )
    return AnswerPiece(
        text="".join(part.text for part in parts if part.text and not part.thought),
        answers=bool(parts),
        usage=_usage(response),
        finish_reason=candidate.finish_reason.value if candidate and candidate.finish_reason else None,
        block_reason=feedback.block_reason.value if feedback and feedback.block_reason else None,
        blocked_categories=tuple(str(one.category.value) for one in ratings if one.blocked and one.category),
        model=response.model_version,
    )


def _usage(response: Any) -> GeminiUsage | None:
    told = response.usage_metadata
    if told is None:
        return None
    prompt = _count(told.prompt_token_count) + _count(told.tool_use_prompt_token_count)
    output, thinking = _count(told.candidates_token_count), _count(told.thoughts_token_count)
    total = max(_count(told.total_token_count), prompt + output + thinking)
    return GeminiUsage(prompt, output, thinking, _count(told.cached_content_token_count), total)


def _count(told: int | None) -> int:
    """What Gemini told, unless that is no count: behind gateways negative ones and such beyond 32 bits were
    seen."""
    return told if told is not None and 0 <= told <= _LARGEST_COUNT else 0
