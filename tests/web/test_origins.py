"""Which pages may sign in, refresh and sign out: those of Cara's own origin and of FRONTEND_URL."""

from __future__ import annotations

import logging
import time

import pytest

from cara.app import ROUTES
from tests.learners import Learner

WITH_COOKIE = ("register", "login", "refresh", "logout")
ACCOUNT = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
FRONT_ENDS = ("https://app.example.test", "https://app.example.test:8443")


def test_every_route_that_a_cookie_opens_or_that_signs_in_declares_the_check():
    """What needs a bearer token is not among them: a browser sends none by itself."""
    unsafe = {route.path for route in ROUTES if route.public and route.method not in ("GET", "HEAD")}
    checked = {route.path for route in ROUTES if route.origin_checked}
    assert unsafe == checked == {f"/api/auth/{name}" for name in WITH_COOKIE}


async def asks(client, path="/api/auth/logout", *, host="api.example.test", **fields):
    """Posts with the header fields, of which several may have one name; returns status, code and cookie."""
    headers = [("Host", host)]
    for name, values in fields.items():
        headers += [
            (name.replace("_", "-"), value) for value in ([values] if isinstance(values, str) else values)
        ]
    response = await client.post(path, json={}, headers=headers)
    body = await response.json()
    return response.status, body.get("code"), "Set-Cookie" in response.headers


@pytest.fixture
async def production(served):
    return await served(environment="production", frontend_url=FRONT_ENDS, console="off")


ALLOWED = [
    {},
    {"Origin": "https://app.example.test"},
    {"Origin": "https://app.example.test:443"},
    {"Origin": "HTTPS://APP.example.test"},
    {"Origin": "https://app.example.test:8443"},
    {"Origin": "https://app.example.test", "Sec_Fetch_Site": "same-site"},
    {"Origin": ["https://app.example.test", "https://app.example.test:8443"]},
    {"Origin": "https://api.example.test"},
    {"Origin": "https://api.example.test", "host": "api.example.test:443"},
    {"Origin": "https://api.example.test:8443", "host": "API.example.test:8443"},
    {"Origin": "https://[2001:db8::1]", "host": "[2001:db8::1]"},
    {"Origin": "http://localhost:3001", "host": "localhost:3001"},
    {"Origin": "http://[::1]:3001", "host": "[::1]:3001"},
    {"Sec_Fetch_Site": "same-origin"},
    {"Sec_Fetch_Site": "none"},
]
REFUSED = [
    {"Origin": "https://blog.example.test"},
    {"Origin": "https://example.test"},
    {"Origin": "https://app.example.test.evil.test"},
    {"Origin": "https://app.example.test."},
    {"Origin": "https://app.example.test:444"},
    {"Origin": "https://app.example.test:80"},
    {"Origin": "http://app.example.test"},
    {"Origin": "https://app.example.test/"},
    {"Origin": "https://evil@app.example.test"},
    {"Origin": "https://app.example.test, https://evil.test"},
    {"Origin": "https://app.example.test https://evil.test"},
    {"Origin": ["https://app.example.test", "https://evil.test"]},
    {"Origin": ["https://evil.test", "https://app.example.test"]},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "*"},
    {"Origin": "app.example.test"},
    {"Origin": "api.example.test"},
    {"Origin": "file://"},
    {"Origin": "ftp://api.example.test"},
    {"Origin": "https://api.example.test:8443"},
    {"Origin": "http://api.example.test"},
    {"Origin": "https://blog.example.test", "Sec_Fetch_Site": "same-origin"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": ["same-origin", "cross-site"]},
    {"Sec_Fetch_Site": "whatever"},
]


async def test_own_pages_front_ends_and_clients_that_are_no_browsers_are_let_through(production):
    for fields in ALLOWED:
        assert await asks(production, **fields) == (200, None, True), fields


async def test_pages_of_any_other_origin_are_refused_and_get_no_cookie(production):
    for fields in REFUSED:
        assert await asks(production, **fields) == (403, "origin_refused", False), fields


