"""Puts an answer together, normalized and checked, and knows what it costs. Nothing here imports the SDK."""

from __future__ import annotations

from cara.gemini.calls import NOTHING_USED, GeminiAnswer, GeminiCall, GeminiChunk, GeminiUsage
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiError,
    GeminiOutOfRoom,
    GeminiRecitation,
    LanguageUnsupported,
)
from cara.gemini.json_objects import ends_with_object, find_json_object, strip_unstorable
from cara.gemini.responses import CallCost, ResponseChunk

MAX_MODEL_NAME_CHARACTERS = 100
USABLE = frozenset({"STOP", "MAX_TOKENS"})
BLOCKED = frozenset({"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY"})
_FINAL = USABLE | BLOCKED | {"RECITATION", "LANGUAGE"}


class AnswerInProgress:
    """What one attempt at a call has received so far, and what that costs."""

    def __init__(self, call: GeminiCall) -> None:
        self._call = call
        self.clear()

    def clear(self) -> None:
        """Starts over, for another attempt."""
        self._texts: list[str] = []
        self._half = ""
        self._cost = CallCost(self._call)
        self._is_billed = False
        self.model = ""
        self.answered = False
        """Whether Gemini has begun to answer, if only by thoughts."""
        self._goes_on = False
        self._finish_reason: str | None = None
        self._block_reason: str | None = None
        self._categories: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def has_text(self) -> bool:
        return bool(self._texts)

    @property
    def is_finished(self) -> bool:
        """Whether Gemini has said why the answer ends."""
        return bool(self._finish_reason or self._block_reason)

    @property
    def is_complete(self) -> bool:
        """Whether JSON was wanted and ends with a complete object, whatever Gemini says of its end."""
        return self._wants_json and ends_with_object(self.text)

    @property
    def _wants_json(self) -> bool:
        return self._call.response_schema is not None

    @property
    def lacks_nothing_but_usage(self) -> bool:
        """Whether the answer is finished, and nothing points to more text."""
        return self.is_finished and not self._goes_on

    @property
    def is_billed(self) -> bool:
        """Whether the request was sent, and has not failed in a way that costs nothing."""
        return self._is_billed

    @property
    def spent(self) -> GeminiUsage:
        """What the call costs as far as is known: nothing unless it is billed."""
        if not self._is_billed:
            return NOTHING_USED
        if self._block_reason and not self.has_text:
            return self._cost.spent_on_blocked_prompt()
        return self._cost.spent(self._texts, is_finished=self.is_finished)

    def send(self) -> None:
        """Notes that the request is being written: from now on it is taken for billed."""
        self._is_billed = True

    def fail(self, failure: GeminiError) -> None:
        """Notes a failure, and tells it what the call has cost.

        What fails before an answer begins is not billed: an error response, a lost connection, a timeout, or
        a page that is no response of Gemini's.
        """
        if not self.answered:
            self._is_billed = False
        failure.usage = self.spent

    def add(self, response: ResponseChunk) -> GeminiChunk | None:
        """Adds a response; returns the text that is new with it, or None if there is none."""
        self._cost.tell(response.usage)
        self.model = strip_unstorable(response.model or "")[:MAX_MODEL_NAME_CHARACTERS] or self.model
        self.answered = self.answered or response.is_answer
        # Some gateways send a finish reason with each chunk.
        self._goes_on = self._goes_on or (self.is_finished and bool(response.text))
        self._end(response)
        text = self._whole_characters(response.text)
        if not text:
            return None
        self._texts.append(text)
        return GeminiChunk(text)

    def _end(self, response: ResponseChunk) -> None:
        """Takes the reasons for an end; what is no reason of Gemini's does not replace one that is."""
        reason = response.finish_reason
        if reason and (self._finish_reason is None or reason in _FINAL):
            self._finish_reason = reason
        self._block_reason = response.block_reason or self._block_reason
        self._categories = response.blocked_categories or self._categories

    def _whole_characters(self, text: str) -> str:
        """Returns the text that can be stored; half a character at its end waits for the other half."""
        joined = self._half + text
        if joined.isascii():
            return strip_unstorable(joined)
        paired = joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        self._half = paired[-1] if "\ud800" <= paired[-1] <= "\udbff" else ""
        return strip_unstorable(paired.removesuffix(self._half) if self._half else paired)

    def finish(self) -> GeminiAnswer:
        """Returns the answer, once the service has sent everything.

        JSON need not keep to its schema, because Gemini does not always: callers validate it themselves. If
        it is complete by its own syntax, it is an answer though the reason of its end is missing or odd.

        Raises:
            ContentBlocked: the prompt or the answer was held back.
            LanguageUnsupported: Gemini does not speak the language.
            GeminiRecitation: the answer repeated a text under copyright.
            GeminiOutOfRoom: the output limit was reached before any text, or within JSON.
            GeminiBadAnswer: it is cut off, empty, or holds no JSON object though it should.
        """
        self._raise_if_refused()
        reason = self._finish_reason
        if reason not in USABLE and not self.is_complete:
            raise self._bad_answer("cut" if reason is None else reason.lower())
        text = self.text
        if not text.strip():
            raise self._bad_answer("empty")
        data = find_json_object(text) if self._wants_json else None
        if self._wants_json and data is None:
            raise self._bad_answer("not_json")
        return GeminiAnswer(text, data, self.spent, self.model, truncated=reason == "MAX_TOKENS")

    def _raise_if_refused(self) -> None:
        reason = self._finish_reason
        if self._block_reason or reason in BLOCKED:
            named = self._categories or (self._block_reason or reason or "other",)
            raise ContentBlocked(named[0].removeprefix("HARM_CATEGORY_").lower())
        if reason == "LANGUAGE":
            raise LanguageUnsupported
        if reason == "RECITATION":
            raise GeminiRecitation

    def _bad_answer(self, reason: str) -> GeminiBadAnswer:
        return GeminiOutOfRoom() if self._finish_reason == "MAX_TOKENS" else GeminiBadAnswer(reason)
