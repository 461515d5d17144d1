"""What is wrong with which member of the input: codes, words and places, whatever pydantic says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from itertools import product
from json import dumps
from types import MappingProxyType
from typing import Annotated, Any, get_args
from urllib.parse import urlencode

import pytest
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter
from pydantic_core import PydanticKnownError

from cara.app import ROUTES
from cara.errors import FieldCode, FieldProblem, InvalidInput
from cara.web.field_problems import MEANINGS, WORDS
from cara.web.handlers import Inputs, _validated, inputs_of
from cara.web.json_body import _read
from cara.web.models import QueryModel, RequestModel
from cara.web.tags import MarkupBudget
from tests.learners import Learner

OURS = re.compile("(?:must|is) ")
PYDANTICS = re.compile("[Ii]nputs? |[Ff]ield required|should |[Vv]alue error|a valid ")
CONTEXT = dict.fromkeys(
    ("min_length", "max_length", "actual_length", "gt", "ge", "lt", "le"), 1
) | dict.fromkeys(("class_name", "error", "expected", "field_type", "pattern"), "a")
"""What pydantic wants to know for its own words."""

INPUTS = [inputs_of(route) for route in ROUTES]

NUMBERS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
ERRORS = {
    "model": {"model_type"},
    "model-fields": {"missing", "extra_forbidden", "model_type"},
    "dict": {"dict_type"},
    "list": {"list_type", "too_short", "too_long"},
    "str": {"string_type", "string_too_short", "string_too_long"},
    "bool": {"bool_type", "bool_parsing"},
    "int": {"int_type", "int_parsing", "int_parsing_size", "int_from_float", *NUMBERS},
    "float": {"float_type", "float_parsing", "finite_number", *NUMBERS},
    "uuid": {"uuid_type", "uuid_parsing"},
    "literal": {"literal_error"},
}
"""The errors that each kind of schema can cause with JSON, or with the text of a parameter."""
HARMLESS = {
    "any",
    "default",
    "model-field",
    "nullable",
    "function-after",
    "function-before",
    "function-plain",
    "is-instance",  # of `JsonText`, which `FreeJson` makes of what it does not refuse
    "missing-sentinel",
    "union",
}
"""Kinds of schemas that cause no errors beside those of the schemas, and of our own functions, within."""


def kinds(schema: Any, defined: Mapping[str, Any] = MappingProxyType({})) -> Iterator[str]:
    """Every kind of schema within one, as far as it validates JSON."""
    if isinstance(schema, list | tuple):
        for each in schema:
            yield from kinds(each, defined)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "definitions":
        defined = {one["ref"]: one for one in schema["definitions"]}
        yield from kinds(schema["schema"], defined)
        return
    if schema.get("type") == "definition-ref":
        yield from kinds(defined[schema["schema_ref"]], defined)
        return
    for alternative in ("json_schema", "strict_schema"):
        if alternative in schema:
            yield from kinds(schema[alternative], defined)
            return
    if isinstance(schema.get("type"), str) and schema["type"] not in ("no-info", "with-info"):
        yield schema["type"]
    for name, inside in schema.items():
        if name not in ("serialization", "metadata", "expected", "default"):
            yield from kinds(inside, defined)


def schemas(inputs: Inputs) -> Iterator[Any]:
    """The schemas of everything that a handler reads of a request."""
    yield from (model.__pydantic_core_schema__ for model in (inputs.body, inputs.query) if model)
    yield from (adapter.core_schema for adapter in inputs.path.values())
    yield from (adapter.core_schema for _, adapter in inputs.headers.values())


def test_there_are_words_for_every_error_that_a_request_can_cause() -> None:
    found = {kind for inputs in INPUTS for schema in schemas(inputs) for kind in kinds(schema)}
    assert found - HARMLESS - set(ERRORS) == set(), (
        "say above which errors it can cause, and give WORDS for them"
    )
    assert set().union(*ERRORS.values()) == set(WORDS)


@pytest.mark.parametrize("kind", WORDS)
def test_the_words_are_ours(kind: str) -> None:
    code, message = WORDS[kind]
    assert code in MEANINGS
    assert OURS.match(message)
    assert not PYDANTICS.search(message)
    assert PydanticKnownError(kind, CONTEXT).type == kind, "pydantic knows no such error"


def test_every_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(get_args(FieldCode))


WRONG = (
    None,
    True,
    -1,
    10**15,
    0.5,
    1e35,
    "",
    " \t",
    "x",
    "x" * 300_000,
    "cara.x",
    "2026-02-30",
    "9999-12-31T23:59:59-12:00",
    "Ada <ada@example.com>",
    "01a210b2-7033-8223-92a9-ba07b2cf72ba",
    [],
    [{}],
    [None] * 1_001,
    {},
    {"a": [[[[[[1]]]]]]},
    {"a": "x" * 9_000},
)


def members(model: type[BaseModel]) -> set[str]:
    """The names of its members; of one with alternatives those of all models within."""
    schema = model.model_json_schema()
    objects = [schema] if "properties" in schema else schema["$defs"].values()
    return {name for each in objects for name in each.get("properties", {})}


def refusals(model: type[BaseModel], sent: dict[str, Any], *, as_query: bool = False) -> list[FieldProblem]:
    try:
        if as_query:
            _validated(TypeAdapter(model), sent, "query")
        else:
            _read(model, dumps(sent).encode(), MarkupBudget())
    except InvalidInput as refused:
        return list(refused.fields)
    pytest.fail(f"accepted {sent}")


def test_no_value_of_any_member_is_refused_in_other_words() -> None:
    for inputs in INPUTS:
        for model in filter(None, (inputs.body, inputs.query)):
            for name, value in product(members(model), WRONG):
                sent = {name: value if model is inputs.body else str(value), "unknown": "1"}
                for problem in refusals(model, sent, as_query=model is inputs.query):
                    assert problem.code in MEANINGS
                    assert problem.code != "invalid", f"raise InvalidValue, no other ValueError: {problem}"
                    assert OURS.match(problem.message), problem
                    assert not PYDANTICS.search(problem.message), problem


class Sentence(RequestModel):
    spoken_by: str
    words: Annotated[list[Annotated[str, Field(max_length=3)]], Field(min_length=2)]


class Talk(RequestModel):
    content: Sentence | list[Sentence] | str | None
    notes: dict[Annotated[str, Field(max_length=3)], Annotated[float, Field(lt=0.5)]] | None = None


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({}, [("content", "required", None)]),
        ({"content": {}}, [("content.spokenBy", "required", None), ("content.words", "required", None)]),
        (
            {"content": [{"spokenBy": "Ada", "words": ["one", "four"]}, {"spokenBy": "Ada", "words": [""]}]},
            [("content.0.words.1", "too_long", 3), ("content.1.words", "too_few", 2)],
        ),
        (
            {"content": "a", "notes": {"a": 0.5, "long": 0}},
            [("notes.a", "too_large", 0.5), ("notes.long", "too_long", 3)],
        ),
        ({"content": "a", "notes": {"a.b": "x"}}, [("notes.a.b", "type", None)]),
    ],
)
def test_a_place_is_the_path_in_what_was_sent(sent: dict[str, Any], found: list[Any]) -> None:
    problems = refusals(Talk, sent)
    listed = [(item.field, item.code, item.limit) for item in problems]
    assert listed == found


def test_what_fits_no_alternative_is_one_problem() -> None:
    sent = {"content": 5}
    [problem] = refusals(Talk, sent)
    assert problem == FieldProblem(
        "content", "type", "must be an object, or must be an array, or must be a string"
    )


def _fail(value: str) -> str:
    raise ValueError(f"{value} is not good")


class Foreign(QueryModel):
    word: Annotated[str, AfterValidator(_fail)]
    address: IPv4Address


def test_an_error_without_words_of_ours_says_neither_pydantics_nor_the_value() -> None:
    problems = refusals(Foreign, {"word": "secret", "address": "secret"}, as_query=True)
    assert problems == [FieldProblem(name, "invalid", "is not valid") for name in ("word", "address")]


SESSIONS, EVENTS, PROCESS = "POST /api/sessions", "POST /api/analytics/events", "POST /api/gemini/process"
SESSION = "PATCH /api/sessions/0190b0a0-0000-7000-8000-000000000000"
ACCOUNT = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
REFUSED: list[tuple[str, Any, dict[str, str]]] = [
    (SESSIONS, {}, {"featureType": "required"}),
    (SESSIONS, "", {"body": "required"}),
    (SESSIONS, "{", {"body": "invalid_json"}),
    (SESSIONS, "[]", {"body": "type"}),
    (SESSIONS, '{"a": 1, "a": 1}', {"a": "duplicate"}),
    (SESSIONS, '{"title": "\\u0000"}', {"title": "unstorable"}),
    (SESSIONS, '{"a": [1, -1e999]}', {"a.1": "out_of_range"}),
    (SESSIONS, '{"a": {"b": 9223372036854775808}}', {"a.b": "out_of_range"}),
    (SESSIONS, '{"a": ' + "[" * 99 + "]" * 99 + "}", {"body": "too_deep"}),
    (SESSIONS, {"a": [0] * 20_001}, {"body": "too_many"}),
    (
        SESSIONS,
        {"featureType": "dance", "title": "x" * 201, "feature_type": "writing"},
        {"featureType": "not_allowed", "title": "too_long", "feature_type": "unknown"},
    ),
    (
        SESSION,
        {"title": 5, "durationSeconds": -1, "score": 101, "completed": None, "feedbackJson": []},
        {
            "title": "type",
            "durationSeconds": "too_small",
            "score": "too_large",
            "completed": "type",
            "feedbackJson": "type",
        },
    ),
    (SESSION, {"feedbackJson": {"a": ["<<<b>b>b>" * 5] * 9_000}}, {"feedbackJson": "markup"}),
    (PROCESS, {"prompt": " hi    "}, {"prompt": "too_short"}),
    (
        PROCESS,
        {
            "prompt": "Hello there",
            "sessionId": "x",
            "conversationHistory": [{"role": "user", "content": " "}],
        },
        {"sessionId": "format", "conversationHistory.0.content": "blank"},
    ),
    (
        EVENTS,
        {"events": [{"eventType": "a"}, {"eventType": "cara.a", "occurredAt": "now"}, 1]},
        {"events.1.eventType": "reserved", "events.1.occurredAt": "format", "events.2": "type"},
    ),
    (EVENTS, {"events": []}, {"events": "too_few"}),
    (EVENTS, {"eventType": "a", "metadata": {"a": "x" * 9_000}}, {"metadata": "too_large"}),
    ("POST /api/auth/register", ACCOUNT | {"password": "12345678"}, {"password": "password_common"}),
    (
        "POST /api/auth/register",
        ACCOUNT | {"email": "ada", "name": ""},
        {"email": "format", "name": "blank"},
    ),
    ("PATCH /api/users/me", {"timezone": "Mars"}, {"timezone": "not_allowed"}),
    (
        "GET /api/sessions",
        {"limit": "0", "offset": "x", "a": ""},
        {"limit": "too_small", "offset": "type", "a": "unknown"},
    ),
    ("GET /api/sessions", {"cursor": "x"}, {"cursor": "format"}),
    ("GET /api/sessions", [("limit", "1"), ("limit", "2")], {"limit": "duplicate"}),
    ("GET /api/sessions/x", {}, {"id": "format"}),
    ("GET /api/analytics/stats", {"from": "1999-01-01"}, {"from": "out_of_range"}),
    ("GET /api/analytics/stats", {"from": "2026-02-02", "to": "2026-02-01"}, {"from": "mismatch"}),
]


async def test_every_kind_of_refusal_has_its_code(learner: Learner) -> None:
    for route, sent, found in REFUSED:
        method, path = route.split()
        options: dict[str, Any] = {"json": sent}
        if method == "GET":
            path, options = f"{path}?{urlencode(sent)}", {}
        elif isinstance(sent, str):
            options = {"data": sent, "headers": {"Content-Type": "application/json"}}
        problem = await learner.expects(400, method, path, **options)
        assert {item["field"]: item["code"] for item in problem["errors"]} == found, route
        assert not PYDANTICS.search(problem["detail"]), problem
        for item in problem["errors"]:
            assert OURS.match(item["message"]), item
            assert ("limit" in item) == item["code"].startswith("too_"), item


async def test_a_taken_email_is_a_problem_of_its_field(learner: Learner) -> None:
    account = ACCOUNT | {"email": learner.email}
    problem = await learner.expects(409, "POST", "/api/auth/register", json=account)
    assert [(item["field"], item["code"]) for item in problem["errors"]] == [("email", "taken")]
