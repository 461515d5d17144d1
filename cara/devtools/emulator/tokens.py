"""Token counting: deterministic, and additive over the parts of a prompt."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

CHARACTERS_A_TOKEN = 4


def count_tokens(text: str) -> int:
    """Returns one token for every four characters, rounded up."""
    return tokens_of_characters(len(text))


def tokens_of_characters(characters: int) -> int:
    """Returns the tokens of a text of this length."""
    return -(-characters // CHARACTERS_A_TOKEN)


def count_parts(texts: Iterable[str]) -> int:
    """Returns the tokens of several parts, each counted on its own."""
    return sum(count_tokens(text) for text in texts)


def count_schema(schema: dict[str, Any] | None) -> int:
    """Returns the tokens of an answer schema, which Gemini counts as part of the prompt."""
    return count_tokens(json.dumps(schema, separators=(",", ":"))) if schema else 0


def cut_to_tokens(text: str, tokens: int) -> str:
    """Returns the beginning of `text` that fits into `tokens`."""
    return text[: max(tokens, 0) * CHARACTERS_A_TOKEN]


@dataclass(frozen=True)
class TokenUsage:
    """The usage of a call so far; `cached` is a part of `prompt`."""

    prompt: int = 0
    output: int = 0
    thinking: int = 0
    cached: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.output + self.thinking

    def as_metadata(self) -> dict[str, Any]:
        """Returns the `usageMetadata` of an answer."""
        metadata: dict[str, Any] = {
            "promptTokenCount": self.prompt,
            "totalTokenCount": self.total,
            "promptTokensDetails": as_text(self.prompt),
        }
        if self.output:
            metadata["candidatesTokenCount"] = self.output
        if self.thinking:
            metadata["thoughtsTokenCount"] = self.thinking
        if self.cached:
            metadata["cachedContentTokenCount"] = self.cached
            metadata["cacheTokensDetails"] = as_text(self.cached)
        return metadata


def as_text(tokens: int) -> list[dict[str, Any]]:
    """Returns a count by modality, all of it text."""
    return [{"modality": "TEXT", "tokenCount": tokens}]
