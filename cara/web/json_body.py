"""The one place that reads a request body: size, strict JSON, the model, and markup out of its texts."""

from __future__ import annotations

import asyncio
import zlib
from typing import TypeVar

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from cara.errors import FieldProblem, InvalidInput, LimitReached, TooLarge, Unavailable
from cara.thread_pool import BoundedThreadPool, QueueFull, ShareUsed
from cara.web.client_info import client_address, limited_network
from cara.web.context import CALLER_ID
from cara.web.problems import invalid, invalid_fields
from cara.web.strict_json import InvalidJson, parse_object
from cara.web.tags import MarkupBudget

Model = TypeVar("Model", bound=BaseModel)

MAX_BODY_BYTES = 1024 * 1024
LARGE_BODY_BYTES = 32_000
MANY_VALUES = 1_000
MANY_SIGNS = 100
STEPS_ON_THE_LOOP = 500
"""A body that is larger, has more values or signs of what may be markup, or takes more steps to clean, is
read in a thread: it may take longer than the event loop should."""

_PLAIN = "identity"
_COMPRESSIONS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

READ_SECONDS = 30
"""A client that sends its body more slowly than this is refused."""


async def expect_body(request: web.Request) -> None:
    """Leaves `Expect: 100-continue` until the body is wanted: a refusal comes before it is sent.

    Raises:
        HTTPExpectationFailed: something else is expected.
    """
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed


_costly_bodies = BoundedThreadPool("costly-body", threads=2, most_waiting=64)


class BodyBroken(InvalidInput):
    code = "body_broken"
    detail = "The request body broke off, or is not encoded as its header fields say."


class BodyTooSlow(InvalidInput):
    code = "body_timeout"
    detail = "The request body did not arrive in time."


class BodiesBusy(Unavailable):
    code = "bodies_busy"
    detail = "Many large requests are being read just now. Please try again in a moment."


class OwnBodiesBusy(LimitReached):
    detail = "Many large requests of yours are being read just now. Please send fewer of them at once."


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """The body as the model, its free texts without markup.

    What any body costs is bounded: by its size and number of values, by a budget for its markup, and all that
    costs much runs in a few threads which callers share: the learner's own, or before sign-in the address's.

    Raises:
        InvalidInput: not JSON, not an object, or not what the model says; with the fields named.
        TooLarge: more than `MAX_BODY_BYTES`.
        BodiesBusy: it is costly, and many others are being read.
        OwnBodiesBusy: it is costly, and the same caller has many others being read.
    """
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise invalid([FieldProblem("Content-Type", "must be application/json")])
    caller, encoding = _caller_of(request), request.headers.get("Content-Encoding", _PLAIN).lower()
    try:
        if (request.content_length or 0) > LARGE_BODY_BYTES:
            _costly_bodies.ensure_room(caller)  # else it would be received to be refused
        raw = await _raw_body(request)
        if encoding == _PLAIN and not _is_costly(raw):
            budget = MarkupBudget(STEPS_ON_THE_LOOP)
            try:
                return _read(model, raw, budget)
            except InvalidInput:
                if budget.left >= 0:
                    raise
        return await _costly_bodies.run(
            lambda: _read(model, _inflated(raw, encoding), MarkupBudget()), caller=caller
        )
    except ShareUsed:
        raise OwnBodiesBusy(retry_after_seconds=1) from None
    except QueueFull:
        raise BodiesBusy(retry_after_seconds=1) from None


def _caller_of(request: web.Request) -> str:
    user_id = request.get(CALLER_ID)
    return str(user_id) if user_id else limited_network(client_address(request))


def _is_costly(raw: bytes) -> bool:
    """Whether reading it may well take more than a few milliseconds."""
    return (
        len(raw) > LARGE_BODY_BYTES
        or raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MANY_VALUES
        or raw.count(b"<") + raw.count(b"&") > MANY_SIGNS
    )


def _inflated(raw: bytes, encoding: str) -> bytes:
    """The body without its compression, which must not make it larger than a body may be.

    Raises:
        BodyBroken: it is not what its encoding says, or that is none we know.
        TooLarge: there is more in it than may be.
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
    if not inflating.eof:
        raise BodyBroken
    return inflated


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


async def _raw_body(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise TooLarge
    try:
        async with asyncio.timeout(READ_SECONDS):
            await _continue(request)
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge from None
    except TimeoutError:
        raise BodyTooSlow from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise BodyBroken from None


async def _continue(request: web.Request) -> None:
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
