from __future__ import annotations

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from cara.app import ROUTES
from cara.web.openapi import OpenApiDocument

DOCUMENT = OpenApiDocument(ROUTES).content
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def operation(method, path):
    return DOCUMENT["paths"][path][method.lower()]


def test_the_document_is_valid_openapi_3_1():
    assert DOCUMENT["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_route_is_described_and_nothing_else():
    assert {(path, method) for path, method, _ in OPERATIONS} == {
        (route.path, route.method.lower()) for route in ROUTES
    }
    names = [described["operationId"] for _, _, described in OPERATIONS]
    assert len(names) == len(set(names))
    assert all(described["summary"] for _, _, described in OPERATIONS)


def test_every_error_is_a_problem_with_an_example_for_each_code():
    for path, method, described in OPERATIONS:
        for status, response in described["responses"].items():
            if int(status) < 400 or path == "/ready":
                continue
            assert list(response["content"]) == ["application/problem+json"], (method, path, status)
            for code, example in response["content"]["application/problem+json"]["examples"].items():
                assert example["value"]["code"] == code
                assert example["value"]["status"] == int(status)


@pytest.mark.parametrize(("path", "method", "described"), OPERATIONS, ids=lambda value: str(value)[:40])
def test_operations_of_the_api_tell_their_limits_and_what_they_need(path, method, described):
    responses = described["responses"]
    assert all("X-Request-Id" in response["headers"] for response in responses.values())
    if path.startswith("/api/"):
        assert "Retry-After" in responses["429"]["headers"]
        assert all("RateLimit" in response["headers"] for response in responses.values())
    if described["security"]:
        assert "401" in responses
    if "requestBody" in described:
        assert {"400", "413"} <= set(responses)


def test_what_comes_in_several_kinds_is_told_in_all_of_them():
    answer = operation("POST", "/api/gemini/process")["responses"]["200"]
    assert set(answer["content"]) == {"application/json", "text/event-stream"}
    answers = operation("POST", "/api/gemini/generate-feedback")["responses"]
    assert {"200", "202", "404", "409", "429"} <= set(answers)
    assert {"Location", "Retry-After"} <= set(answers["202"]["headers"])


def test_members_are_described_with_their_bounds():
    registration = DOCUMENT["components"]["schemas"]["NewAccount"]
    assert registration["additionalProperties"] is False
    assert registration["properties"]["name"]["maxLength"] == 100
    limit = next(p for p in operation("GET", "/api/sessions")["parameters"] if p["name"] == "limit")
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"], limit["required"]) == (1, 100, False)


def test_parameters_tell_their_defaults_their_choices_and_what_they_are_for():
    found = {p["name"]: p for p in operation("GET", "/api/sessions")["parameters"]}
    assert (found["limit"]["schema"]["default"], found["offset"]["schema"]["default"]) == (20, 0)
    for path, method, described in OPERATIONS:
        for parameter in described.get("parameters", ()):
            choices = parameter["schema"].get("anyOf", [parameter["schema"]])
            assert {"type": "null"} not in choices, (method, path, parameter["name"])
            assert parameter["in"] != "header" or parameter["description"]


def test_codes_that_programs_act_on_are_told():
    def codes(described, status):
        return set(described["responses"][status]["content"]["application/problem+json"]["examples"])

    signed_in = {"unauthenticated", "token_expired", "token_invalid"}
    following = operation("GET", "/api/gemini/jobs/{id}/events")
    assert codes(operation("GET", "/api/users/me"), "401") == signed_in
    assert codes(following, "401") == {*signed_in, "ticket_invalid"}
    assert following["security"] == [{"bearer": []}, {}]
    for path in ("register", "login", "refresh", "logout"):
        assert "database_unavailable" in codes(operation("POST", f"/api/auth/{path}"), "503")
    assert "503" not in operation("GET", "/api/openapi.json")["responses"]
    assert {"body_broken", "body_timeout"} <= codes(operation("POST", "/api/auth/login"), "400")
    assert {"resetAt", "category"} <= set(DOCUMENT["components"]["schemas"]["Problem"]["properties"])


def test_fields_are_told_with_the_answers_that_carry_them():
    answers = operation("POST", "/api/gemini/generate-feedback")["responses"]
    assert "Preference-Applied" in answers["200"]["headers"]
    assert "Location" not in answers["200"]["headers"]
    assert "Retry-After" in operation("POST", "/api/gemini/process")["responses"]["504"]["headers"]


def test_what_is_always_sent_is_required():
    schemas = DOCUMENT["components"]["schemas"]
    assert "tokenType" in schemas["SignedIn"]["required"]
    assert {"feedback", "problem"} <= set(schemas["FeedbackJob"]["required"])


async def test_the_document_is_served_as_it_is(client):
    response = await client.get("/api/openapi.json")
    assert response.content_type == "application/json"
    assert json.loads(await response.read()) == DOCUMENT
