"""The examples and the codes of problems in the OpenAPI document: complete, and true to their schemas."""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from pydantic import Field

import cara
import worker
from cara.errors import CaraError
from cara.web.models import RequestModel, ResponseModel, example
from cara.web.openapi import OpenApiDocument
from cara.web.problems import HTTP_CODES, HTTP_ERROR
from cara.web.routing import Route
from tests.openapi_document import document, invalid
from tests.test_documentation import REPOSITORY

DOCUMENT = document()
OPERATIONS = [
    (f"{method.upper()} {path}", described)
    for path, methods in DOCUMENT.content["paths"].items()
    for method, described in methods.items()
]
OF_COMMANDS = {"days_forgotten", "rollups_busy"}
"""Codes of errors that only commands of operators raise."""

NEVER_RAISED = {"database_trouble"}
"""Codes of errors that only their subclasses are raised of."""


def media_of(described: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The media types that an operation takes and gives, each by where it stands."""
    for kind, media in described.get("requestBody", {}).get("content", {}).items():
        yield f"body {kind}", media
    for status, response in described["responses"].items():
        for kind, media in response.get("content", {}).items():
            yield f"{status} {kind}", media


def test_every_model_has_what_an_example_of_it_needs():
    assert DOCUMENT.missing_examples == [], (
        "texts and numbers need an example: give the model one by `model_config = example(...)`"
    )


@pytest.mark.parametrize(("name", "described"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_every_body_and_every_response_has_valid_examples(name, described):
    for where, media in media_of(described):
        examples = [one["value"] for one in media.get("examples", {}).values()]
        examples += [media["example"]] if "example" in media else []
        assert examples, f"{name}, {where}: without an example (`example(...)` of a model, or `Content`)"
        for value in examples:
            assert invalid(media["schema"], value) == [], (name, where)


def test_the_examples_of_schemas_are_whole():
    for name, schema in DOCUMENT.content["components"]["schemas"].items():
        for value in schema.get("examples", ()):
            assert invalid(schema, value) == [], name


def test_the_calls_of_the_readme_are_the_examples():
    readme = (REPOSITORY / "README.md").read_text()
    sent = re.findall(r"localhost:3001(/api/\S+) .*?\n?.*?-d '(\{.*?\})'", readme)
    for path, call in (
        ("/api/auth/register", "NewAccount"),
        ("/api/gemini/process", "ProcessRequest"),
        ("/api/sessions", "NewSession"),
    ):
        [text] = [body for called, body in sent if called == path]
        assert DOCUMENT.content["components"]["schemas"][call]["examples"] == [json.loads(text)]


class Plain(ResponseModel):
    """Nothing says what its number may be."""

    number: int


class Partly(RequestModel):
    """The example of a body stays without what may be left out."""

    model_config = example(number=3)

    number: int
    note: str | None = Field(None)


async def gives_what_has_no_example(body: Partly) -> Plain:
    """Asks."""
    return Plain(number=body.number)


def test_what_has_no_example_is_named_and_described_without_one():
    plain = OpenApiDocument([Route("POST", "/plain", gives_what_has_no_example, tag="Test")])
    assert plain.missing_examples == ["Plain.number"]
    described = plain.content["paths"]["/plain"]["post"]
    media = dict(media_of(described))
    assert "examples" not in media["200 application/json"]
    assert media["body application/json"]["examples"] == {"Partly": {"value": {"number": 3}}}


def all_errors() -> set[type[CaraError]]:
    """Every error of Cara; imports all of it."""
    for package in (cara, worker):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    found, unseen = {CaraError}, [CaraError]
    while unseen:
        below = unseen.pop().__subclasses__()
        found.update(below)
        unseen += below
    return {error for error in found if error.__module__.startswith(("cara.", "worker."))}


def test_the_codes_of_all_errors_are_listed():
    listed = set(DOCUMENT.content["components"]["schemas"]["ProblemCode"]["enum"])
    assert {*HTTP_CODES.values(), HTTP_ERROR} <= listed
    unlisted = {error.code: error.__qualname__ for error in all_errors() if error.code not in listed}
    assert set(unlisted) == OF_COMMANDS | NEVER_RAISED, f"name them on a Route: {unlisted}"


def test_codes_are_listed_with_the_routes_that_have_them():
    answered = {
        code
        for _, described in OPERATIONS
        for where, media in media_of(described)
        if where.endswith("problem+json")
        for code in media["examples"]
    }
    assert answered <= set(DOCUMENT.content["components"]["schemas"]["ProblemCode"]["enum"])
    assert {"quota_exceeded", "token_expired", "commit_unknown", "expectation_failed"} <= answered
