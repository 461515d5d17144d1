"""Estimates of what Gemini counts."""

from __future__ import annotations

import json

from cara.gemini.calls import GeminiCall

TURN_TOKENS = 8
"""The frame of one turn beside its text."""


def estimate_tokens(*texts: str) -> int:
    """Returns about as many tokens as Gemini counts for the texts."""
    return -(-sum(map(len, texts)) // 4)


def estimate_prompt(call: GeminiCall) -> int:
    """Returns the same for all that a call sends."""
    texts = [part["text"] for turn in call.contents for part in turn["parts"]]
    if call.response_schema is not None:
        texts.append(json.dumps(call.response_schema, separators=(",", ":")))
    return estimate_tokens(call.system_instruction, *texts) + TURN_TOKENS * (len(call.contents) + 1)


def with_margin(tokens: int) -> int:
    """Returns what an honest count will not exceed."""
    return tokens + tokens // 4


def thinking_room(level: str | None) -> int:
    """Returns output tokens to add for thoughts."""
    return 0 if level in (None, "minimal") else 1_024
