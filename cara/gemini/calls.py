"""What goes into a call to Gemini and what comes out, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cara.gemini.errors import GeminiUsage


@dataclass(frozen=True)
class GeminiCall:
    """One request.

    `contents` are turns as plain dicts, `{"role": "user" | "model", "parts": [{"text": …}]}`. With a
    `response_schema` (JSON Schema) the answer is a JSON object that mostly keeps to it. `thinking_level` is
    one of `minimal`, `low`, `medium`, `high`; None leaves it to the model.
    """

    system_instruction: str
    contents: list[Any]
    max_output_tokens: int
    response_schema: dict[str, Any] | None = None
    thinking_level: str | None = None


@dataclass(frozen=True)
class GeminiAnswer:
    """A whole answer. `data` is the JSON object when the call had a schema, else None; `model` is the name
    that the service gave itself."""

    text: str
    data: Any
    usage: GeminiUsage
    model: str
    finish_reason: str

    @property
    def truncated(self) -> bool:
        """Whether it ends where the output limit was reached."""
        return self.finish_reason == "MAX_TOKENS"


@dataclass(frozen=True)
class GeminiChunk:
    """The next piece of a streamed answer, never empty, and the running total of usage."""

    text: str
    usage: GeminiUsage


@dataclass(frozen=True)
class AnswerPiece:
    """One response object of the service, stripped to what is looked at."""

    text: str = ""
    answers: bool = False
    """Whether it holds a part of an answer, if only thoughts."""

    usage: GeminiUsage | None = None
    finish_reason: str | None = None
    block_reason: str | None = None
    blocked_categories: tuple[str, ...] = ()
    model: str | None = None


@dataclass(frozen=True)
class GeminiLimits:
    """How long, how often and how many.

    `deadline_seconds` bounds a whole call with its retries; `slot_wait_seconds` the wait for a free slot
    among `max_in_flight`.
    """

    deadline_seconds: float = 90.0
    first_token_seconds: float = 30.0
    between_chunks_seconds: float = 20.0
    max_in_flight: int = 64
    slot_wait_seconds: float = 5.0
    attempts: int = 3
    breaker_failures: int = 5
    breaker_cooldown_seconds: float = 10.0
