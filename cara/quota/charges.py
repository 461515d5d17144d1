"""What a call costs: as recorded when it is sent, and as charged at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from cara.gemini.calls import GeminiUsage


@dataclass(frozen=True)
class Sent:
    """A call that is sent: its model, and the tokens of its prompt by an estimate."""

    model: str
    input_tokens: int


@dataclass(frozen=True)
class Charge:
    """What one call to Gemini cost: as Gemini counted, or by an estimate where it told nothing."""

    model: str
    input_tokens: int
    output_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, model: str, usage: GeminiUsage) -> Self | None:
        """Returns the charge for a call's usage, thinking as output; None when it cost nothing."""
        if not usage.total_tokens:
            return None
        output = usage.output_tokens + usage.thinking_tokens
        return cls(model, usage.prompt_tokens, output, usage.total_tokens)
