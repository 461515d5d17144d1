"""The texts of a judgement that is still being written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from cara.gemini.json_objects import strip_unstorable

MOST_PARTIAL_CHARACTERS = 200_000
"""Of a judgement that is under way no more is read; a whole one seldom has 5,000 characters."""

_CHARACTERS_PER_FRESH_ONE = 200
"""Growing JSON is read again when one character in so many is new: up to this length, with every chunk."""


def texts_of(judgement: Any) -> Iterator[tuple[str, str]]:
    """Yields the texts of a judgement that may be incomplete, in reading order, each with its part."""
    if not isinstance(judgement, dict):
        return
    if isinstance(judgement.get("summary"), str):
        yield "summary", judgement["summary"]
    for name in ("clarity", "pace", "tone", "confidence", "relevance", "structure"):
        aspect = judgement.get(name)
        if isinstance(aspect, dict) and isinstance(aspect.get("feedback"), str):
            yield name, aspect["feedback"]
    for number, highlight in enumerate(_items(judgement.get("highlights"))):
        if isinstance(highlight, dict) and isinstance(highlight.get("comment"), str):
            yield f"highlights.{number}", highlight["comment"]
    for number, action in enumerate(_items(judgement.get("actionItems"))):
        if isinstance(action, dict) and isinstance(action.get("why"), str):
            yield f"actionItems.{number}", action["why"]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class GrowingTexts:
    """Finds the new texts in JSON that is still growing.

    All of the JSON is read again when it has grown by a share of itself, so that its size and not the number
    of its chunks counts. Of JSON without end only the first characters are read.
    """

    def __init__(self) -> None:
        self._json = ""
        self._strings = _Strings()
        self._texts_read: dict[str, int] = {}
        self._characters_read = 0
        self._length = 0

    @property
    def length(self) -> int:
        """Characters of JSON so far."""
        return self._length

    def grow(self, json_text: str) -> list[tuple[str, str]]:
        """Adds more JSON; returns the new text of each part, or nothing if there is too little of it yet."""
        self._length += len(json_text)
        was_closed = self._strings.is_closed
        # A code fence or a sentence may stand before the JSON, and a code fence after it.
        begun = json_text if self._json else json_text[json_text.find("{") :] if "{" in json_text else ""
        self._json += self._strings.escape(begun[: max(0, MOST_PARTIAL_CHARACTERS - len(self._json))])
        has_just_closed = self._strings.is_closed and not was_closed
        fresh_characters = len(self._json) - self._characters_read
        if not has_just_closed and fresh_characters < max(1, len(self._json) // _CHARACTERS_PER_FRESH_ONE):
            return []
        self._characters_read = len(self._json)
        try:
            so_far = from_json(self._json.rstrip("`\n "), allow_partial="trailing-strings")
        except ValueError:
            return []
        return list(self._fresh(so_far))

    def _fresh(self, so_far: Any) -> Iterator[tuple[str, str]]:
        for part, written in texts_of(so_far):
            text = strip_unstorable(written)
            read = self._texts_read.get(part, 0)
            if len(text) > read:
                yield part, text[read:]
                self._texts_read[part] = len(text)


class _Strings:
    """Knows which characters of growing JSON stand in its strings, and whether its first object has ended."""

    def __init__(self) -> None:
        self._inside = self._after_backslash = False
        self._depth = 0
        self.is_closed = False
        """Whether the first object has ended; this stays so."""

    def escape(self, json_text: str) -> str:
        """Returns the JSON with its literal control characters escaped, where it may have none.

        Models write them, and the reader of the whole answer accepts them.
        """
        return "".join(map(self._escape, json_text))

    def _escape(self, character: str) -> str:
        if self._after_backslash:
            self._after_backslash = False
        elif character == '"':
            self._inside = not self._inside
        elif not self._inside:
            self._follow(character)
        elif character == "\\":
            self._after_backslash = True
        elif character < " ":
            return f"\\u{ord(character):04x}"
        return character

    def _follow(self, character: str) -> None:
        if character == "{":
            self._depth += 1
        elif character == "}":
            self._depth -= 1
            self.is_closed = self.is_closed or self._depth == 0
