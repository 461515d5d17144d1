"""Reads the responses of the SDK and what they cost, told or estimated. Nothing here imports the SDK."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cara.gemini.calls import NOTHING_USED, GeminiCall, GeminiUsage
from cara.gemini.tokens import estimate_prompt, estimate_tokens

LARGEST_COUNT = 2**31 - 1
"""Counts are 32-bit integers."""

MOST_PER_ESTIMATE, MOST_BESIDE_PROMPT = 4, 1_000
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


def parse_usage(metadata: Any) -> GeminiUsage | None:
    """Reads `usageMetadata`; counts that cannot be are taken for 0."""
    if metadata is None:
        return None
    prompt = _valid_count(metadata.prompt_token_count) + _valid_count(metadata.tool_use_prompt_token_count)
    output = _valid_count(metadata.candidates_token_count)
    thinking = _valid_count(metadata.thoughts_token_count)
    cached = _valid_count(metadata.cached_content_token_count)
    total = max(_valid_count(metadata.total_token_count), prompt + output + thinking)
    return GeminiUsage(*map(_clamped, (prompt, output, thinking, cached, total)))


def _valid_count(reported: int | None) -> int:
    """Returns the count, or 0 for what cannot be one.

    Gateways were seen to report negative counts and counts beyond 32 bits.
    """
    return reported if reported is not None and 0 <= reported <= LARGEST_COUNT else 0


def _clamped(count: int) -> int:
    return min(count, LARGEST_COUNT)


class CallCost:
    """The cost of one request, from what was told and what was received.

    Usage within an answer is a running total that may be missing or fall again: of each count the highest
    that was told holds, as far as it is possible for the call.
    """

    def __init__(self, call: GeminiCall) -> None:
        self._call = call
        self._told = NOTHING_USED
        self._estimated_output = (0, 0)

    @property
    def told(self) -> GeminiUsage:
        """The highest of each count that Gemini has told."""
        return self._told

    @cached_property
    def _estimated_prompt(self) -> int:
        return estimate_prompt(self._call)

    @property
    def _most_prompt(self) -> int:
        """What a prompt can cost: a token is hardly less than a byte, and the estimate at most as wrong."""
        return MOST_PER_ESTIMATE * self._estimated_prompt + MOST_BESIDE_PROMPT

    @property
    def _most_output(self) -> int:
        """What an answer with its thoughts can cost: Gemini keeps to the output limit, give or take a few."""
        return 2 * self._call.max_output_tokens + MOST_BESIDE_PROMPT

    def tell(self, usage: GeminiUsage | None) -> None:
        """Takes what Gemini told."""
        if usage is None:
            return
        told = self._told
        prompt, output = self._most_prompt, self._most_output
        self._told = GeminiUsage(
            prompt_tokens=max(told.prompt_tokens, min(usage.prompt_tokens, prompt)),
            output_tokens=max(told.output_tokens, min(usage.output_tokens, output)),
            thinking_tokens=max(told.thinking_tokens, min(usage.thinking_tokens, output)),
            cached_tokens=max(told.cached_tokens, min(usage.cached_tokens, prompt)),
            total_tokens=max(told.total_tokens, min(usage.total_tokens, prompt + output)),
        )

    def spent(self, texts: list[str], *, is_finished: bool) -> GeminiUsage:
        """Returns the cost of an answer of which these texts have come.

        What was told of a finished answer holds. Until then the text may be ahead of what was told.
        """
        told = self._told
        output = told.output_tokens
        if not (is_finished and output):
            output = max(output, self._estimate_output(texts))
        return self._completed(told.prompt_tokens or self._untold_prompt(), output)

    def spent_on_blocked_prompt(self) -> GeminiUsage:
        """Returns the cost of a prompt that Gemini refused: what was told of it, and no estimate."""
        return self._completed(self._told.prompt_tokens, self._told.output_tokens)

    def _untold_prompt(self) -> int:
        """Returns what a told total leaves for the prompt beside a told output, else the estimate."""
        told = self._told
        rest = told.total_tokens - told.output_tokens - told.thinking_tokens
        return rest if told.output_tokens and rest > 0 else self._estimated_prompt

    def _estimate_output(self, texts: list[str]) -> int:
        """Returns the estimate of the texts, which is made once for each new text."""
        count, tokens = self._estimated_output
        if count != len(texts):
            tokens = min(estimate_tokens("".join(texts)), self._most_output)
            self._estimated_output = (len(texts), tokens)
        return tokens

    def _completed(self, prompt: int, output: int) -> GeminiUsage:
        told = self._told
        total = max(told.total_tokens, prompt + output + told.thinking_tokens)
        counts = (prompt, output, told.thinking_tokens, told.cached_tokens, total)
        return GeminiUsage(*map(_clamped, counts))
