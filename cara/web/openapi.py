"""The OpenAPI 3.1 document, made from the annotations that the handlers run by."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final

from cara import __version__
from cara.errors import LimitReached, Unavailable
from cara.web.handlers import inputs_of
from cara.web.openapi_parameters import parameters_of
from cara.web.openapi_responses import (
    HEADERS,
    authenticates_itself,
    errors_by_status,
    expectation_failed,
    is_model,
    problems,
    responses_of,
)
from cara.web.openapi_schemas import Schemas, parameter_key
from cara.web.routing import ANY_OBJECT, BEARER, Content, Route, SecurityScheme
from cara.web.sse import EventTypes

_DESCRIPTION = """The backend of an AI communication coach.

JSON in and out, in UTF-8; moments in UTC; errors as problems (RFC 9457). What can be read by GET can be asked
for by HEAD. Answers over 1 KiB come in gzip if `Accept-Encoding` takes it. Requests are counted: see
`RateLimit-Policy` and `RateLimit` of the answers."""

_SERVERS = [{"url": "/", "description": "The host that this document is read from."}]

TAGS: Final[Mapping[str, str]] = {
    "Accounts": (
        "Registering, signing in and out, and the tokens of a sign-in: an access token of minutes, and a "
        "refresh token that is exchanged for a fresh pair. It also travels in a cookie."
    ),
    "Profile": "The learner's own account: profile, export of all data, audit trail, deletion.",
    "Sessions": "Practice sessions with transcript, scores and feedback. Completing one earns XP.",
    "Feedback": (
        "Feedback on a session is a job: ask for it, follow it by events or by polling, and read the result."
    ),
    "Gemini": "The coach to talk with, and the tokens that chat and feedback may use in a day.",
    "Analytics": "Events of front ends, a learner's statistics, and which features are used.",
    "Operations": "Whether the service lives and is ready, and this description of it.",
}
"""What the groups of operations are about, in the order in which they are shown."""


class OpenApiDocument:
    """The document of a list of routes, rendered when it is first read: that takes a tenth of a second."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes

    @cached_property
    def content(self) -> dict[str, Any]:
        """The document as an object."""
        return self._rendered[0]

    @cached_property
    def missing_examples(self) -> list[str]:
        """The members of models that have no example, though an operation would have one by them."""
        return sorted(set(self._rendered[1].missing))

    @cached_property
    def json(self) -> bytes:
        """The document as it is sent."""
        return json.dumps(self.content, ensure_ascii=False).encode()

    @cached_property
    def _rendered(self) -> tuple[dict[str, Any], Schemas]:
        schemas = Schemas(self._routes)
        return _document(self._routes, schemas), schemas


def _document(routes: Sequence[Route], schemas: Schemas) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    used = {route.tag for route in routes}
    schemes = {
        scheme.name: scheme.definition for route in routes for scheme in _alternatives(route) if scheme
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cara",
            "version": __version__,
            "description": _DESCRIPTION,
            "contact": {"name": "The operators of this server"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": _SERVERS,
        "tags": [{"name": name, "description": about} for name, about in TAGS.items() if name in used],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "headers": HEADERS,
            "securitySchemes": schemes,
        },
    }


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    inputs = inputs_of(route)
    summary, _, rest = (inspect.getdoc(route.handler) or "").partition("\n")
    operation: dict[str, Any] = {
        "operationId": _camel(route.handler.__name__),
        "summary": summary.rstrip("."),
        "tags": [route.tag],
        "responses": _responses(route, schemas),
        "security": [{scheme.name: []} if scheme else {} for scheme in _alternatives(route)],
    }
    if rest.strip():
        operation["description"] = rest.strip()
    if parameters := list(parameters_of(inputs)):
        operation["parameters"] = [
            parameter.described(schemas.of(parameter_key(route, parameter), "validation"))
            for parameter in parameters
        ]
    if inputs.body:
        content = {"application/json": schemas.content(schemas.of(inputs.body, "validation"))}
        operation["requestBody"] = {"required": inputs.body_required, "content": content}
    return operation


def _alternatives(route: Route) -> Sequence[SecurityScheme | None]:
    if route.security is not None:
        return route.security
    if not route.public:
        return (BEARER,)
    return (BEARER, None) if authenticates_itself(inputs_of(route)) else ()


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _responses(route: Route, schemas: Schemas) -> dict[str, Any]:
    """Returns the responses of an operation, by status."""
    found: dict[str, Any] = {}
    for status, errors in errors_by_status(route).items():
        retry = ["Retry-After"] if issubclass(errors[0], LimitReached | Unavailable) else []
        found[str(status)] = problems(status, errors) | _headers(route, retry)
    found["417"] = expectation_failed() | _headers(route, ())
    for status, answers in responses_of(route).items():
        content = dict(_media(answer, schemas) for answer in answers if answer not in (None, type(None)))
        described = {"description": HTTPStatus(status).phrase} | ({"content": content} if content else {})
        found[str(status)] = described | _headers(route, route.headers.get(status, ()))
    return dict(sorted(found.items()))


def _headers(route: Route, further: Iterable[str]) -> dict[str, Any]:
    counted = ("RateLimit-Policy", "RateLimit") if route.limit else ()
    names = ("X-Request-Id", *counted, *further)
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}


def _media(answer: Any, schemas: Schemas) -> tuple[str, dict[str, Any]]:
    if isinstance(answer, EventTypes):
        return "text/event-stream", schemas.events(answer)
    if isinstance(answer, Content):
        return answer.media_type, {"schema": answer.schema, "example": answer.example}
    if is_model(answer):
        return "application/json", schemas.content(schemas.of(answer, "serialization"))
    return "application/json", {"schema": ANY_OBJECT}
