"""Reads the responses of the SDK and puts an answer together, normalized and checked.

Nothing here imports the SDK.
"""

from __future__ import annotations

import json
import re
from dataclasses import astuple, dataclass
from typing import Any

from cara.gemini.calls import NOTHING_USED, GeminiAnswer, GeminiChunk, GeminiUsage
from cara.gemini.errors import ContentBlocked, GeminiBadAnswer, GeminiOutOfRoom

MAX_MODEL_NAME_CHARACTERS = 100
USABLE = frozenset({"STOP", "MAX_TOKENS"})
BLOCKED = frozenset(
    {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "LANGUAGE", "IMAGE_SAFETY"}
)
_LARGEST_COUNT = 2**31 - 1
_UNSTORABLE_ESCAPE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
"""How JSON can write NUL and halves of surrogate pairs."""
_DECODER = json.JSONDecoder(strict=False)


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
        usage=_parse_usage(response.usage_metadata),
        finish_reason=candidate.finish_reason.value if candidate and candidate.finish_reason else None,
        block_reason=feedback.block_reason.value if feedback and feedback.block_reason else None,
        blocked_categories=tuple(str(one.category.value) for one in ratings if one.blocked and one.category),
        model=response.model_version,
    )


def _parse_usage(metadata: Any) -> GeminiUsage | None:
    if metadata is None:
        return None
    prompt = _valid_count(metadata.prompt_token_count) + _valid_count(metadata.tool_use_prompt_token_count)
    output = _valid_count(metadata.candidates_token_count)
    thinking = _valid_count(metadata.thoughts_token_count)
    cached = _valid_count(metadata.cached_content_token_count)
    total = max(_valid_count(metadata.total_token_count), prompt + output + thinking)
    return GeminiUsage(prompt, output, thinking, cached, total)


def _valid_count(reported: int | None) -> int:
    """Returns the count, or 0 for what cannot be one.

    Gateways were seen to report negative counts and counts beyond 32 bits.
    """
    return reported if reported is not None and 0 <= reported <= _LARGEST_COUNT else 0


class AnswerInProgress:
    """What one attempt has received so far.

    Usage within an answer is a running total that may be missing or fall again: of each count the highest
    that was reported holds.
    """

    def __init__(self, schema: dict[str, Any] | None) -> None:
        self._wants_json = schema is not None
        self.clear()

    def clear(self) -> None:
        """Starts over, for another attempt."""
        self._texts: list[str] = []
        self.usage: GeminiUsage = NOTHING_USED
        self.model = ""
        self.paid = False
        """Whether Gemini has begun to answer, if only by thoughts: that is billed, whatever it counts."""
        self._finish_reason: str | None = None
        self._block_reason: str | None = None
        self._categories: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def has_text(self) -> bool:
        return bool(self._texts)

    def add(self, response: ResponseChunk) -> GeminiChunk | None:
        """Adds a response; returns the text that is new with it, or None if there is none."""
        self.usage = _highest(self.usage, response.usage)
        self.model = strip_unstorable(response.model or "")[:MAX_MODEL_NAME_CHARACTERS] or self.model
        self.paid = self.paid or response.has_parts
        self._finish_reason = response.finish_reason or self._finish_reason
        self._block_reason = response.block_reason or self._block_reason
        self._categories = response.blocked_categories or self._categories
        text = strip_unstorable(response.text)
        if not text:
            return None
        self._texts.append(text)
        return GeminiChunk(text, self.usage)

    def finish(self) -> GeminiAnswer:
        """Returns the answer, once the service has sent everything.

        JSON need not keep to its schema, because Gemini does not always: callers validate it themselves.

        Raises:
            ContentBlocked: the prompt or the answer was held back.
            GeminiOutOfRoom: the output limit was reached before any text, or within JSON.
            GeminiBadAnswer: it is cut off, empty, or holds no JSON object though it should.
        """
        reason = self._finish_reason
        if self._block_reason or reason in BLOCKED:
            named = self._categories or (self._block_reason or reason or "other",)
            raise ContentBlocked(named[0].removeprefix("HARM_CATEGORY_").lower(), usage=self.usage)
        if reason is None or reason not in USABLE:
            raise self._bad_answer("cut" if reason is None else reason.lower())
        text = self.text
        if not text.strip():
            raise self._bad_answer("empty")
        data = find_json_object(text) if self._wants_json else None
        if self._wants_json and data is None:
            raise self._bad_answer("not_json")
        return GeminiAnswer(text, data, self.usage, self.model, truncated=reason == "MAX_TOKENS")

    def _bad_answer(self, reason: str) -> GeminiBadAnswer:
        if self._finish_reason == "MAX_TOKENS":
            return GeminiOutOfRoom(usage=self.usage)
        return GeminiBadAnswer(reason, usage=self.usage)


def _highest(usage: GeminiUsage, reported: GeminiUsage | None) -> GeminiUsage:
    """Returns the higher one of each count."""
    if reported is None:
        return usage
    return GeminiUsage(*(max(counts) for counts in zip(astuple(usage), astuple(reported), strict=True)))


def strip_unstorable(text: str) -> str:
    """Removes what neither UTF-8 nor PostgreSQL can hold: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def find_json_object(text: str) -> dict[str, Any] | None:
    """Returns the JSON object that a model wrote: the longest one in the text, whatever surrounds it.

    Strings in it are stripped of what cannot be stored. Returns None if there is no object, or if the text
    ends within one: a part of an object is no answer.
    """
    found: dict[str, Any] | None = None
    longest = end = 0
    while (start := text.find("{", end)) >= 0:
        try:
            data, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
                return None
            end = start + 1
        except (ValueError, RecursionError):
            return None
        else:
            if end - start > longest:
                found, longest = data, end - start
    if found is None or not _UNSTORABLE_ESCAPE.search(text):
        return found
    try:
        return dict(_strip_strings(found))
    except RecursionError:
        return None


def _strip_strings(value: Any) -> Any:
    if isinstance(value, str):
        return strip_unstorable(value)
    if isinstance(value, list):
        return [_strip_strings(item) for item in value]
    if isinstance(value, dict):
        return {strip_unstorable(name): _strip_strings(item) for name, item in value.items()}
    return value
