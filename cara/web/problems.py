"""Every error as one problem document (RFC 9457). The only place that gives errors a status."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ValidationError

from cara.errors import (
    CaraError,
    Conflict,
    FieldProblem,
    Forbidden,
    InvalidInput,
    LimitReached,
    NotFound,
    Outdated,
    TookTooLong,
    TooLarge,
    TooSlow,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
    UpstreamFailed,
)
from cara.postgres.errors import DatabaseTrouble
from cara.web.context import REQUEST_ID
from cara.web.field_problems import field_problems

logger = logging.getLogger(__name__)

STATUSES: dict[type[CaraError], int] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    TooSlow: 408,
    Conflict: 409,
    Outdated: 412,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    Unprocessable: 422,
    LimitReached: 429,
    UpstreamFailed: 502,
    Unavailable: 503,
    TookTooLong: 504,
}

USUAL_RETRY_SECONDS = 5
"""`Retry-After` of an error for unavailability that names no time."""

HTTP_CODES = {
    403: "origin_refused",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    417: "expectation_failed",
}
HTTP_ERROR = "http_error"
"""The codes of what aiohttp refuses by itself; the last one is that of any other status."""

_HTTP_DETAILS = {
    403: "The origin, the method or a header field is not allowed across origins.",
    404: "There is nothing at this address.",
    405: "This address does not answer to that method.",
    413: "The request body is too large.",
    417: "The only expectation that is met is 100-continue.",
}


def status_of(error: CaraError | type[CaraError]) -> int:
    """Returns the HTTP status of an error: that of the nearest class in the table, else 500."""
    kind = error if isinstance(error, type) else type(error)
    return next((STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES), 500)


def problem_document(error: CaraError, request_id: str) -> dict[str, Any]:
    """Returns the members of a problem; `error` repeats the detail for clients that look there."""
    status = status_of(error)
    document: dict[str, Any] = {
        "type": f"urn:cara:problem:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.detail,
        "code": error.code,
        "requestId": request_id,
        "error": error.detail,
    }
    if error.fields:
        document["errors"] = [
            {name: value for name, value in asdict(item).items() if value is not None}
            for item in error.fields
        ]
    return {**document, **error.further_members()}


def problem_response(error: CaraError, request: web.Request) -> web.Response:
    """Returns the response for an error."""
    document = problem_document(error, request.get(REQUEST_ID, ""))
    response = web.Response(
        status=document["status"],
        body=json.dumps(document, ensure_ascii=False).encode(),
        content_type="application/problem+json",
    )
    retry_seconds = error.retry_after_seconds
    if retry_seconds is None and isinstance(error, Unavailable):
        retry_seconds = USUAL_RETRY_SECONDS
    if retry_seconds is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_seconds)))
    if response.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if response.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        response.headers["Accept-Encoding"] = "gzip, deflate"
    return response


def invalid_fields(error: ValidationError, sent: object, *, within: str) -> InvalidInput:
    """Returns what pydantic found in what was sent as an error of ours; `within` names all that was sent."""
    return invalid(field_problems(error, sent, within=within))


def invalid(fields: Iterable[FieldProblem]) -> InvalidInput:
    listed = tuple(fields)
    return InvalidInput("; ".join(f"{item.field}: {item.message}" for item in listed[:5]), fields=listed)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns errors that a handler raises into problems.

    Unforeseen ones are logged; their problems reveal nothing internal. The trouble of the database is logged
    once for all requests, by `Database`.
    """
    try:
        return await handler(request)
    except CaraError as error:
        if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, DatabaseTrouble):
            logger.warning("%s: %s", error.code, error.detail, exc_info=error.__cause__)
        return problem_response(error, request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return http_problem(error, request)
    except Exception as error:
        if isinstance(error, ConnectionResetError) and _client_left(request):
            raise
        logger.exception("unforeseen error in request %s", request.get(REQUEST_ID, ""))
        return problem_response(CaraError(), request)


def http_problem_document(status: int, request_id: str) -> dict[str, Any]:
    """Returns the members of a problem that has a status of HTTP and no error of ours."""
    problem = CaraError(_HTTP_DETAILS.get(status, HTTPStatus(status).phrase + "."))
    return problem_document(problem, request_id) | {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": HTTP_CODES.get(status, HTTP_ERROR),
    }


def http_problem(error: web.HTTPException, request: web.Request) -> web.Response:
    """Returns the problem for an error that aiohttp raised, such as for an unknown address."""
    document = http_problem_document(error.status, request.get(REQUEST_ID, ""))
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
    return web.Response(
        status=error.status,
        body=json.dumps(document, ensure_ascii=False).encode(),
        content_type="application/problem+json",
        headers=kept,
    )


def become_problem(response: web.HTTPException, request: web.Request) -> None:
    """Makes a problem of an error that is about to be sent as text.

    aiohttp raised it outside of all middlewares.
    """
    problem = http_problem(response, request)
    response.body = problem.body
    response.headers["Content-Type"] = problem.content_type
    response.headers["Content-Length"] = str(problem.content_length)


def _client_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
