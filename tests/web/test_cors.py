"""CORS: what a browser on the origin of the front end may send and read."""

from __future__ import annotations

from cara.setting_values import origin_of
from tests.learners import Learner

ORIGIN = "http://localhost:3000"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,content-type,if-match",
}


def assert_a_browser_may_read(response, origin=ORIGIN):
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    exposed = {name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed == {"Location", "Retry-After", "ETag", "X-Request-Id", "RateLimit", "RateLimit-Policy"}
    assert "Origin" in response.headers["Vary"]


async def test_a_preflight_allows_what_the_contract_names(client):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        response = await client.options(
            "/api/sessions/1", headers=PREFLIGHT | {"Access-Control-Request-Method": method}
        )
        assert response.status == 200
        assert method in response.headers["Access-Control-Allow-Methods"]
    asked = (
        "authorization,content-type,if-match,if-none-match,idempotency-key,prefer,last-event-id,accept,range,"
        "traceparent,sentry-trace,baggage"
    )
    response = await client.options(
        "/api/sessions", headers=PREFLIGHT | {"Access-Control-Request-Headers": asked}
    )
    assert {*response.headers["Access-Control-Allow-Headers"].lower().split(",")} == {*asked.split(",")}
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert response.headers["Access-Control-Max-Age"] == "600"


REFUSED = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000.evil.example"},
    {"Access-Control-Request-Method": "PURGE"},
    {"Access-Control-Request-Headers": "x-other"},
]


async def test_a_preflight_of_anything_else_is_refused(client):
    for asked in REFUSED:
        response = await client.options("/api/sessions", headers=PREFLIGHT | asked)
        assert response.status == 403, asked
        assert response.content_type == "application/problem+json"
        assert (await response.json())["code"] == "origin_refused"


async def test_other_origins_cannot_read_responses(client):
    for origin in ("https://evil.example", "null", "http://LOCALHOST:3000", "http://localhost:3000/"):
        response = await client.get("/health", headers={"Origin": origin})
        assert response.status == 200
        assert "Access-Control-Allow-Origin" not in response.headers
        assert response.headers["Vary"] == "Origin, Accept-Encoding"


async def test_a_browser_can_read_responses_and_every_kind_of_error(client, learner):
    async def read(status, method, path, **options):
        headers = {"Origin": ORIGIN, **learner.authorization, **options.pop("headers", {})}
        response = await client.request(method, path, headers=headers, **options)
        assert response.status == status
        assert_a_browser_may_read(response)

    await read(200, "GET", "/api/sessions")
    await read(400, "POST", "/api/sessions", json={})
    await read(401, "GET", "/api/sessions", headers={"Authorization": "Bearer forged"})
    await read(404, "GET", "/api/nowhere")
    await read(404, "GET", "/api/sessions/0190b0a0-0000-7000-8000-000000000000")
    await read(405, "DELETE", "/api/sessions")
    await read(
        413, "POST", "/api/sessions", data=b" " * 1_100_000, headers={"Content-Type": "application/json"}
    )


async def test_a_browser_can_read_a_rate_limit_error(served):
    client = await served(rate_limits="on", rate_limit_user="1/minute")
    learner = await Learner.registers(client)
    await learner.call("GET", "/api/sessions")
    response = await learner.call("GET", "/api/sessions", headers={"Origin": ORIGIN})
    assert response.status == 429
    assert_a_browser_may_read(response)


async def test_a_browser_can_read_an_unforeseen_error(served, broken_database_url):
    learner = await Learner.registers(await served(database_url=broken_database_url))
    response = await learner.call("GET", "/api/sessions", headers={"Origin": ORIGIN})
    assert response.status == 500
    assert_a_browser_may_read(response)
    problem = await response.json()
    assert problem["code"] == "internal_error"
    assert "sessions" not in problem["detail"]
    assert problem["requestId"] == response.headers["X-Request-Id"]


async def test_a_preflight_of_an_unknown_address_passes_so_that_the_404_can_be_read(client):
    response = await client.options("/api/nowhere", headers=PREFLIGHT)
    assert response.status == 200
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN

    refused = await client.options("/api/nowhere", headers=PREFLIGHT | {"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in refused.headers


async def test_every_configured_origin_is_allowed_and_a_wildcard_is_none(served):
    client = await served(frontend_url=("https://app.example.com", "https://beta.example.com", "*"))
    for origin in ("https://app.example.com", "https://beta.example.com"):
        assert_a_browser_may_read(await client.get("/health", headers={"Origin": origin}), origin)
        assert_a_browser_may_read(await client.get("/nowhere", headers={"Origin": origin}), origin)
    response = await client.get("/health", headers={"Origin": "https://other.example.com"})
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_options_without_an_origin_lists_the_methods(client):
    response = await client.options("/api/sessions")
    assert response.status == 204
    assert {*response.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS", "POST"}
    assert (await client.options("/api/nowhere")).status == 404


async def test_the_usual_front_ends_of_a_developer_are_welcome(client):
    for origin in ("http://localhost:3000", "http://localhost:5173"):
        assert_a_browser_may_read(await client.get("/health", headers={"Origin": origin}), origin)


async def test_an_origin_is_configured_in_any_spelling(served):
    typed = ("HTTPS://App.Example.com:443", "https://bücher.example")
    client = await served(frontend_url=tuple(map(origin_of, typed)))
    for origin in ("https://app.example.com", "https://xn--bcher-kva.example"):
        assert_a_browser_may_read(await client.get("/health", headers={"Origin": origin}), origin)
