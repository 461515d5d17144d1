"""The one place that reads a request body: its size, strict JSON, the model, and markup out of its texts."""

from __future__ import annotations

import asyncio
import json
import math
import re
import zlib
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import jiter
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from cara.errors import (
    FieldProblem,
    InvalidInput,
    LimitReached,
    TooLarge,
    TooSlow,
    Unavailable,
    UnsupportedMediaType,
)
from cara.thread_pool import BoundedThreadPool, QueueFull, ShareUsed
from cara.web.client_info import client_address, limited_network
from cara.web.context import CALLER_ID
from cara.web.problems import invalid, invalid_fields
from cara.web.receiving import ReceivingRoom
from cara.web.tags import MarkupBudget

Model = TypeVar("Model", bound=BaseModel)

MAX_BODY_BYTES: Final = 1024 * 1024
DEPTH_LIMIT: Final = 32
VALUES_LIMIT: Final = 20_000
"""How many values a body may hold, nested ones included: each costs time beyond that of its bytes."""

LARGE_BODY_BYTES: Final = 32_000
MANY_VALUES: Final = 1_000
MANY_SIGNS: Final = 100
STEPS_ON_THE_LOOP: Final = 500
"""A body that is larger, has more values or more signs of markup, or takes more steps to clean, is read in a
thread: it may take longer than the event loop should be held up."""

BODY_BYTES = web.RequestKey("body_bytes", int)
"""How long the body of a request was that has been read, without its compression."""

READ_SECONDS = 30
"""A client that takes longer than this to send its body is refused."""

_JSON_TYPE: Final = "application/json"
_PLAIN: Final = "identity"
_COMPRESSIONS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_INTEGERS: Final = range(-(2**63), 2**63)
_LONGEST_FIELD: Final = 100
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_OUT_OF_RANGE: Final = (b"0" * 19, b"e000", b"e+000")
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_CONSTANT: Final = re.compile(rb"NaN|-?Infinity")
_JITER_ERROR: Final = re.compile(
    r'(?:Detected duplicate key "(?P<name>.*)"|.*) at line (?P<line>\d+) column (?P<column>\d+)', re.DOTALL
)

# One thread: the work holds the interpreter lock, so a second one gains nothing and holds up the event loop.
_costly_bodies = BoundedThreadPool("costly-body", threads=1, most_waiting=64)
_receiving = ReceivingRoom()


class BodyBroken(InvalidInput):
    code = "body_broken"
    detail = "The request body broke off, or is not encoded as its header fields say."


class BodyTooSlow(TooSlow):
    code = "body_timeout"
    detail = "The request body did not arrive in time."


class BodiesBusy(Unavailable):
    code = "bodies_busy"
    detail = "Many large requests are being read just now. Please try again in a moment."


class OwnBodiesBusy(LimitReached):
    detail = "Many large requests of yours are being read just now. Please send fewer of them at once."


