"""The one place that reads a request body: size, strict JSON, markup out, then the model."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from cara.bounded_threads import BoundedThreads, QueueFull
from cara.errors import FieldProblem, InvalidInput, TooLarge, Unavailable
from cara.web.free_text import LARGE_BODY_BYTES, clean_members
from cara.web.problems import invalid, invalid_fields
from cara.web.strict_json import InvalidJson, parse_object

Model = TypeVar("Model", bound=BaseModel)

MAX_BODY_BYTES = 1024 * 1024
READ_SECONDS = 30
"""A client that sends its body more slowly than this is refused."""


async def expect_body(request: web.Request) -> None:
    """Leaves `Expect: 100-continue` until the body is wanted: a refusal comes before it is sent.

    Raises:
        HTTPExpectationFailed: something else is expected.
    """
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed


_large_bodies = BoundedThreads("large-body", threads=2, most_waiting=64)


class BodyBroken(InvalidInput):
    code = "body_broken"
    detail = "The request body broke off, or is not encoded as its header fields say."


class BodyTooSlow(InvalidInput):
    code = "body_timeout"
    detail = "The request body did not arrive in time."


class BodiesBusy(Unavailable):
    code = "bodies_busy"
    detail = "Many large requests are being read just now. Please try again in a moment."


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """The body as the model, its free texts without markup.

    Raises:
        InvalidInput: not JSON, not an object, or not what the model says; with the fields named.
        TooLarge: more than `MAX_BODY_BYTES`.
        BodiesBusy: it is large, and many others are.
    """
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise invalid([FieldProblem("Content-Type", "must be application/json")])
    raw = await _raw_body(request)
    if len(raw) <= LARGE_BODY_BYTES:
        return _read(model, raw)
    try:
        return await _large_bodies.run(lambda: _read(model, raw))
    except QueueFull:
        raise BodiesBusy(retry_after_seconds=1) from None


def _read(model: type[Model], raw: bytes) -> Model:
    try:
        payload = clean_members(model, parse_object(raw))
        return model.model_validate_json(to_json(payload))
    except InvalidJson as error:
        raise invalid([FieldProblem(error.field or "body", error.message)]) from None
    except ValidationError as error:
        raise invalid_fields(error) from None


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
