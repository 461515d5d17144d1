"""The OpenAPI document of Cara, and what is wrong with a value by it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from openapi_schema_validator import OAS31Validator

from cara.app import ROUTES
from cara.web.openapi import OpenApiDocument
from cara.web.sse import EventTypes
from tests.streams import SentEvent


@cache
def document() -> OpenApiDocument:
    return OpenApiDocument(ROUTES)


def invalid(schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value by a schema of the document."""
    validator = OAS31Validator({**schema, "components": document().content["components"]})
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(value)]


def assert_described(events: Iterable[SentEvent], types: EventTypes) -> None:
    """Each event has the schema that the document names for events of its name."""
    schemas = {}
    for choice in document().content["components"]["schemas"][types.name]["anyOf"]:
        schemas[choice["$ref"].rpartition("/")[2]] = choice
    for event in events:
        model = types.data[event.name].__name__.replace("CaraError", "Problem")
        assert invalid(schemas[model], event.data) == [], event
