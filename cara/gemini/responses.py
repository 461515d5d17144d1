"""Reads the responses of Gemini and what they cost, told or estimated. Nothing here imports the SDK.

A member of another type than Gemini documents is left out: it costs no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cara.gemini.calls import NOTHING_USED, GeminiCall, GeminiUsage
from cara.gemini.tokens import estimate_prompt, estimate_tokens

LARGEST_COUNT = 2**31 - 1
"""Counts are 32-bit integers."""

MOST_PER_ESTIMATE, MOST_BESIDE_PROMPT = 4, 1_000
_MOST_DIGITS = 19
_LOWEST_ERROR, _INTERNAL_ERROR = 400, 500
_NO_REASON = "FINISH_REASON_UNSPECIFIED"
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
        return self.has_parts or told or self.ends

    @property
    def ends(self) -> bool:
        """Whether it says why the answer ends."""
        return bool(self.finish_reason or self.block_reason)


class ServiceError(Exception):
    """An error of the service that comes in place of a response, with the members of the SDK's errors.

    `details` is the response. Without a code of its own it counts as an internal error.
    """

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__("the service sent an error in place of a response")
        error = response["error"]
        described: dict[str, Any] = error if isinstance(error, dict) else {"message": str(error)}
        code = described.get("code")
        is_code = isinstance(code, int) and not isinstance(code, bool) and code >= _LOWEST_ERROR
        self.code = code if is_code else _INTERNAL_ERROR
        self.status = described.get("status")
        self.message = described.get("message")
        self.details = response
        self.response = None


def parse_response(response: dict[str, Any]) -> ResponseChunk:
    """Reads one response.

    Raises:
        ServiceError: it is an error.
    """
    if response.get("error"):
        raise ServiceError(response)
    candidate = _candidate(response.get("candidates"))
    feedback = next(iter(_dicts(response.get("promptFeedback"))), {})
    text, has_parts = _text_of(candidate.get("content"))
    reason = _name(candidate.get("finishReason"))
    return ResponseChunk(
        text=text,
        has_parts=has_parts,
        usage=parse_usage(response.get("usageMetadata")),
        finish_reason=None if reason == _NO_REASON else reason,
        block_reason=_name(feedback.get("blockReason")),
        blocked_categories=_blocked(feedback.get("safetyRatings"))
        or _blocked(candidate.get("safetyRatings")),
        model=_string(response.get("modelVersion")),
    )


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _name(value: Any) -> str | None:
    """Returns the name of an enumeration, which gateways write in small letters too."""
    return value.upper() if isinstance(value, str) and value else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _candidate(value: Any) -> dict[str, Any]:
    """Returns the candidate of index 0, else the first with content, else the first."""
    candidates = _dicts(value)
    if len(candidates) < 2:
        return candidates[0] if candidates else {}
    numbered = [one for one in candidates if str(one.get("index")) == "0"]
    filled = [one for one in candidates if one.get("content")]
    return (numbered or filled or candidates)[0]


def _text_of(content: Any) -> tuple[str, bool]:
    """Returns the text without thoughts, and whether there are parts, of text or of something else.

    Text may stand in place of the content, of its parts or of a part.
    """
    parts = content.get("parts") if isinstance(content, dict) else content
    items = parts if isinstance(parts, list) else [parts]
    read = [item for item in items if isinstance(item, dict | str)]
    return "".join(map(_part_text, read)), bool(read)


def _part_text(part: dict[str, Any] | str) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text")
    return text if isinstance(text, str) and part.get("thought") not in (True, "true") else ""


def _blocked(ratings: Any) -> tuple[str, ...]:
    """Returns the categories that were blocked."""
    blocked = [_name(one.get("category")) for one in _dicts(ratings) if one.get("blocked") is True]
    return tuple(category for category in blocked if category)


def parse_usage(metadata: Any) -> GeminiUsage | None:
    """Reads `usageMetadata`; counts that cannot be are taken for 0."""
    if not isinstance(metadata, dict) or not metadata:
        return None
    prompt = _count(metadata, "promptTokenCount") + _count(metadata, "toolUsePromptTokenCount")
    output = _count(metadata, "candidatesTokenCount")
    thinking = _count(metadata, "thoughtsTokenCount")
    cached = _count(metadata, "cachedContentTokenCount")
    total = max(_count(metadata, "totalTokenCount"), prompt + output + thinking)
    return GeminiUsage(*map(_clamped, (prompt, output, thinking, cached, total)))


def _count(metadata: dict[str, Any], name: str) -> int:
    """Returns a count, or 0 for what cannot be one.

    A number with no fraction and a string of digits are read as one. Gateways were seen to report negative
    counts and counts beyond 32 bits.
    """
    value = _integer(metadata.get(name))
    return value if 0 <= value <= LARGEST_COUNT else 0


def _integer(value: Any) -> int:
    if isinstance(value, int):
        return 0 if isinstance(value, bool) else value
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS else 0
    return int(value) if isinstance(value, float) and value.is_integer() else 0


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
