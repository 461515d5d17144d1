"""Reads the JSON of a request, and refuses what other readers of it could take differently or not store."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Final, NoReturn

DEPTH_LIMIT: Final = 32
VALUES_LIMIT: Final = 20_000
"""How many values a body may hold, those within others too: each costs time beyond that of its bytes."""

_SMALLEST_INTEGER: Final = -(2**63)
_LARGEST_INTEGER: Final = 2**63 - 1
_LONGEST_INTEGER: Final = 20
_LONGEST_FIELD: Final = 100

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_SUSPECT_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


class InvalidJson(Exception):
    """The body cannot be taken: why, in words, and the (dotted) member at fault where it is known."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def parse_object(raw: bytes, *, max_depth: int = DEPTH_LIMIT) -> dict[str, object]:
    """The JSON object that the bytes hold.

    Raises InvalidJson for anything but UTF-8 without a byte order mark, for what is no JSON or no object, for
    NaN and infinities, duplicate members, NUL and lone surrogates, integers beyond 64 bits, numbers too large
    for a double, nesting deeper than `max_depth`, and more than `VALUES_LIMIT` values. No message repeats a
    value. The caller bounds the size.
    """
    text = _decoded(raw)
    _check_depth(raw, max_depth)
    _check_count(raw)
    try:
        parsed = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(
            f"The body is not valid JSON: look at line {error.lineno}, column {error.colno}."
        ) from None
    if not isinstance(parsed, dict):
        raise InvalidJson("The body must be a JSON object, written in braces.")
    if _SUSPECT_ESCAPE.search(raw):
        _check_strings(parsed)
    return parsed


def _decoded(raw: bytes) -> str:
    if raw.startswith(_BYTE_ORDER_MARK):
        raise InvalidJson("The body must not start with a byte order mark.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not UTF-8: look at byte {error.start}.") from None
    if not text.strip():
        raise InvalidJson("The body is empty; a JSON object was expected.")
    return text


def _check_depth(raw: bytes, max_depth: int) -> None:
    """Looks at the brackets before the parser meets them, for it recurses once for each."""
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return
    brackets = _STRING.sub(b"", raw).translate(_ALIKE, _NO_BRACKETS)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")
    # A whole level is left, or too many are open; what else does not balance is for the parser to refuse.
    if b"[]" in brackets or brackets.count(b"[") > max_depth:
        raise InvalidJson(f"The body is nested deeper than {max_depth} levels.")


def _check_count(raw: bytes) -> None:
    """Values are one more than the commas, in each bracket that holds any."""
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") <= VALUES_LIMIT:
        return
    signs = _STRING.sub(b"", raw)
    if signs.count(b",") + signs.count(b"[") + signs.count(b"{") > VALUES_LIMIT:
        raise InvalidJson(f"The body holds more than {VALUES_LIMIT:,} values.")


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidJson("This member is given more than once.", _printable(name))
        seen.add(name)
    return members


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= _LONGEST_INTEGER else _LARGEST_INTEGER + 1
    if not _SMALLEST_INTEGER <= number <= _LARGEST_INTEGER:
        raise InvalidJson("A whole number is out of range: it must fit in 64 bits.")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidJson("A number is too large.")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not a JSON number.")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_integer,
    parse_float=_finite,
    parse_constant=_refuse_constant,
)


def _check_strings(parsed: dict[str, object]) -> None:
    place = _place_of_unstorable(parsed)
    if place is not None:
        named = ".".join(part[:_LONGEST_FIELD] for part in place)
        raise InvalidJson("A text holds a NUL or half a surrogate pair.", _printable(named) or None)


def _place_of_unstorable(value: object) -> list[str] | None:
    """The names on the way to the first string, a name or a value, that cannot be stored; None without one.

    They are gathered on the way back, for a name may be as long as the body and stand above all its values.
    """
    if isinstance(value, str):
        return [] if _UNSTORABLE.search(value) else None
    members: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for name, item in members:
        if isinstance(name, str) and _UNSTORABLE.search(name):
            return [name]
        if (inside := _place_of_unstorable(item)) is not None:
            return [str(name), *inside]
    return None


def _printable(path: str) -> str:
    return _UNSTORABLE.sub("\ufffd", path)[:_LONGEST_FIELD]
