"""The OpenAPI 3.1 document, made from the annotations that the handlers run by."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from cara import __version__
from cara.web.handlers import Inputs, inputs_of
from cara.web.openapi_responses import (
    HEADERS,
    authenticates_itself,
    is_model,
    problem_schema,
    responses,
    responses_of,
)
from cara.web.routing import Route

_REF = "#/components/schemas/{model}"
_DESCRIPTION = """The backend of an AI communication coach.

JSON in and out, in UTF-8; moments in UTC; errors as problems (RFC 9457). What can be read by GET can be asked
for by HEAD. Answers over 1 KiB come in gzip if `Accept-Encoding` takes it. Requests are counted: see
`RateLimit-Policy` and `RateLimit` of the answers."""

_SECURITY = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The access token. After `token_expired` refresh it, after `token_invalid` sign in again.",
}

_BEACON = {
    "type": "apiKey",
    "in": "query",
    "name": "token",
    "description": "A token that posts events and opens nothing else: part of the address of beacons.",
}

_JSON_AS_TEXT = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "The same JSON, as `navigator.sendBeacon` sends it: only with a `token` in the address.",
}


class OpenApiDocument:
    """The document of a list of routes, rendered once."""

    def __init__(self, routes: list[Route]) -> None:
        self.content = _document(routes)
        self.json = json.dumps(self.content, ensure_ascii=False).encode()


def _document(routes: list[Route]) -> dict[str, Any]:
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cara",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas.definitions, "Problem": problem_schema(routes)},
            "headers": HEADERS,
            "securitySchemes": {"bearer": _SECURITY, "beacon": _BEACON},
        },
    }


class _BodySchema(GenerateJsonSchema):
    """Schemas of bodies, without the two keywords that clients made from them act upon.

    `default`: some send it in place of what was left out, so that changing a title clears the transcript;
    others require the member. `writeOnly`: the member is missing from the type that has the model's name.
    """

    def generate_inner(self, schema: Any) -> dict[str, Any]:
        found = super().generate_inner(schema)
        for keyword in ("default", "writeOnly"):
            found.pop(keyword, None)
        return found


class _Schemas:
    """The schemas of all request and response models, by model and mode."""

    def __init__(self, routes: list[Route]) -> None:
        taken = [(body, "validation") for route in routes if (body := inputs_of(route).body)]
        given = [
            (model, "serialization")
            for route in routes
            for answers in responses_of(route).values()
            for model in answers
            if is_model(model)
        ]
        models: Any = list(dict.fromkeys([*taken, *given]))
        self._refs, found = models_json_schema(models, ref_template=_REF, schema_generator=_BodySchema)
        self.definitions: dict[str, Any] = found.get("$defs", {})

    def of(self, model: type[BaseModel], mode: Any) -> dict[str, Any]:
        return dict(self._refs[(model, mode)])


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    inputs = inputs_of(route)
    summary, _, rest = (inspect.getdoc(route.handler) or "").partition("\n")
    operation: dict[str, Any] = {
        "operationId": _camel(route.handler.__name__),
        "summary": summary.rstrip("."),
        "tags": [route.tag],
        "responses": responses(route, inputs, lambda model: schemas.of(model, "serialization")),
        "security": _security(route, inputs),
    }
    if rest.strip():
        operation["description"] = rest.strip()
    if parameters := list(_parameters(inputs)):
        operation["parameters"] = parameters
    if inputs.body:
        content = {"application/json": {"schema": schemas.of(inputs.body, "validation")}}
        if route.tokens:
            content["text/plain"] = {"schema": _JSON_AS_TEXT}
        operation["requestBody"] = {"required": inputs.body_required, "content": content}
    return operation


def _security(route: Route, inputs: Inputs) -> list[dict[str, list[str]]]:
    if route.tokens:
        return [{"bearer": []}, {"beacon": []}]
    if not route.public:
        return [{"bearer": []}]
    return [{"bearer": []}, {}] if authenticates_itself(inputs) else []


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _parameters(inputs: Inputs) -> Iterator[dict[str, Any]]:
    for name, adapter in inputs.path.items():
        yield {"name": name, "in": "path", "required": True, "schema": adapter.json_schema()}
    for header, adapter in inputs.headers.values():
        yield {
            "name": header.name,
            "in": "header",
            "description": header.description,
            "required": False,
            "schema": _without_null(adapter),
        }
    if inputs.query:
        for field in inputs.query.model_fields.values():
            adapter = TypeAdapter(_annotated(field))
            yield {
                "name": field.alias,
                "in": "query",
                "required": field.is_required(),
                "schema": _without_null(adapter) | _default(field),
            }


def _default(field: FieldInfo) -> dict[str, Any]:
    return {} if field.is_required() or field.default is None else {"default": field.default}


def _annotated(field: FieldInfo) -> Any:
    """Returns a field's type with its constraints, as `Annotated` would spell it."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _without_null(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """Returns the schema without null: a parameter is left out, never null."""
    schema = adapter.json_schema()
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
    return schema | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})
