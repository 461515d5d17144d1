"""Bytes that are not HTTP, improper requests, and proper requests with improper bodies."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from cara.web import json_body
from tests.web.raw import RawConnection, answer_to

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
LOGIN = b"POST /api/auth/login HTTP/1.1\r\n" + HOST + JSON


NOT_HTTP = [
    b"nonsense\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"no colon\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"X: \x00\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 400 + b"\r\n",
    b"GET /nowhere\x7f%00%ff HTTP/1.1\r\n" + HOST + b"\r\n",
    b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n",
    LOGIN + b"Content-Length: -1\r\n\r\n",
    LOGIN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    LOGIN + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    LOGIN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    LOGIN + b"Transfer-Encoding: gzip\r\n\r\n{}",
]
IMPROPER = [
    (LOGIN + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 400, "body_broken"),
    (LOGIN + b"Content-Encoding: nonsense\r\nContent-Length: 2\r\n\r\n{}", 415, "unsupported_media_type"),
    (LOGIN + b"Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}", 415, "unsupported_media_type"),
    (
        LOGIN + b"Content-Encoding: gzip\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
        415,
        "unsupported_media_type",
    ),
    (LOGIN + b"Content-Encoding: br\r\nContent-Length: 0\r\n\r\n", 400, "invalid_input"),
    (LOGIN + b"Content-Encoding: br\r\n\r\n", 400, "invalid_input"),
    (LOGIN + b"Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "invalid_input"),
    (LOGIN + b"Content-Encoding:\r\nContent-Length: 2\r\n\r\n{}", 400, "invalid_input"),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"Expect: miracles\r\n\r\n", 417, "expectation_failed"),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"Expect: 100-Continue\r\n\r\n", 200, None),
    (b"GET /nowhere HTTP/1.1\r\n" + HOST + b"Expect: miracles\r\n\r\n", 417, "expectation_failed"),
    (b"PROPFIND /health HTTP/1.1\r\n" + HOST + b"\r\n", 405, "method_not_allowed"),
    (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", 404, "not_found"),
    (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404, "not_found"),
    (b"GET http://elsewhere.example/health HTTP/1.1\r\n" + HOST + b"\r\n", 200, None),
    (b"GET /health HTTP/1.0\r\n\r\n", 200, None),
]


ORIGIN = "http://localhost:3000"
COMMON = (
    "Server",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Content-Security-Policy",
    "Cache-Control",
    "Strict-Transport-Security",
    "Vary",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
)
EXPECTING = b"GET /no HTTP/1.1\r\n" + HOST + b"Origin: http://localhost:3000\r\nExpect: miracles\r\n\r\n"


@pytest.fixture
async def port(served) -> int:
    """The port of the application."""
    return (await served()).port


async def test_bytes_that_are_not_http_are_refused_in_plain_text_and_the_connection_is_closed(port):
    for text in NOT_HTTP:
        connection = await RawConnection.open(port)
        await connection.send(text)
        answer = await connection.answer()
        assert answer.status == 400, text[:80]
        assert answer.headers["content-type"].startswith("text/plain"), text[:80]
        for inside in (b"Traceback", b"/cara/", b"site-packages", b"asyncpg", b"postgresql"):
            assert inside not in answer.body, text[:80]
        assert await connection.ends()
        await connection.close()


async def test_improper_requests_are_answered_by_problems(port):
    for text, status, code in IMPROPER:
        answer = await answer_to(port, text)
        assert answer.status == status, text[:80]
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        if status >= 400:
            assert answer.problem["code"] == code, text[:80]


async def test_an_expectation_that_is_not_met_is_answered_with_the_usual_header_fields(served):
    production = await served(environment="production")
    whole = await production.get("/api/nowhere", headers={"Origin": ORIGIN})
    expected = {name.lower(): whole.headers[name] for name in COMMON}
    answer = await answer_to(production.port, EXPECTING)
    assert answer.status == 417
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert answer.problem["requestId"] != whole.headers["X-Request-Id"]


async def test_an_expectation_that_is_not_met_is_readable_for_configured_origins_only(served):
    client = await served(frontend_url=(ORIGIN, "https://app.example.com"))
    answer = await answer_to(client.port, EXPECTING)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    foreign = await answer_to(client.port, EXPECTING.replace(b"localhost:3000", b"evil.example"))
    assert "access-control-allow-origin" not in foreign.headers


async def test_a_compressed_body_is_read_and_a_bomb_is_refused(port):
    head = LOGIN + b"Content-Encoding: gzip\r\n"
    small = gzip.compress(b'{"email": "nobody@example.com", "password": "wrong"}')
    answer = await answer_to(port, head + b"Content-Length: %d\r\n\r\n" % len(small) + small)
    assert answer.problem["code"] == "invalid_credentials"

    bomb = gzip.compress(b" " * 100_000_000)
    answer = await answer_to(port, head + b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb)
    assert (answer.status, answer.problem["code"]) == (413, "payload_too_large")

    half = small[:-12]
    answer = await answer_to(port, head + b"Content-Length: %d\r\n\r\n" % len(half) + half)
    assert (answer.status, answer.problem["code"]) == (400, "body_broken")


async def test_a_bomb_is_inflated_nowhere_but_where_a_body_is_wanted_and_within_its_limit(port, monkeypatch):
    inflated: list[int] = []
    inflating = zlib.decompressobj

    class Watched:
        def __init__(self, *options: Any, **named: Any) -> None:
            self._inflating = inflating(*options, **named)

        @property
        def eof(self) -> bool:
            return self._inflating.eof

        def decompress(self, *data: Any) -> bytes:
            found = self._inflating.decompress(*data)
            inflated.append(len(found))
            return found

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    bomb = gzip.compress(b" " * 20_000_000)
    sent = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    for path, status in ((b"/api/auth/login", 413), (b"/nothing", 404), (b"/api/sessions", 401)):
        answer = await answer_to(port, LOGIN.replace(b"/api/auth/login", path) + sent)
        assert answer.status == status
    assert inflated == [json_body.MAX_BODY_BYTES + 1]


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(port):
    answer = await answer_to(
        port, LOGIN + b"Origin: http://localhost:3000\r\nContent-Length: 1048577\r\n\r\n"
    )
    assert (answer.status, answer.problem["code"]) == (413, "payload_too_large")
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_a_body_without_a_length_is_refused_once_it_is_too_large(port):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = await answer_to(port, LOGIN + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17)
    assert (answer.status, answer.problem["code"]) == (413, "payload_too_large")


async def test_a_body_that_arrives_too_slowly_is_refused(port, monkeypatch):
    monkeypatch.setattr(json_body, "READ_SECONDS", 0.1)
    answer = await answer_to(port, LOGIN + b"Content-Length: 100\r\n\r\n{")
    assert (answer.status, answer.problem["code"]) == (408, "body_timeout")


async def test_a_body_is_asked_for_only_when_it_is_wanted(port):
    expecting = HOST + JSON + b"Expect: 100-continue\r\nContent-Length: 52\r\n\r\n"
    answer = await answer_to(port, b"POST /api/sessions HTTP/1.1\r\n" + expecting)
    assert (answer.status, answer.interim) == (401, [])

    connection = await RawConnection.open(port)
    await connection.send(b"POST /api/auth/login HTTP/1.1\r\n" + expecting)
    await connection.send(b'{"email": "nobody@example.com", "password": "wrong"}')
    answer = await connection.answer()
    assert (answer.status, answer.interim) == (401, [100])
    assert answer.problem["code"] == "invalid_credentials"
    await connection.close()


async def test_the_connection_is_closed_after_bytes_that_are_not_http(port):
    connection = await RawConnection.open(port)
    await connection.send(b"nonsense\r\n\r\nGET /health HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await connection.answer()).status == 400
    assert await connection.ends()
    await connection.close()


async def test_a_client_that_leaves_within_its_body_disturbs_no_other(port):
    connection = await RawConnection.open(port)
    await connection.send(LOGIN + b"Content-Length: 100\r\n\r\n{")
    await connection.close()
    assert (await answer_to(port, b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")).status == 200


async def test_pipelined_requests_are_answered_in_turn(port):
    connection = await RawConnection.open(port)
    await connection.send(
        (b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n") * 2 + b"GET /no HTTP/1.1\r\n" + HOST + b"\r\n"
    )
    assert [(await connection.answer()).status for _ in range(3)] == [200, 200, 404]
    await connection.close()
