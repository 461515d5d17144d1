"""JSON whose texts know where they stood: each is read with the offsets of its characters in the source.

The parser of the standard library reads it, in C and with a bound on nesting. It does not tell places, so
each text that is a value is read with its place written before it: `{"said": "yes"}` as `{"said": "10:yes"}`.
`text_of` and `mapped_of` take it off again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from cara.transcripts.mapped_text import MappedText

Members = dict[str, Any]
"""A JSON object. The names of members are in lower case, without `_`, `-` and spaces, and cut where no known
one is so long."""

_STRING: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\r\n]*+:)?', re.DOTALL)
_CHARACTER: Final = re.compile(r"[^\\]|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BETWEEN_OBJECTS: Final = re.compile(r"\}[ \t\r]*+\n\s*+(?=\{)")
_DECODER: Final = json.JSONDecoder(strict=False)
_ESCAPED: Final = "!"
_NAME_SIGNS: Final = str.maketrans("", "", "_- ")
_LONGEST_NAME: Final = 64
_LONGEST_NUMBER: Final = 20
"""Digits; longer whole numbers, which Python refuses or takes long to read, are read as fractions are."""


class NestedTooDeeply(ValueError):
    """The JSON has more levels than any transcript."""


def parse_located(source: str) -> Members | list[Any] | None:
    """Returns the object or array that the text is, in time linear in its length; None if it is neither.

    Objects on lines of their own are an array. A byte order mark, white space and the fence of a Markdown
    block around it are left out.

    Raises:
        NestedTooDeeply: it has more levels than Python reads.
    """
    try:
        value = _located(source, _without_frame)
        if value is None and _BETWEEN_OBJECTS.search(source):
            value = _located(source, _lines_as_array)
    except RecursionError:
        raise NestedTooDeeply from None
    return value if isinstance(value, dict | list) else None


def text_of(value: object) -> str | None:
    """Returns the text that a value is; None if it is none."""
    if not isinstance(value, str):
        return None
    place, _, written = value.partition(":")
    return _unescaped(written) if place[0] == _ESCAPED else written


def mapped_of(value: object) -> MappedText | None:
    """Returns the text that a value is, with the offset of each character in the source; None if it is none.

    An escape is one character, with the offset of its backslash. Half a surrogate pair is U+FFFD.
    """
    if not isinstance(value, str):
        return None
    place, _, written = value.partition(":")
    if place[0] != _ESCAPED:
        start = int(place)
        return MappedText(written, range(start, start + len(written) + 1))
    start = int(place[1:])
    offsets = [start + character.start() for character in _CHARACTER.finditer(written)]
    return MappedText(_unescaped(written), [*offsets, start + len(written)])


def objects(value: object) -> list[Members]:
    """Returns the objects in an array, without empty ones; none if the value is no array."""
    return [item for item in value if item and type(item) is dict] if isinstance(value, list) else []


def member(value: object, name: str) -> Members:
    """Returns the object that is a member of an object; an empty one if there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def first(members: Members, names: Iterable[str]) -> Any:
    """Returns the first of the members that is there and not null; None if none is."""
    for name in names:
        if (value := members.get(name)) is not None:
            return value
    return None


def _located(source: str, framed: Callable[[str], str]) -> Any:
    """Returns the value that the text is once it has its frame; None if it is no JSON."""
    try:
        json.loads(framed(source), strict=False, parse_int=float)  # places go into sound JSON only
        return _parsed(framed(_STRING.sub(_with_place, source)))
    except ValueError:
        return None


def _lines_as_array(text: str) -> str:
    return f"[{_BETWEEN_OBJECTS.sub('},', _without_frame(text))}]"


def _without_frame(text: str) -> str:
    return text.strip("\ufeff \t\r\n\xa0").removeprefix("```json").strip("` \t\r\n")


def _parsed(text: str) -> Any:
    names = _FoldedNames()

    def folded(pairs: list[tuple[str, Any]]) -> Members:
        return {names[name]: value for name, value in pairs}

    return json.loads(text, strict=False, object_pairs_hook=folded, parse_int=_number)


class _FoldedNames(dict[str, str]):
    def __missing__(self, name: str) -> str:
        self[name] = folded = name[:_LONGEST_NAME].translate(_NAME_SIGNS).lower()
        return folded


def _number(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float(digits)


def _with_place(string: re.Match[str]) -> str:
    text, colon = string.groups()
    if colon:  # the name of a member
        return string[0]
    if "\\" not in text:
        return f'"{string.start() + 1}:{text}"'
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_ESCAPED}{string.start() + 1}:{escaped}"'


def _unescaped(written: str) -> str:
    text: str = _DECODER.decode(f'"{written}"')
    return _SURROGATE.sub("\ufffd", text)