class InvalidJson(Exception):
    """A body is not acceptable JSON; `field` is the (dotted) member at fault where it is known."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


async def expect_body(request: web.Request) -> None:
    """Leaves `Expect: 100-continue` until the body is wanted: a refusal comes before it is sent.

    Raises:
        HTTPExpectationFailed: something else is expected.
    """
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed


async def read_body(request: web.Request, model: type[Model], *, required: bool = True) -> Model | None:
    """Returns the body as the model, its free texts without markup; None if it is empty and not required.

    The cost of any body is bounded: by its size and number of values, and by a budget for its markup. Costly
    bodies are read in a thread, which callers share: learners, or before sign-in their addresses.

    Raises:
        UnsupportedMediaType: `Content-Type` is not that of JSON in UTF-8. An empty body may have any.
        InvalidInput: not JSON, not an object, or not what the model says; with the fields named.
        TooLarge: more than `MAX_BODY_BYTES`.
        BodiesBusy: it is costly, and many others are being read.
        OwnBodiesBusy: it is costly, and the same caller has many others being read.
    """
    if request.content_length:
        _require_json(request)  # before the body is received
    caller, encoding = _caller_of(request), request.headers.get("Content-Encoding", _PLAIN).lower()
    try:
        raw = await _received(request, caller)
        request[BODY_BYTES] = len(raw)
        if raw:
            _require_json(request)
        elif not required:
            return None
        if encoding == _PLAIN and not _is_costly(raw):
            budget = MarkupBudget(STEPS_ON_THE_LOOP)
            try:
                return _read(model, raw, budget)
            except InvalidInput:
                if budget.left >= 0:
                    raise
        return await _costly_bodies.run(lambda: _read_costly(request, model, raw, encoding), caller=caller)
    except ShareUsed:
        raise OwnBodiesBusy(retry_after_seconds=1) from None
    except QueueFull:
        raise BodiesBusy(retry_after_seconds=1) from None


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
    _check_depth(raw, max_depth)
    try:
        parsed = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise _refusal(raw, str(error)) from None
    if not isinstance(parsed, dict):
        raise InvalidJson("The body must be a JSON object, written in braces.")
    if _is_suspect(raw):
        _check_values(parsed)
    return parsed


def _require_json(request: web.Request) -> None:
    for kind in request.headers.getall("Content-Type", [""]):
        is_json = kind.partition(";")[0].strip().lower() == _JSON_TYPE
        if not is_json or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(fields=(FieldProblem("Content-Type", "must be application/json"),))


def _caller_of(request: web.Request) -> str:
    user_id = request.get(CALLER_ID)
    return str(user_id) if user_id else limited_network(client_address(request))


def _is_costly(raw: bytes) -> bool:
    """Returns whether reading it may take more than a few milliseconds."""
    return (
        len(raw) > LARGE_BODY_BYTES
        or raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MANY_VALUES
        or raw.count(b"<") + raw.count(b"&") > MANY_SIGNS
    )


def _inflated(raw: bytes, encoding: str) -> bytes:
    """Returns the body without its compression.

    Raises:
        BodyBroken: it is not what its encoding says, goes on behind its end, or the encoding is unknown.
        TooLarge: it inflates to more than `MAX_BODY_BYTES`.
    """
    if encoding == _PLAIN:
        return raw
    if encoding not in _COMPRESSIONS:
        raise BodyBroken
    inflating = zlib.decompressobj(_COMPRESSIONS[encoding])
    try:
        inflated = inflating.decompress(raw, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise BodyBroken from None
    if len(inflated) > MAX_BODY_BYTES:
        raise TooLarge
    if not inflating.eof or inflating.unused_data:
        raise BodyBroken
    return inflated


def _read_costly(request: web.Request, model: type[Model], raw: bytes, encoding: str) -> Model:
    inflated = _inflated(raw, encoding)
    request[BODY_BYTES] = len(inflated)
    return _read(model, inflated, MarkupBudget())


def _read(model: type[Model], raw: bytes, budget: MarkupBudget) -> Model:
    try:
        parse_object(raw)
        # Lengths, counts and types first: only what passes them is worth the work of cleaning.
        model.model_validate_json(raw)
        return model.model_validate_json(raw, context=budget)
    except InvalidJson as error:
        problem = invalid([FieldProblem(error.field or "body", error.message)])
    except ValidationError as error:
        problem = invalid_fields(error)
    # Not raised above, where it would refer to pydantic's error for ever: in a cycle of references through
    # that, which no garbage collection sees, every refused body left thousands of frames behind.
    raise problem


async def _received(request: web.Request, caller: str) -> bytes:
    length = MAX_BODY_BYTES if request.content_length is None else request.content_length
    if length <= LARGE_BODY_BYTES:
        return await _raw_body(request)
    _costly_bodies.ensure_room(caller)  # or it would be received only to be refused
    with _receiving.take(caller, min(length, MAX_BODY_BYTES)):
        return await _raw_body(request)


async def _raw_body(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise TooLarge
    try:
        async with asyncio.timeout(READ_SECONDS):
            if request.headers.get("Expect", "").lower() == "100-continue":
                await _send_continue(request)
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge from None
    except TimeoutError:
        raise BodyTooSlow from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise BodyBroken from None


async def _send_continue(request: web.Request) -> None:
    if request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _check_depth(raw: bytes, max_depth: int) -> None:
    """Counts brackets outside of strings, level by level from the innermost."""
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return
    brackets = _STRING.sub(b"", raw).translate(_ALIKE, _NO_BRACKETS)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")
    # A whole level is left, or too many are open; brackets that do not balance are for the parser to refuse.
    if b"[]" in brackets or brackets.count(b"[") > max_depth:
        raise InvalidJson(f"The body is nested deeper than {max_depth} levels.")


def _check_count(raw: bytes) -> None:
    """Each bracket that is not empty holds one value more than it has commas."""
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") <= VALUES_LIMIT:
        return
    signs = _STRING.sub(b"", raw)
    if signs.count(b",") + signs.count(b"[") + signs.count(b"{") > VALUES_LIMIT:
        raise InvalidJson(f"The body holds more than {VALUES_LIMIT:,} values.")


def _is_suspect(raw: bytes) -> bool:
    """Returns whether there may be a NUL, an integer beyond 64 bits or a float beyond a double.

    jiter reads them all. Looking for their signs in the bytes is much faster than looking at each value.
    """
    if rb"\u0000" in raw:
        return True
    alike = raw.translate(_DIGITS_ALIKE)
    return any(sign in alike for sign in _OUT_OF_RANGE)


def _refusal(raw: bytes, reason: str) -> InvalidJson:
    """Returns why jiter refused the bytes.

    Its message names a duplicate member, or the place of a mistake.
    """
    if raw.startswith(_BYTE_ORDER_MARK):
        return InvalidJson("The body must not start with a byte order mark.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return InvalidJson(f"The body is not UTF-8: look at byte {error.start}.")
    if not text.strip():
        return InvalidJson("The body is empty; a JSON object was expected.")
    if reason.startswith("number out of range"):  # thousands of digits
        return InvalidJson("A whole number is out of range: it must fit in 64 bits.")
    place = _JITER_ERROR.fullmatch(reason)
    if place and place["name"] is not None:
        return InvalidJson("This member is given more than once.", _printable(place["name"]))
    if _SURROGATE_ESCAPE.search(raw) and (refusal := _lone_surrogate(text)):
        return refusal
    line, column = (int(place["line"]), int(place["column"])) if place else (1, 1)
    row = raw.split(b"\n")[line - 1]
    # For -Infinity, jiter names the place behind the sign.
    if constant := _CONSTANT.match(row, column - 2) or _CONSTANT.match(row, column - 1):
        return InvalidJson(f"{constant[0].decode()} is not a JSON number.")
    return InvalidJson(f"The body is not valid JSON: look at line {line}, column {column}.")


def _lone_surrogate(text: str) -> InvalidJson | None:
    """Names the member with half a surrogate pair, which the standard library reads without complaint."""
    try:
        _check_values(json.loads(text))
    except InvalidJson as refusal:
        return refusal
    except ValueError:  # there is another mistake
        return None
    return None


def _check_values(parsed: Any) -> None:
    place = _place_of_unstorable(parsed)
    if place is not None:
        named = ".".join(part[:_LONGEST_FIELD] for part in place)
        raise InvalidJson("A text holds a NUL or half a surrogate pair.", _printable(named) or None)


def _place_of_unstorable(value: object) -> list[str] | None:
    """Returns the names on the way to the first string, a name or a value, that cannot be stored, if any.

    They are gathered on the way back, for a name may be as long as the body and stand above all its values.
    """
    if isinstance(value, str):
        return None if _is_storable(value) else []
    if isinstance(value, int) and value not in _INTEGERS:
        raise InvalidJson("A whole number is out of range: it must fit in 64 bits.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidJson("A number is too large.")
    members: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for name, item in members:
        if isinstance(name, str) and not _is_storable(name):
            return [name]
        if (inside := _place_of_unstorable(item)) is not None:
            return [str(name), *inside]
    return None


def _is_storable(text: str) -> bool:
    return "\0" not in text if text.isascii() else not _UNSTORABLE.search(text)


def _printable(path: str) -> str:
    return _UNSTORABLE.sub("\ufffd", path)[:_LONGEST_FIELD]
