"""The OpenAPI document: valid, complete, and without members that generated clients would misread."""

from __future__ import annotations

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import MISSING, Field, SecretStr

from cara.app import ROUTES
from cara.coach.routes import COACH_EVENTS
from cara.errors import CaraError
from cara.feedback.events.schemas import JOB_EVENTS
from cara.practice.schemas import FEATURE_TYPES
from cara.web.handlers import inputs_of
from cara.web.models import PatchModel, RequestModel
from cara.web.openapi import TAGS, OpenApiDocument
from cara.web.routing import Route

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
def test_operations_describe_their_limits_and_their_security(path, method, described):
    responses = described["responses"]
    assert all("X-Request-Id" in response["headers"] for response in responses.values())
    if path.startswith("/api/"):
        assert "Retry-After" in responses["429"]["headers"]
        assert all("RateLimit" in response["headers"] for response in responses.values())
    if described["security"]:
        assert "401" in responses
    if "requestBody" in described:
        assert {"400", "413", "415"} <= set(responses)


def test_alternative_responses_are_all_described():
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


def test_parameters_have_defaults_choices_and_descriptions():
    found = {p["name"]: p for p in operation("GET", "/api/sessions")["parameters"]}
    assert (found["limit"]["schema"]["default"], found["offset"]["schema"]["default"]) == (20, 0)
    for path, method, described in OPERATIONS:
        for parameter in described.get("parameters", ()):
            choices = parameter["schema"].get("anyOf", [parameter["schema"]])
            assert {"type": "null"} not in choices, (method, path, parameter["name"])
            assert parameter["description"], (method, path, parameter["name"])


def test_codes_that_programs_act_on_are_described():
    def codes(described, status):
        return set(described["responses"][status]["content"]["application/problem+json"]["examples"])

    signed_in = {"unauthenticated", "token_expired", "token_invalid"}
    following = operation("GET", "/api/gemini/jobs/{id}/events")
    assert codes(operation("GET", "/api/users/me"), "401") == signed_in
    assert codes(following, "401") == {*signed_in, "ticket_invalid"}
    for path in ("register", "login", "refresh", "logout"):
        assert "database_unavailable" in codes(operation("POST", f"/api/auth/{path}"), "503")
        assert codes(operation("POST", f"/api/auth/{path}"), "403") == {"origin_refused"}
    assert "503" not in operation("GET", "/api/openapi.json")["responses"]
    assert "body_broken" in codes(operation("POST", "/api/auth/login"), "400")
    assert codes(operation("POST", "/api/auth/login"), "408") == {"body_timeout"}
    assert {"resetAt", "category"} <= set(DOCUMENT["components"]["schemas"]["Problem"]["properties"])


def test_header_fields_are_described_with_their_responses():
    answers = operation("POST", "/api/gemini/generate-feedback")["responses"]
    assert "Preference-Applied" in answers["200"]["headers"]
    assert "Location" not in answers["200"]["headers"]
    assert "Retry-After" in operation("POST", "/api/gemini/process")["responses"]["504"]["headers"]


def test_members_that_are_always_sent_are_required():
    schemas = DOCUMENT["components"]["schemas"]
    assert "tokenType" in schemas["SignedIn"]["required"]
    assert {"feedback", "problem"} <= set(schemas["FeedbackJob"]["required"])


def test_no_schema_is_named_like_one_of_its_members():
    """Python clients name a variable for each of them, in the same function."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert name.lower() not in {member.lower() for member in schema.get("properties", ())}, name


def bodies(document):
    """The schema of every request body of a document, by method and path."""
    return {
        f"{method} {path}": described["requestBody"]["content"]["application/json"]["schema"]
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if "requestBody" in described
    }


def reachable(schema, document, seen=()):
    """A schema and all within it, references followed."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    inner += [
        one for keyword in ("anyOf", "oneOf", "allOf", "prefixItems") for one in schema.get(keyword, ())
    ]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    reference = schema.get("$ref", "")
    if reference and reference not in seen:
        seen = (*seen, reference)
        inner.append(document["components"]["schemas"][reference.rpartition("/")[2]])
    for one in inner:
        yield from reachable(one, document, seen)


