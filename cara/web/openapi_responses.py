"""What a route may answer: models, streams, problems and header fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from cara import errors
from cara.errors import (
    CaraError,
    FieldProblem,
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
    DatabaseCrowded,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseSlow,
)
from cara.web.guard import Authenticator
from cara.web.handlers import Inputs, inputs_of
from cara.web.json_body import BodiesBusy, BodyBroken, BodyTooSlow
from cara.web.models import ApiResponse
from cara.web.origins import OriginRefused
from cara.web.problems import (
    HTTP_CODES,
    HTTP_ERROR,
    http_problem_document,
    problem_document,
    status_of,
)
from cara.web.routing import Route

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A problem (RFC 9457); `error` repeats `detail`, `code` is a stable word for programs.",
    "required": ["type", "title", "status", "detail", "code", "requestId", "error"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"anyOf": [{"$ref": "#/components/schemas/ProblemCode"}, {"type": "string"}]},
        "requestId": {"type": "string"},
        "error": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "The members at fault, where it is the input.",
            "items": {"$ref": "#/components/schemas/FieldProblem"},
        },
    },
}

_FIELDS = (FieldProblem("title", "too_long", "must have at most 200 characters", 200),)

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

_REQUEST_ID = "3f2b8c1e9d6a4f0785c1b2a3d4e5f607"

_DATABASE_ERRORS = (
    DatabaseBusy,
    DatabaseCrowded,
    DatabaseAway,
    DatabaseSlow,
    DatabaseReadOnly,
    DatabaseFull,
    CommitUnknown,
)


def problem_codes(routes: Iterable[Route]) -> dict[str, Any]:
    """Returns the schema of the codes: of all errors that the routes name, and of those that any can meet."""
    own = {error.code for route in routes for error in _possible(route, inputs_of(route))}
    general = {error.code for error in vars(errors).values() if is_error(error)}
    return {
        "type": "string",
        "title": "ProblemCode",
        "description": (
            "What a program can act upon. Later versions add codes: treat one that you do not know by the "
            "status of the response."
        ),
        "enum": sorted({*own, *general, *HTTP_CODES.values(), HTTP_ERROR}),
    }


def problem_schema(routes: Iterable[Route]) -> dict[str, Any]:
    """Returns the schema of every problem, with the further members of the errors that the routes name."""
    properties = dict(_PROBLEM["properties"])
    for route in routes:
        for error in route.errors:
            properties |= error.further_member_schemas
    return {**_PROBLEM, "properties": properties, "examples": [_example(Unavailable)]}


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


def answers_of(route: Route) -> Iterator[Any]:
    """Yields what the successful responses of a route hold, whatever their status."""
    for answers in responses_of(route).values():
        yield from answers


def is_model(answer: Any) -> bool:
    return isinstance(answer, type) and issubclass(answer, BaseModel)


def is_error(given: Any) -> bool:
    return isinstance(given, type) and issubclass(given, CaraError)


def problems(status: int, errors: Iterable[type[CaraError]]) -> dict[str, Any]:
    """Returns the response with one of these problems, each with an example."""
    return _described(status, {error.code: _example(error) for error in errors})


def expectation_failed() -> dict[str, Any]:
    """Returns the response to an `Expect` that is not met: what refuses nothing else can refuse that."""
    document = http_problem_document(HTTPStatus.EXPECTATION_FAILED, _REQUEST_ID)
    return _described(HTTPStatus.EXPECTATION_FAILED, {document["code"]: document})


def _described(status: int, documents: Mapping[str, Any]) -> dict[str, Any]:
    examples = {code: {"value": document} for code, document in documents.items()}
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
    example = CaraError(error.detail, fields=_FIELDS if error is InvalidInput else ())
    further = {
        name: schema["examples"][0]
        for name, schema in error.further_member_schemas.items()
        if "examples" in schema
    }
    return problem_document(example, _REQUEST_ID) | {
        "type": f"urn:cara:problem:{error.code}",
        "title": HTTPStatus(status_of(error)).phrase,
        "status": status_of(error),
        "code": error.code,
        **further,
    }


def errors_by_status(route: Route) -> dict[int, list[type[CaraError]]]:
    """Returns the errors that a route may answer."""
    found: dict[int, list[type[CaraError]]] = {}
    for error in dict.fromkeys(_possible(route, inputs_of(route))):
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
    yield CaraError
    # A public handler with errors of its own reads the database, be it through services of its own.
    if not route.public or inputs.connection or route.errors or Database in inputs.services.values():
        yield from _DATABASE_ERRORS
