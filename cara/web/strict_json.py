"""Strict JSON: refuses what parsers read without complaint although nobody should store it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

import jiter

from cara.errors import FieldCode, InvalidValue

DEPTH_LIMIT: Final = 32
VALUES_LIMIT: Final = 20_000
"""How many values a body may hold, nested ones included: each costs time beyond that of its bytes."""

_INTEGERS: Final = range(-(2**63), 2**63)
_LONGEST_FIELD: Final = 100
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_INTEGER: Final = b"0" * 19
_LONG_EXPONENT: Final = re.compile(rb"0e\+?0{3,}[\s,\]}]")
"""A UUID such as `…-4e123-…` has no end of a number behind the digits."""
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_CONSTANT: Final = re.compile(rb"NaN|-?Infinity")
_JITER_ERROR: Final = re.compile(
    r'(?:Detected duplicate key "(?P<name>.*)"|.*) at line (?P<line>\d+) column (?P<column>\d+)', re.DOTALL
)
_NOT_STORABLE: Final = InvalidValue("unstorable", "must not hold a NUL or half a surrogate pair")
_BEYOND_64_BITS: Final = InvalidValue("out_of_range", "must not hold a whole number of more than 64 bits")
_BEYOND_DOUBLE: Final = InvalidValue("out_of_range", "must not hold a number too large for a double")


class InvalidJson(InvalidValue):
    """A body is not acceptable JSON; `field` is the (dotted) member at fault, or `body` for all of it."""

    def __init__(
        self, code: FieldCode, message: str, field: str = "body", *, limit: float | None = None
    ) -> None:
        super().__init__(code, message, limit=limit)
        self.field = field


def parse_object(raw: bytes, *, max_depth: int = DEPTH_LIMIT) -> dict[str, object]:
    """Returns the JSON object that the bytes hold.

    The caller bounds the size. No message repeats a value.

    Raises:
        InvalidJson: for anything but UTF-8 without a byte order mark, for invalid JSON, for anything but an
            object, for NaN and infinities, duplicate members, NUL and lone surrogates, integers beyond 64
            bits, numbers too large for a double, nesting deeper than `max_depth`, and more than
            `VALUES_LIMIT` values.
    """
    _check_count(raw)  # first: looking for the depth costs time with each bracket
    if is_deeper(raw, max_depth):
        raise InvalidJson("too_deep", f"must not be nested deeper than {max_depth} levels", limit=max_depth)
    try:
        parsed = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise _refusal(raw, str(error)) from None
    if not isinstance(parsed, dict):
        raise InvalidJson("type", "must be a JSON object, written in braces")
    if _is_suspect(raw):
        _check_values(parsed)
    return parsed


def is_deeper(raw: bytes, levels: int) -> bool:
    """Returns whether objects and lists are nested deeper than that, in JSON that need not be valid.

    Counts brackets outside of strings, level by level from the innermost.
    """
    if raw.count(b"[") + raw.count(b"{") <= levels:
        return False
    brackets = _without_strings(raw).translate(_ALIKE, _NO_BRACKETS)
    for _ in range(levels):
        brackets = brackets.replace(b"[]", b"")
    # A whole level is left, or too many are open; brackets that do not balance are for the parser to refuse.
    return b"[]" in brackets or brackets.count(b"[") > levels


def _without_strings(raw: bytes) -> bytes:
    """Returns what stands outside of strings; one without an end goes up to the end."""
    if b"\\" in raw:
        return _STRING.sub(b"", raw)
    return b"".join(raw.split(b'"')[::2])


def _check_count(raw: bytes) -> None:
    """Each bracket that is not empty holds one value more than it has commas."""
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") <= VALUES_LIMIT:
        return
    signs = _without_strings(raw)
    if signs.count(b",") + signs.count(b"[") + signs.count(b"{") > VALUES_LIMIT:
        raise InvalidJson("too_many", f"must not hold more than {VALUES_LIMIT:,} values", limit=VALUES_LIMIT)


def _is_suspect(raw: bytes) -> bool:
    """Returns whether there may be a NUL, an integer beyond 64 bits or a float beyond a double.

    jiter reads them all. Looking for their signs in the bytes is much faster than looking at each value.
    """
    if rb"\u0000" in raw:
        return True
    alike = raw.translate(_DIGITS_ALIKE)
    return _LONG_INTEGER in alike or (
        (b"e000" in alike or b"e+000" in alike) and _LONG_EXPONENT.search(alike) is not None
    )


def _refusal(raw: bytes, reason: str) -> InvalidJson:
    """Returns why jiter refused the bytes.

    Its message names a duplicate member, or the place of a mistake.
    """
    if raw.startswith(_BYTE_ORDER_MARK):
        return InvalidJson("invalid_json", "must not start with a byte order mark")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return InvalidJson("invalid_json", f"is not UTF-8: look at byte {error.start}")
    if not text.strip():
        return InvalidJson("required", "is empty, but must be a JSON object")
    if reason.startswith("number out of range"):  # thousands of digits
        return InvalidJson(_BEYOND_64_BITS.code, _BEYOND_64_BITS.message)
    place = _JITER_ERROR.fullmatch(reason)
    if place and place["name"] is not None:
        named = ".".join(_duplicate_in(text) or [place["name"]])
        return InvalidJson("duplicate", "must not be given more than once", _printable(named))
    if _SURROGATE_ESCAPE.search(raw) and (refusal := _lone_surrogate(text)):
        return refusal
    line, column = (int(place["line"]), int(place["column"])) if place else (1, 1)
    row = raw.split(b"\n")[line - 1]
    # For -Infinity, jiter names the place behind the sign.
    if constant := _CONSTANT.match(row, column - 2) or _CONSTANT.match(row, column - 1):
        return InvalidJson("invalid_json", f"must not hold {constant[0].decode()}, which is no JSON number")
    return InvalidJson("invalid_json", f"is not valid JSON: look at line {line}, column {column}")


class _Members(list[tuple[str, Any]]):
    """The members of an object as they stand in the text, those of the same name too."""


def _duplicate_in(text: str) -> list[str] | None:
    """Returns the names that lead to the first member that is given twice."""
    try:
        return _repeated(json.loads(text, object_pairs_hook=_Members))
    except ValueError:  # there is another mistake further on
        return None


def _repeated(value: object) -> list[str] | None:
    members: Iterable[tuple[object, object]] = ()
    if isinstance(value, list):
        members = value if isinstance(value, _Members) else enumerate(value)
    seen = set()
    for name, item in members:
        if name in seen:
            return [str(name)]
        seen.add(name)
        if inside := _repeated(item):
            return [str(name), *inside]
    return None


def _lone_surrogate(text: str) -> InvalidJson | None:
    """Names the member with half a surrogate pair, which the standard library reads without complaint."""
    try:
        _check_values(json.loads(text))
    except InvalidJson as refusal:
        return refusal
    except ValueError:  # there is another mistake
        return None
    return None


def _check_values(parsed: object) -> None:
    if found := _first_fault(parsed):
        fault, place = found
        named = ".".join(part[:_LONGEST_FIELD] for part in place)
        raise InvalidJson(fault.code, fault.message, _printable(named) or "body")


def _first_fault(value: object) -> tuple[InvalidValue, list[str]] | None:
    """Returns the first fault of a value or a name, if any, and the names on the way to it.

    They are gathered on the way back, for a name may be as long as the body and stand above all its values.
    """
    if fault := _fault(value):
        return fault, []
    members: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for name, item in members:
        if isinstance(name, str) and not _is_storable(name):
            return _NOT_STORABLE, [name]
        if inside := _first_fault(item):
            fault, place = inside
            return fault, [str(name), *place]
    return None


def _fault(value: object) -> InvalidValue | None:
    if isinstance(value, str):
        return None if _is_storable(value) else _NOT_STORABLE
    if isinstance(value, int):
        return None if value in _INTEGERS else _BEYOND_64_BITS
    return _BEYOND_DOUBLE if isinstance(value, float) and not math.isfinite(value) else None


def _is_storable(text: str) -> bool:
    return "\0" not in text if text.isascii() else not _UNSTORABLE.search(text)


def _printable(path: str) -> str:
    return _UNSTORABLE.sub("\ufffd", path)[:_LONGEST_FIELD]
