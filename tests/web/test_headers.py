"""Header fields of every response, and HEAD."""

from __future__ import annotations

import re

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
ANSWERS = [("GET", "/health"), ("GET", "/api/nowhere"), ("PUT", "/health"), ("GET", "/api/sessions")]


async def test_every_answer_carries_a_request_id_and_the_security_fields(client):
    for method, path in ANSWERS:
        response = await client.request(method, path)
        assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-Id"])
        assert {name: response.headers[name] for name in SECURITY} == SECURITY


async def test_a_sane_request_id_is_kept_and_any_other_replaced(client):
    kept = await client.get("/health", headers={"X-Request-Id": "req-1.of_client"})
    assert kept.headers["X-Request-Id"] == "req-1.of_client"
    for insane in ("short", "x" * 65, "with space here", 'quo"ted-id', "ünïcödé-id", ""):
        replaced = await client.get("/health", headers={"X-Request-Id": insane})
        assert re.fullmatch(r"[0-9a-f]{32}", replaced.headers["X-Request-Id"])


async def test_hsts_is_sent_in_production_only(served, client):
    assert "Strict-Transport-Security" not in (await client.get("/health")).headers
    production = await served(environment="production")
    for path in ("/health", "/api/nowhere"):
        response = await production.get(path)
        assert response.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


async def test_head_answers_as_get_without_a_body(client, learner):
    for path in ("/health", "/api/openapi.json", "/api/sessions"):
        got = await learner.call("GET", path)
        head = await learner.call("HEAD", path)
        assert head.status == got.status == 200
        assert await head.read() == b""
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert (await client.head("/api/sessions")).status == 401
    assert (await client.head("/api/auth/login")).status == 405


async def test_a_stream_is_not_opened_by_head(learner):
    job = await learner.asks_for_feedback()
    assert (await learner.call("HEAD", job["eventsUrl"])).status == 405


async def test_the_server_names_no_software_and_shares_no_window(client):
    for path in ("/health", "/api/nowhere"):
        response = await client.get(path)
        assert response.headers.getall("Server") == ["cara"]
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_a_stream_is_neither_cached_nor_changed_nor_buffered_on_its_way(learner):
    job = await learner.asks_for_feedback()
    async with learner.client.get(job["eventsUrl"]) as response:
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Connection"] == "close"  # no proxy may use it again while we stop
        assert response.headers["X-Frame-Options"] == "DENY"
