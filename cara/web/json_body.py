"""The one place that reads a request body: its size, strict JSON, the model, and markup out of its texts."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable
from typing import Final, TypeVar

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
from cara.web.client_info import caller_of
from cara.web.free_json import quote_free_json
from cara.web.models import PlainlyRead
from cara.web.problems import invalid, invalid_fields
from cara.web.receiving import ReceivingRoom
from cara.web.strict_json import InvalidJson, parse_object
from cara.web.tags import MarkupBudget

Model = TypeVar("Model", bound=BaseModel)
Outcome = TypeVar("Outcome")

MAX_BODY_BYTES: Final = 1024 * 1024
LARGE_BODY_BYTES: Final = 32_000
MANY_VALUES: Final = 1_000
MANY_SIGNS: Final = 100
MANY_CHARACTERS: Final = 4_000
STEPS_ON_THE_LOOP: Final = 500
"""A body that is larger, has more values or more signs of markup, or takes more steps to clean, is read in a
thread: it may take longer than the event loop should be held up."""

BODY_BYTES = web.RequestKey("body_bytes", int)
"""How long the body of a request was that has been read, without its compression."""

READ_SECONDS = 30
"""A client that takes longer than this to send its body is refused."""

JSON_TYPES: Final = frozenset({"application/json"})
BEACON_TYPES: Final = JSON_TYPES | {"text/plain"}
"""What `navigator.sendBeacon` can send to another origin without a preflight is text."""

_MARKUP: Final = re.compile(rb"[<&\\]")
"""Without any of these, which an escape may write, there is nothing to take out of a text."""

_NO_JSON: Final = FieldProblem("Content-Type", "not_allowed", "must be application/json")
_UNKNOWN_ENCODING: Final = FieldProblem(
    "Content-Encoding", "not_allowed", "must be gzip, deflate or identity"
)
_PLAIN: Final = "identity"
_COMPRESSIONS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

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


async def expect_body(request: web.Request) -> None:
    """Leaves `Expect: 100-continue` until the body is wanted: a refusal comes before it is sent.

    Raises:
        HTTPExpectationFailed: something else is expected.
    """
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed


async def read_body(
    request: web.Request,
    model: type[Model],
    *,
    required: bool = True,
    types: frozenset[str] = JSON_TYPES,
) -> Model | None:
    """Returns the body as the model, its free texts without markup; None if it is empty and not required.

    The cost of any body is bounded: by its size and number of values, and by a budget for its markup. Costly
    bodies are read in a thread, which callers share: learners, or before sign-in their addresses.

    Raises:
        UnsupportedMediaType: `Content-Type` is none of `types`, or not in UTF-8, or `Content-Encoding` is
            unknown. An empty body may have any.
        InvalidInput: not JSON, not an object, or not what the model says; with the fields named.
        TooLarge: more than `MAX_BODY_BYTES`.
        BodiesBusy: it is costly, and many others are being read.
        OwnBodiesBusy: it is costly, and the same caller has many others being read.
    """
    if request.content_length:
        _require_type(request, types)  # before the body is received
    caller = caller_of(request)
    try:
        raw = await _received(request, caller)
        request[BODY_BYTES] = len(raw)
        if raw:
            _require_type(request, types)
        elif not required:
            return None
        encoding = _encoding_of(request) if raw else _PLAIN
        if encoding == _PLAIN and (quickly_read := _read_quickly(model, raw)):
            return quickly_read
        return await _costly_bodies.run(lambda: _read_costly(request, model, raw, encoding), caller=caller)
    except ShareUsed:
        raise OwnBodiesBusy(retry_after_seconds=1) from None
    except QueueFull:
        raise BodiesBusy(retry_after_seconds=1) from None


async def read_text(work: Callable[[], Outcome], characters: int, caller: str) -> Outcome:
    """Returns what the work makes of a text of so many characters: in a thread like a body, if it is long.

    Raises:
        BodiesBusy, OwnBodiesBusy: as `read_body`.
    """
    if characters <= MANY_CHARACTERS:
        return work()
    try:
        return await _costly_bodies.run(work, caller=caller)
    except ShareUsed:
        raise OwnBodiesBusy(retry_after_seconds=1) from None
    except QueueFull:
        raise BodiesBusy(retry_after_seconds=1) from None


def _require_type(request: web.Request, types: frozenset[str]) -> None:
    if _encoding_of(request) not in (_PLAIN, *_COMPRESSIONS):
        raise UnsupportedMediaType(fields=(_UNKNOWN_ENCODING,))
    for kind in request.headers.getall("Content-Type", [""]):
        is_json = kind.partition(";")[0].strip().lower() in types
        if not is_json or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(fields=(_NO_JSON,))


def _encoding_of(request: web.Request) -> str:
    """Returns the encodings of the body, from all lines of the field (RFC 9110, section 5.3)."""
    return ", ".join(request.headers.getall("Content-Encoding", ())).strip().lower() or _PLAIN


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
        BodyBroken: it is not what its encoding says, or goes on behind its end.
        TooLarge: it inflates to more than `MAX_BODY_BYTES`.
    """
    if encoding == _PLAIN:
        return raw
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


def _read_quickly(model: type[Model], raw: bytes) -> Model | None:
    """Returns the body as the model; None if that may take longer than the event loop should be held up."""
    if _is_costly(raw):
        return None
    budget = MarkupBudget(STEPS_ON_THE_LOOP)
    try:
        return _read(model, raw, budget)
    except InvalidInput:
        if budget.left < 0:
            return None
        raise


def _read_costly(request: web.Request, model: type[Model], raw: bytes, encoding: str) -> Model:
    inflated = _inflated(raw, encoding)
    request[BODY_BYTES] = len(inflated)
    return _read(model, inflated, MarkupBudget())


def _read(model: type[Model], raw: bytes, budget: MarkupBudget) -> Model:
    try:
        sent = parse_object(raw)
        if issubclass(model, PlainlyRead) and (plain := model.read_plain(sent, raw)):
            return plain
        quoted = quote_free_json(model, raw)
        if _MARKUP.search(raw):
            # Lengths, counts and types first: only what passes them is worth the work of cleaning.
            model.model_validate_json(quoted)
        return model.model_validate_json(quoted, context=budget)
    except InvalidJson as error:
        problem = invalid([error.at(error.field)])
    except ValidationError as error:
        problem = invalid_fields(error, sent, within="body")
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
        if request.content.is_eof() and "Expect" not in request.headers:
            return await request.read()  # it has arrived with the head
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