def acted_upon(document):
    """Where a request body says what a generated client would act upon."""
    return {
        (place, keyword)
        for place, body in bodies(document).items()
        for schema in reachable(body, document)
        for keyword in ("default", "writeOnly")
        if keyword in schema
    }


class Nested(RequestModel):
    note: str | None = None
    default: str = "a member of this name is none"


class Both(RequestModel):
    """Comes in and goes out."""

    nested: Nested | None = None
    several: list[Nested] = Field(default_factory=list)
    limit: int = 20
    marked: int = Field(3, json_schema_extra={"default": 3})
    password: SecretStr = SecretStr("")


async def both_ways(body: Both) -> Both:
    """Gives back what it takes."""
    return body


def test_no_request_body_has_defaults_that_a_client_would_send_or_require():
    assert len(bodies(DOCUMENT)) > 8
    assert acted_upon(DOCUMENT) == set()


def test_members_that_are_always_sent_have_no_default():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert not [inner for inner in reachable(schema, DOCUMENT) if "default" in inner], name


def test_a_shared_model_is_optional_in_requests_and_complete_in_responses():
    document = OpenApiDocument([Route("POST", "/both", both_ways, tag="Test")]).content
    OpenAPIV31SpecValidator(document).validate()
    assert acted_upon(document) == set()
    taken = document["components"]["schemas"][bodies(document)["post /both"]["$ref"].rpartition("/")[2]]
    assert set(taken["properties"]) == {"nested", "several", "limit", "marked", "password"}
    assert "required" not in taken
    nested = document["components"]["schemas"][
        taken["properties"]["several"]["items"]["$ref"].rpartition("/")[2]
    ]
    assert "default" in nested["properties"]


def test_schemas_that_break_these_rules_are_found():
    document = {
        "paths": {"/a": {"patch": {"requestBody": {"content": {"application/json": {"schema": {
            "$ref": "#/components/schemas/A"
        }}}}}}},
        "components": {"schemas": {"A": {"properties": {"a": {"items": {"anyOf": [{"default": None}]}}}}}},
    }  # fmt: skip
    assert acted_upon(document) == {("patch /a", "default")}


def test_every_patch_body_tells_members_that_are_left_out():
    patched = {route.path: inputs_of(route).body for route in ROUTES if route.method == "PATCH"}
    assert {"/api/sessions/{id}", "/api/users/me"} <= set(patched)
    for path, model in patched.items():
        assert issubclass(model, PatchModel), path
        assert model().provided() == {}, path


def test_a_member_of_a_patch_is_refused_a_default():
    class Renaming(PatchModel):
        name: str | MISSING | None = MISSING

    assert Renaming.model_validate_json('{"name": null}').provided() == {"name": None}
    assert Renaming.model_validate_json("{}").name is MISSING
    with pytest.raises(TypeError, match=r"Finishing\.completed must be"):

        class Finishing(PatchModel):
            completed: bool = False

    with pytest.raises(TypeError, match=r"Required\.name must be"):

        class Required(Renaming):
            name: str


def test_json_without_a_model_allows_any_member():
    export = operation("GET", "/api/users/me/export")["responses"]["200"]["content"]["application/json"]
    rows = export["schema"]["properties"]["sessions"]["items"]
    assert rows == {"type": "object", "additionalProperties": True}
    assert {"exportedAt", "profile", "sessions", "audit"} <= set(export["schema"]["required"])


