"""What the chunks of an answer tell of its usage, which is not always what the ledger bills."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from cara.devtools.emulator.faults import Switch, WireDeviation
from cara.devtools.emulator.tokens import TokenUsage

BEYOND_INT32 = 2**32
BELOW_ZERO = -5


def told_usage(
    written: TokenUsage, switches: Collection[Switch], *, last: bool, first: bool, running: bool = False
) -> dict[str, Any] | None:
    """Returns the `usageMetadata` of a chunk; None leaves it out.

    Early chunks tell the prompt alone, unless usage is told as a `running` total. A whole answer is the first
    chunk and the last one: its usage has nothing to fall from.
    """
    if WireDeviation.USAGE_ABSENT in switches:
        return None
    if WireDeviation.USAGE_EMPTY in switches:
        return {}
    only_prompt = replace(written, output=0, thinking=0)
    if WireDeviation.USAGE_PROMPT_ONLY in switches:
        return only_prompt.as_metadata()
    if WireDeviation.USAGE_FALLING in switches:
        return (_halved(written) if last and not first else written).as_metadata()
    told = (written if last or running else only_prompt).as_metadata()
    if WireDeviation.USAGE_HUGE in switches:
        return _with_counts(told, BEYOND_INT32)
    return _with_counts(told, BELOW_ZERO) if WireDeviation.USAGE_NEGATIVE in switches else told


def _halved(usage: TokenUsage) -> TokenUsage:
    return TokenUsage(usage.prompt // 2, usage.output // 2, usage.thinking // 2, usage.cached // 2)


def _with_counts(told: dict[str, Any], count: int) -> dict[str, Any]:
    """Returns the same with every number replaced."""
    changed: dict[str, Any] = {}
    for name, value in told.items():
        changed[name] = count if isinstance(value, int) else value
        if isinstance(value, list):
            changed[name] = [_with_counts(part, count) for part in value]
    return changed
