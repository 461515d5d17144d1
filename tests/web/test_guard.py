"""The authentication guard, checked on every route, those added later included."""

from __future__ import annotations

import re
from typing import Any

import jwt
import pytest

from cara.app import ROUTES
from cara.web.guard import MAX_TOKEN_CHARACTERS
from cara.web.routing import Route
from tests.learners import Learner
from tests.web.bearer_tokens import forged_tokens

PUBLIC = {
    "GET /health",
    "GET /ready",
    "GET /api/openapi.json",
    "GET /api/docs",
    "POST /api/auth/register",
    "POST /api/auth/login",
    "POST /api/auth/refresh",
    "POST /api/auth/logout",
    "GET /api/gemini/jobs/{id}/events",
}
SOME_ID = "0190b0a0-0000-7000-8000-000000000000"

BODIES: dict[str, Any] = {"PATCH /api/sessions/{id}": {"title": "Mine now"}}

GUARDED = [route for route in ROUTES if not route.public]
WITH_ID = [route for route in ROUTES if "{" in route.path and route.path.startswith("/api")]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_only_these_routes_are_public():
    public = {name_of(route) for route in ROUTES if route.public}
    assert {name for name in public if name.split()[1].startswith("/api") or name in PUBLIC} <= PUBLIC
    assert all(route.path.startswith("/api") for route in GUARDED)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_every_other_route_refuses_every_bad_token(client, learner, settings):
    fields = forged_tokens(learner.access_token, settings)
    guarded = [
        *GUARDED,
        next(route for route in ROUTES if route.path.endswith("/events") and "{" in route.path),
    ]
    for route in guarded:
        path = re.sub(r"{\w+}", SOME_ID, route.path)
        for wrong, field in fields.items():
            response = await client.request(route.method, path, headers={"Authorization": field})
            assert response.status == 401, f"{name_of(route)} with {wrong}"
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert response.content_type == "application/problem+json"
    assert (await learner.call("GET", "/api/auth/verify")).status == 200


async def things_of(learner: Learner) -> dict[str, str]:
    """One of everything that a route names by its id."""
    job = await learner.asks_for_feedback()
    return {"/api/sessions/{id}": job["statusUrl"], "/api/gemini/jobs/{id}": job["jobId"]} | {
        "/api/sessions/{id}": (await learner.opens_session())["id"]
    }


@pytest.mark.parametrize("route", WITH_ID, ids=name_of)
async def test_objects_of_other_users_are_not_found(client, learner, route):
    things = await things_of(learner)
    kind = re.match(r".*?{\w+}", route.path)[0]
    assert kind in things, f"make one for {name_of(route)} in things_of"
    path = route.path.replace(kind, kind.replace("{id}", things[kind]))
    other = await Learner.registers(client)

    response = await other.call(route.method, path, json=BODIES.get(name_of(route)))
    assert response.status == 404, await response.text()
    unknown = await other.call(
        route.method, re.sub(r"{\w+}", SOME_ID, route.path), json=BODIES.get(name_of(route))
    )
    same = {"requestId", "status"}
    problem, other_problem = await response.json(), await unknown.json()
    assert {k: v for k, v in problem.items() if k not in same} == {
        k: v for k, v in other_problem.items() if k not in same
    }
    assert (await learner.call("GET", kind.replace("{id}", things[kind]))).status == 200


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/api/gemini/generate-feedback", {"transcript": "A talk."}),
        ("/api/gemini/process", {"prompt": "How did I do?"}),
    ],
)
async def test_a_session_of_another_user_cannot_be_named_in_a_body(client, learner, path, asked):
    session = await learner.opens_session()
    other = await Learner.registers(client)
    await other.expects(404, "POST", path, json={**asked, "sessionId": session["id"]})
    untouched = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert untouched["transcript"] is None


async def test_the_token_of_a_deleted_account_opens_nothing(learner, database):
    async with database.acquire() as connection:
        await connection.execute("delete from users where email = $1", learner.email)
    assert (await learner.call("GET", "/api/sessions")).status == 401


async def test_a_token_is_decoded_up_to_its_longest_length_and_refused_unread_beyond_it(client, monkeypatch):
    decoded: list[int] = []
    read_header = jwt.get_unverified_header

    def watched(token: str) -> Any:
        decoded.append(len(token))
        return read_header(token)

    monkeypatch.setattr(jwt, "get_unverified_header", watched)
    answers = []
    for length in (MAX_TOKEN_CHARACTERS, MAX_TOKEN_CHARACTERS + 1):
        response = await client.get("/api/auth/verify", headers={"Authorization": f"Bearer {'a' * length}"})
        problem = await response.json()
        answers.append((response.status, problem["code"], problem["detail"]))
    assert MAX_TOKEN_CHARACTERS == 4096
    assert answers == [
        (401, "token_invalid", "The token is not valid, or its sign-in has ended."),
        (401, "unauthenticated", "The bearer token is too long."),
    ]
    assert decoded == [MAX_TOKEN_CHARACTERS]
