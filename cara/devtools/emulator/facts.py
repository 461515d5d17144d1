"""What a prompt says was counted. The emulator names these numbers and no others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Facts:
    """The measures of a prompt, as far as it has any."""

    members: dict[str, Any] = field(default_factory=dict)

    def number(self, *names: str) -> float | None:
        """The number on the way of names, such as `fillers`, `count`; None where there is none."""
        value = self._at(names)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def phrases(self, *names: str) -> list[str] | None:
        """Which phrases were counted, the most frequent first; None where none were looked for."""
        value = self._at(names)
        return list(value) if isinstance(value, dict) else None

    @property
    def english(self) -> bool:
        """Whether English words say something: they do unless the facts are about another language."""
        return bool(self.members.get("language", "en") == "en")

    @property
    def implausible(self) -> bool:
        return self.members.get("wordsPerMinuteImplausible") is True

    def _at(self, names: tuple[str, ...]) -> Any:
        value: Any = self.members
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value


def facts_in(text: str) -> Facts:
    """The first line of JSON before any fence: what stands in a fence are words that somebody said."""
    for line in text.splitlines():
        if line.startswith("<"):
            break
        if line.startswith("{"):
            try:
                members = json.loads(line)
            except ValueError:
                break
            return Facts(members)
    return Facts()
