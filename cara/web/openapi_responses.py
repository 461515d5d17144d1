"""The responses of a route in OpenAPI: models, streams, problems and header fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from cara.errors import (
    CaraError,
    InvalidInput,
    LimitReached,
    TokenExpired,
    TokenInvalid,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from cara.postgres.database import Database
from cara.postgres.errors import (
    CommitUnknown,
    DatabaseAway,
    DatabaseBusy,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseSlow,
)
from cara.web.field_problems import field_problem_schema
from cara.web.guard import Authenticator
from cara.web.handlers import Inputs
from cara.web.json_body import BodiesBusy, BodyBroken, BodyTooSlow
from cara.web.models import ApiResponse
from cara.web.origins import OriginRefused
from cara.web.problems import problem_document, status_of
from cara.web.routing import Route
from cara.web.sse import EventStream

SchemaOf = Callable[[type[BaseModel]], dict[str, Any]]

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A problem (RFC 9457); `error` repeats `detail`, `code` is a stable word for programs.",
    "required": ["type", "title", "status", "detail", "code", "requestId", "error"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "requestId": {"type": "string"},
        "error": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "The members at fault, where it is the input.",
            "items": field_problem_schema(),
        },
    },
}

HEADERS = {
    "X-Request-Id": {
        "description": "Finds the request in the logs; taken from the request when it is a sane token.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'The limits that the request counted for, such as `"user";q=300;w=60`: 300 in 60 s.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left of them, such as `"user";r=297;t=42`: 297, for the next 42 s.',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds until another try makes sense.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Location": {"description": "Where what was made is found.", "schema": {"type": "string"}},
    "Preference-Applied": {"description": "The `Prefer` that was followed.", "schema": {"type": "string"}},
    "ETag": {"description": "The version of what was read.", "schema": {"type": "string"}},
}

_DATABASE_ERRORS = (
    DatabaseBusy,
    DatabaseAway,
    DatabaseSlow,
    DatabaseReadOnly,
    DatabaseFull,
    CommitUnknown,
)

_OBJECT = {"type": "object", "additionalProperties": True}
# OpenAPI 3.1 has no schema for a stream as a whole. Clients that read streams take it for that of each data.
_EVENT_DATA = _OBJECT | {"description": "The data of one server-sent event; its name says what is in it."}


def problem_schema(routes: Iterable[Route]) -> dict[str, Any]:
    """Returns the schema of every problem, with the further members of the errors that the routes name."""
    properties = dict(_PROBLEM["properties"])
    for route in routes:
        for error in route.errors:
            properties |= error.further_member_schemas
    return {**_PROBLEM, "properties": properties}


def responses_of(route: Route) -> Mapping[int, tuple[Any, ...]]:
    """Returns the successful responses of a route by status: models, a stream, or None for no body."""
    answers = route.responses
    if answers is None:
        hint = get_type_hints(route.handler)["return"]
        answers = {route.status: get_args(hint)[0] if get_origin(hint) is ApiResponse else hint}
    return {status: given if isinstance(given, tuple) else (given,) for status, given in answers.items()}


def authenticates_itself(inputs: Inputs) -> bool:
    """Returns whether a handler authenticates its caller itself, by token or otherwise."""
    return Authenticator in inputs.services.values()


def is_model(answer: Any) -> bool:
    return isinstance(answer, type) and issubclass(answer, BaseModel)


def responses(route: Route, inputs: Inputs, schema_of: SchemaOf) -> dict[str, Any]:
    """Returns the responses of an operation, by status."""
    common = ["X-Request-Id"]
    if route.limit:
        common += ["RateLimit-Policy", "RateLimit"]
    found: dict[str, Any] = {}
    for status, errors in sorted(_errors_by_status(route, inputs).items()):
        retry = ["Retry-After"] if issubclass(errors[0], LimitReached | Unavailable) else []
        found[str(status)] = _problems(status, errors) | _headers([*common, *retry])
    for status, answers in responses_of(route).items():
        content = dict(_media(answer, schema_of) for answer in answers if answer not in (None, type(None)))
        described = {"description": HTTPStatus(status).phrase} | ({"content": content} if content else {})
        found[str(status)] = described | _headers([*common, *route.headers.get(status, ())])
    return dict(sorted(found.items()))


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}


def _media(answer: Any, schema_of: SchemaOf) -> tuple[str, dict[str, Any]]:
    if answer is EventStream:
        return "text/event-stream", {"schema": _EVENT_DATA}
    if is_model(answer):
        return "application/json", {"schema": schema_of(answer)}
    if media_type := getattr(answer, "media_type", None):
        return media_type, {"schema": {"type": "string"}}
    return "application/json", {"schema": _OBJECT}


def _problems(status: int, errors: list[type[CaraError]]) -> dict[str, Any]:
    examples = {error.code: {"value": _example(error)} for error in errors}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(examples)}",
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": examples,
            }
        },
    }


def _example(error: type[CaraError]) -> dict[str, Any]:
    example = CaraError(error.detail)
    return problem_document(example, "3f2b8c1e9d6a4f0785c1b2a3d4e5f607") | {
        "type": f"urn:cara:problem:{error.code}",
        "title": HTTPStatus(status_of(error)).phrase,
        "status": status_of(error),
        "code": error.code,
    }


def _errors_by_status(route: Route, inputs: Inputs) -> dict[int, list[type[CaraError]]]:
    found: dict[int, list[type[CaraError]]] = {}
    for error in dict.fromkeys(_possible(route, inputs)):
        found.setdefault(status_of(error), []).append(error)
    return found


def _possible(route: Route, inputs: Inputs) -> Iterator[type[CaraError]]:
    if inputs.path or inputs.query or inputs.headers or inputs.body:
        yield InvalidInput
    if not route.public or authenticates_itself(inputs):
        yield from (Unauthenticated, TokenExpired, TokenInvalid)
    if inputs.body:
        yield from (BodyBroken, BodyTooSlow, TooLarge, UnsupportedMediaType, BodiesBusy)
    if route.origin_checked:
        yield OriginRefused
    if route.limit:
        yield LimitReached
    yield from route.errors
    # A public handler with errors of its own reads the database, be it through services of its own.
    if not route.public or inputs.connection or route.errors or Database in inputs.services.values():
        yield from _DATABASE_ERRORS
