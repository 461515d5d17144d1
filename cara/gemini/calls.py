"""What goes into a call to Gemini and what comes out, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class GeminiUsage:
    """What a call has cost, in tokens: by Gemini's own count, or by estimates of what it did not count.

    `cached_tokens` are a part of `prompt_tokens`; `total_tokens` is what is billed and charged: prompt,
    output and thinking.
    """

    prompt_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0
    total_tokens: int = 0


NOTHING_USED = GeminiUsage()


@dataclass(frozen=True)
class GeminiCall:
    """One request.

    `contents` are turns as plain dicts, `{"role": "user" | "model", "parts": [{"text": …}]}`. With a
    `response_schema` (JSON Schema) the answer is a JSON object that mostly keeps to it. `thinking_level` is
    one of `minimal`, `low`, `medium`, `high`; None leaves it to the model. `plainer_schema` is used where a
    model refuses the other one, and no schema at all where it refuses both. `prompt_estimate` is what
    `estimate_prompt` says of the call, in tokens, if it was asked before.
    """

    system_instruction: str
    contents: list[Any]
    max_output_tokens: int
    response_schema: dict[str, Any] | None = None
    thinking_level: str | None = None
    plainer_schema: dict[str, Any] | None = None
    prompt_estimate: int | None = None


class SendJournal(Protocol):
    """Records that a call is sent, so that it can be charged even if its process dies."""

    async def record(self) -> None:
        """Called right before each request goes out: from now on it may be billed."""

    async def withdraw(self) -> None:
        """Called when the call was not billed after all, or is not sent yet."""


@dataclass(frozen=True)
class GeminiAnswer:
    """A whole answer.

    `data` is the JSON object when the call had a schema, else None; `model` is the name that the service
    gives itself; `truncated` says that the answer ends where the output limit was reached.
    """

    text: str
    data: Any
    usage: GeminiUsage
    model: str
    truncated: bool


@dataclass(frozen=True)
class GeminiChunk:
    """The next text of a streamed answer, never empty."""

    text: str


@dataclass(frozen=True)
class GeminiLimits:
    """The limits of calls: how long, how often, and how many at once.

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