def test_every_enumeration_that_clients_want_has_a_name():
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["FeatureType"]["enum"] == list(FEATURE_TYPES)
    listed = json.dumps(schemas["FeatureType"]["enum"])
    assert json.dumps(DOCUMENT).count(listed) == 1
    for model in ("NewSession", "SessionSummary", "FeatureStatistics", "FeatureAdoption"):
        reference = schemas[model]["properties"]["featureType"]["$ref"]
        assert reference == "#/components/schemas/FeatureType", model
    [parameter] = [p for p in operation("GET", "/api/sessions")["parameters"] if p["name"] == "featureType"]
    assert parameter["schema"] == {"$ref": "#/components/schemas/FeatureType"}
    assert {"JobStatus", "JobStage", "ProblemCode"} <= set(schemas)


def test_clients_can_read_the_codes_of_later_versions():
    for name in ("Problem", "JobProblem"):
        code = DOCUMENT["components"]["schemas"][name]["properties"]["code"]
        assert code["anyOf"] == [{"$ref": "#/components/schemas/ProblemCode"}, {"type": "string"}], name


def test_events_have_a_schema_by_name():
    schemas = DOCUMENT["components"]["schemas"]
    for method, path, name, events in (
        ("GET", "/api/gemini/jobs/{id}/events", "JobEvent", JOB_EVENTS),
        ("POST", "/api/gemini/process", "CoachEvent", COACH_EVENTS),
    ):
        media = operation(method, path)["responses"]["200"]["content"]["text/event-stream"]
        assert media["schema"] == {"$ref": f"#/components/schemas/{name}"}
        assert list(media["examples"]) == list(events.data)
        choices = {one["$ref"].rpartition("/")[2] for one in schemas[name]["anyOf"]}
        models = {"Problem" if data is CaraError else data.__name__ for data in events.data.values()}
        assert choices == models
    assert set(schemas["JobStatusEvent"]["required"]) == {"status", "attempt"}


def test_each_way_to_authenticate_is_described_where_it_opens_something():
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {name: scheme.get("in") for name, scheme in schemes.items()} == {
        "bearer": None,
        "refreshCookie": "cookie",
        "eventsTicket": "query",
        "beaconToken": "query",
    }
    assert "__Secure-cara_refresh" in schemes["refreshCookie"]["description"]
    for path in ("refresh", "logout"):
        assert operation("POST", f"/api/auth/{path}")["security"] == [{"refreshCookie": []}, {}]
    assert operation("POST", "/api/auth/login")["security"] == []
    assert operation("GET", "/api/users/me")["security"] == [{"bearer": []}]
    following = operation("GET", "/api/gemini/jobs/{id}/events")
    assert following["security"] == [{"bearer": []}, {"eventsTicket": []}]
    posting = operation("POST", "/api/analytics/events")
    assert posting["security"] == [{"bearer": []}, {"beaconToken": []}]
    assert "text/plain" in posting["description"]
    assert list(posting["requestBody"]["content"]) == ["application/json"], "generators know no JSON as text"


def test_every_tag_is_described_in_the_order_of_the_document():
    used = {tag for _, _, described in OPERATIONS for tag in described["tags"]}
    assert used == set(TAGS), "describe a new tag in TAGS (cara/web/openapi.py)"
    assert [tag["name"] for tag in DOCUMENT["tags"]] == list(TAGS)


def test_names_that_clients_call_by_stay():
    names = """
        health ready openapi readDocumentation
        register login verify refresh logout logoutAll reauthenticate changePassword
        readProfile changeProfile deleteProfile exportProfile listAuditEntries
        openSession listSessions readSession changeSession deleteSession
        generateFeedback readJob cancelJob followJob process readQuota
        postEvents issueBeaconAddress readStatistics readAdoption exportAdoption
    """
    assert set(names.split()) <= {described["operationId"] for _, _, described in OPERATIONS}


async def test_the_document_is_served_as_it_is(client):
    response = await client.get("/api/openapi.json")
    assert response.content_type == "application/json"
    assert json.loads(await response.read()) == DOCUMENT
