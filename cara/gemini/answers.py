"""Puts an answer together from its pieces and judges whether it can be used."""

from __future__ import annotations

import json
import re
from typing import Any

from cara.gemini.calls import AnswerPiece, GeminiAnswer, GeminiChunk
from cara.gemini.errors import NOTHING_USED, ContentBlocked, GeminiBadAnswer, GeminiOutOfRoom, GeminiUsage

LONGEST_MODEL_NAME = 100
USABLE = frozenset({"STOP", "MAX_TOKENS"})
BLOCKED = frozenset(
    {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "LANGUAGE", "IMAGE_SAFETY"}
)
_UNSAYABLE_ESCAPE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
"""How JSON may write NUL and halves of surrogate pairs."""
_DECODER = json.JSONDecoder(strict=False)


class AnswerInProgress:
    """What one attempt has brought so far. Usage within an answer is a running total that may be missing or
    fall again: of each count the highest that was told holds."""

    def __init__(self, schema: dict[str, Any] | None) -> None:
        self._wants_json = schema is not None
        self.clear()

    def clear(self) -> None:
        """Forgets everything, for another attempt."""
        self._texts: list[str] = []
        self.usage: GeminiUsage = NOTHING_USED
        self.model = ""
        self.paid = False
        """Whether Gemini has begun to answer, be it by thoughts alone: that is billed, whatever it counts."""
        self._finish_reason: str | None = None
        self._block_reason: str | None = None
        self._categories: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def started(self) -> bool:
        """Whether any text has come."""
        return bool(self._texts)

    def take(self, piece: AnswerPiece) -> GeminiChunk | None:
        """Adds a piece; gives its text, if it has any."""
        self.usage = self.usage.at_least(piece.usage)
        self.model = strip_unstorable(piece.model or "")[:LONGEST_MODEL_NAME] or self.model
        self.paid = self.paid or piece.answers
        self._finish_reason = piece.finish_reason or self._finish_reason
        self._block_reason = piece.block_reason or self._block_reason
        self._categories = piece.blocked_categories or self._categories
        text = strip_unstorable(piece.text)
        if not text:
            return None
        self._texts.append(text)
        return GeminiChunk(text, self.usage)

    def finish(self) -> GeminiAnswer:
        """The answer, once the service has nothing more to say.

        JSON need not keep to its schema, for Gemini does not always: whoever asked for it reads it with care.

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
            raise self._bad("cut" if reason is None else reason.lower())
        text = self.text
        if not text.strip():
            raise self._bad("empty")
        return GeminiAnswer(text, self._data(text), self.usage, self.model, reason)

    def _data(self, text: str) -> dict[str, Any] | None:
        if not self._wants_json:
            return None
        data = object_in(text)
        if data is None:
            raise self._bad("not_json")
        return data

    def _bad(self, reason: str) -> GeminiBadAnswer:
        if self._finish_reason == "MAX_TOKENS":
            return GeminiOutOfRoom(usage=self.usage)
        return GeminiBadAnswer(reason, usage=self.usage)


def strip_unstorable(text: str) -> str:
    """The text without what neither UTF-8 nor PostgreSQL can hold: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that a model wrote: the longest one in the text, whatever stands around it.

    Its texts are stripped of what cannot be stored. None when there is no object, or the text ends within
    one: a part of it is no answer.
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
    if found is None or not _UNSAYABLE_ESCAPE.search(text):
        return found
    try:
        return dict(_strip_throughout(found))
    except RecursionError:
        return None


def _strip_throughout(value: Any) -> Any:
    if isinstance(value, str):
        return strip_unstorable(value)
    if isinstance(value, list):
        return [_strip_throughout(item) for item in value]
    if isinstance(value, dict):
        return {strip_unstorable(name): _strip_throughout(item) for name, item in value.items()}
    return value
