"""The unit of times that are written as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cara.transcripts.json_names import MILLISECOND, TICK, Times, names_in
from cara.transcripts.located_json import Members, first, text_of

_CHARACTERS_A_SECOND: Final = 10
_TOO_SLOW: Final = 100
"""As long as speech usually takes, so many times; a talk is like this only if its times are no seconds."""


def guessed_unit(phrases: Sequence[Members]) -> float:
    """Returns the unit of times that have none, in seconds: seconds, milliseconds, or ticks of 100 ns.

    Only whole numbers can be anything but seconds, and only where nobody could speak so slowly.
    """
    characters = spoken = 0
    starts: list[int] = []
    for phrase in phrases:
        names = names_in(phrase)
        start, end = _number(phrase, names.starts), _number(phrase, names.ends)
        if start is None:
            continue
        length = _number(phrase, names.durations) if end is None else end - start
        if isinstance(start, float) or isinstance(length, float):
            return 1
        starts.append(start)
        spoken += max(0, length or 0)
        characters += len(text_of(first(phrase, names.texts)) or "")
    spoken = spoken or max(starts, default=0) - min(starts, default=0)
    slowness = spoken * _CHARACTERS_A_SECOND / (characters or spoken or 1)
    return 1 if slowness < _TOO_SLOW else MILLISECOND if slowness < _TOO_SLOW * 1000 else TICK


def _number(phrase: Members, names: Times) -> int | float | None:
    for name, unit in names:
        value = phrase[name]
        if unit is None and isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
    return None