async def test_a_sibling_can_neither_register_nor_sign_in_nor_refresh_nor_sign_out(client, database):
    learner = await Learner.registers(client)
    sibling = {"Origin": "https://blog.example.test", "Cookie": f"cara_refresh={learner.refresh_token}"}
    for name, body in (
        ("register", ACCOUNT),
        ("login", {"email": learner.email, "password": learner.password}),
        ("refresh", None),
        ("logout", None),
    ):
        for options in (
            {"json": body},
            {"data": b"not even JSON", "headers": {"Content-Type": "text/plain"}},
        ):
            headers = sibling | options.pop("headers", {})
            response = await client.post(f"/api/auth/{name}", headers=headers, **options)
            assert (response.status, "Set-Cookie" in response.headers) == (403, False), name
    async with database.acquire() as connection:
        assert [row["action"] for row in await connection.fetch("select action from audit_log")] == [
            "registered"
        ]
        assert await connection.fetchval("select count(*) from refresh_tokens where replaced_at is null") == 1


async def test_in_development_plain_http_is_our_own_and_a_wildcard_lets_any_page_in(served):
    client = await served(frontend_url=("*",))
    for fields in REFUSED:
        assert (await asks(client, **fields))[0] == 200, fields
    client = await served(frontend_url=("http://localhost:3000",))
    assert (await asks(client, Origin="http://192.168.1.5:3001", host="192.168.1.5:3001"))[0] == 200
    assert (await asks(client, Origin="http://192.168.1.5:3002", host="192.168.1.5:3001"))[0] == 403


async def test_a_refused_page_counts_for_its_address_and_its_body_is_not_read(served):
    client = await served(rate_limits="on", rate_limit_address="2/minute", rate_limit_sign_in="100/minute")
    for status in (403, 403, 429):
        response = await client.post(
            "/api/auth/login", data=b"{", headers={"Origin": "https://evil.test", "Expect": "100-continue"}
        )
        assert response.status == status
        assert "q=2" in response.headers["RateLimit-Policy"]


async def test_a_refused_origin_is_logged_once_with_the_front_ends(client, caplog):
    with caplog.at_level(logging.WARNING, "cara.web.origins"):
        for _ in range(3):
            await client.get("/health", headers={"Origin": "http://localhost:8080"})
            await client.post("/api/auth/login", json={}, headers={"Origin": "http://localhost:8080"})
            await client.get("/health", headers={"Origin": "http://localhost:3000"})
            await client.get("/health", headers={"Origin": str(client.make_url("/").origin())})
            await client.get("/health", headers={"Sec-Fetch-Site": "cross-site"})
    [line] = caplog.messages
    assert "http://localhost:8080" in line
    assert "FRONTEND_URL (http://localhost:3000, http://localhost:5173)" in line
    assert f"127.0.0.1:{client.port}" in line


async def test_a_refused_preflight_and_a_request_without_an_origin_are_logged_too(served, caplog):
    preflight = {"Origin": "http://other.test", "Access-Control-Request-Method": "GET"}
    with caplog.at_level(logging.WARNING, "cara.web.origins"):
        assert (await (await served()).options("/api/sessions", headers=preflight)).status == 403
        await asks(await served(), Sec_Fetch_Site="cross-site")
    assert ["http://other.test" in line for line in caplog.messages] == [True, False]
    assert "another site" in caplog.messages[1]


async def test_the_log_of_refused_origins_does_not_grow_with_what_is_made_up(client, caplog):
    started = time.monotonic()
    with caplog.at_level(logging.WARNING, "cara.web.origins"):
        for number in range(50):
            await client.get("/health", headers={"Origin": f"https://{number}.{'x' * 2_000}.test"})
    assert 1 <= len(caplog.messages) <= 1 + time.monotonic() - started
    assert max(map(len, caplog.messages)) < 600
