"""Reads JSON as models and gateways write it. Nothing here imports the SDK."""

from __future__ import annotations

import json
import re
from typing import Any

LARGEST_INTEGER = 2**63 - 1
_LONGEST_INTEGER = 40
"""Characters; longer integers are not worth their reading, which takes time and fails beyond 4,300 digits."""

_MOST_FAILURES = 32
"""After so many braces that open no object, only braces at line starts are tried, and as many of these."""

_UNSTORABLE_ESCAPE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
"""How JSON can write NUL and halves of surrogate pairs."""
_LINE_START = re.compile(r"^[ \t]*\{", re.MULTILINE)
_FIRST_NAME = re.compile(r'\{\s*"([^"\\]*)"')
_FENCE = "`\n\r\t "


def strip_unstorable(text: str) -> str:
    """Removes what neither UTF-8 nor PostgreSQL can hold: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _clamped_integer(digits: str) -> int:
    if len(digits) <= _LONGEST_INTEGER:
        return max(-LARGEST_INTEGER, min(LARGEST_INTEGER, int(digits)))
    return -LARGEST_INTEGER if digits.startswith("-") else LARGEST_INTEGER


_DECODER = json.JSONDecoder(strict=False, parse_int=_clamped_integer)


def read_json(text: str) -> Any:
    """Returns the value of the JSON text; integers are clamped to 64 bits.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is too deep.
    """
    return _DECODER.decode(text)


def find_json_object(text: str) -> dict[str, Any] | None:
    """Returns the JSON object that a model wrote, whatever surrounds it.

    Of several objects, one that has all members of those before it replaces them, and another only adds the
    members that they lack. Strings are stripped of what cannot be stored. Returns None if there is no object,
    or if the text ends within the longest one: a part of an object is no answer.
    """
    found = _Search(text).found
    if found is None or not _UNSTORABLE_ESCAPE.search(text):
        return found
    try:
        return dict(_strip_strings(found))
    except RecursionError:
        return None


def ends_with_object(text: str) -> bool:
    """Whether the text, but for the marks of a code fence, ends with a complete JSON object."""
    stripped = text.rstrip(_FENCE)
    if not stripped.endswith("}"):
        return False
    search = _Search(stripped)
    return search.found is not None and search.end == len(stripped)


class _Search:
    """Looks for the objects of a text, in time that grows linearly with it.

    `found` is what they make together, and `end` the place where the last of them ends.
    """

    def __init__(self, text: str) -> None:
        self.found: dict[str, Any] | None = None
        self.end = 0
        self._text = text
        self._longest = 0
        self._run(len(text.rstrip(_FENCE)))

    def _run(self, text_end: int) -> None:
        failures, start = 0, self._next_start(0, 0)
        while start >= 0:
            try:
                data, after = _DECODER.raw_decode(self._text, start)
            except json.JSONDecodeError as error:
                if error.pos >= text_end or error.msg.startswith("Unterminated string"):
                    self._cut(start, text_end)
                    return
                failures, after = failures + 1, start + 1
            except (ValueError, RecursionError):
                return
            else:
                self._take(data, start, after)
            start = self._next_start(after, failures)

    def _next_start(self, position: int, failures: int) -> int:
        if failures < _MOST_FAILURES:
            return self._text.find("{", position)
        if failures >= 2 * _MOST_FAILURES:
            return -1
        at_line_start = _LINE_START.search(self._text, position)
        return at_line_start.end() - 1 if at_line_start else -1

    def _take(self, data: dict[str, Any], start: int, end: int) -> None:
        self.end, self._longest = end, max(self._longest, end - start)
        if self.found is None or self.found.keys() <= data.keys():
            self.found = data
            return
        for name, value in data.items():
            self.found.setdefault(name, value)

    def _cut(self, start: int, text_end: int) -> None:
        """Drops what was found if the text ends within a longer object, unless that is a copy of it."""
        if text_end - start <= self._longest:
            return
        first = _FIRST_NAME.match(self._text, start)
        if first is None or first[1] not in (self.found or ()):
            self.found = None


def _strip_strings(value: Any) -> Any:
    if isinstance(value, str):
        return strip_unstorable(value)
    if isinstance(value, list):
        return [_strip_strings(item) for item in value]
    if isinstance(value, dict):
        return {strip_unstorable(name): _strip_strings(item) for name, item in value.items()}
    return value
