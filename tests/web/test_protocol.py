"""What arrives that is no proper request, or a proper one with an improper body."""

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


IMPROPER = [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "invalid_input"),
    (b"GET\r\n\r\n", 400, "invalid_input"),
    (b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n", 400, "invalid_input"),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"no colon\r\n\r\n", 400, "invalid_input"),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"X: \x00\r\n\r\n", 400, "invalid_input"),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431, "header_too_large"),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20_000 + b"\r\n\r\n", 431, "header_too_large"),
    (LOGIN + b"Content-Length: -1\r\n\r\n", 400, "invalid_input"),
    (LOGIN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "invalid_input"),
    (LOGIN + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, "invalid_input"),
    (LOGIN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, None),
    (LOGIN + b"Transfer-Encoding: gzip\r\n\r\n{}", 400, None),
    (LOGIN + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 400, None),
    (LOGIN + b"Content-Encoding: nonsense\r\nContent-Length: 2\r\n\r\n{}", 400, None),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 400 + b"\r\n", 431, "header_too_large"),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"Expect: miracles\r\n\r\n", 417, "expectation_failed"),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"Expect: 100-Continue\r\n\r\n", 200, None),
    (b"GET /nowhere HTTP/1.1\r\n" + HOST + b"Expect: miracles\r\n\r\n", 417, "expectation_failed"),
    (b"GET /nowhere\x7f%00%ff HTTP/1.1\r\n" + HOST + b"\r\n", 400, None),
    (b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n", 400, "invalid_input"),
    (b"PROPFIND /health HTTP/1.1\r\n" + HOST + b"\r\n", 405, "method_not_allowed"),
    (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", 404, None),
    (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404, None),
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
BELOW = [
    b"nonsense\r\n\r\n",
    b"GET /health HTTP/1.1\r\n"
    + HOST
    + b"Origin: http://localhost:3000\r\nX: "
    + b"a" * 20_000
    + b"\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /no HTTP/1.1\r\n" + HOST + b"Origin: http://localhost:3000\r\nExpect: miracles\r\n\r\n",
]


@pytest.fixture
async def port(served) -> int:
    """Where the application listens."""
    return (await served()).port


async def test_nothing_improper_is_answered_by_text_or_a_server_error(port):
    for text, status, code in IMPROPER:
        answer = await answer_to(port, text)
        assert answer.status == status, text[:80]
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        if status >= 400:
            assert code in (None, answer.problem["code"]), text[:80]


async def test_what_is_answered_below_the_application_carries_the_same_fields(served):
    production = await served(environment="production")
    whole = await production.get("/api/nowhere", headers={"Origin": ORIGIN})
    expected = {name.lower(): whole.headers[name] for name in COMMON}
    for text in BELOW:
        answer = await answer_to(production.port, text)
        assert answer.status in (400, 417, 431)
        assert {name: answer.headers.get(name) for name in expected} == expected, text[:80]
        assert answer.problem["requestId"] != whole.headers["X-Request-Id"]


async def test_where_several_origins_may_read_only_a_known_one_is_named(served):
    several = (ORIGIN, "https://app.example.com")
    client = await served(frontend_url=several)
    unread, expecting = await answer_to(client.port, BELOW[0]), await answer_to(client.port, BELOW[-1])
    assert "access-control-allow-origin" not in unread.headers
    assert expecting.headers["access-control-allow-origin"] == ORIGIN
    stranger = await answer_to(client.port, BELOW[-1].replace(b"localhost:3000", b"evil.example"))
    assert "access-control-allow-origin" not in stranger.headers


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


async def test_a_body_that_comes_too_slowly_is_not_waited_for(port, monkeypatch):
    monkeypatch.setattr(json_body, "READ_SECONDS", 0.1)
    answer = await answer_to(port, LOGIN + b"Content-Length: 100\r\n\r\n{")
    assert (answer.status, answer.problem["code"]) == (400, "body_timeout")


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


async def test_the_connection_is_closed_after_what_was_not_understood(port):
    connection = await RawConnection.open(port)
    await connection.send(b"nonsense\r\n\r\nGET /health HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await connection.answer()).status == 400
    assert await connection.ends()
    await connection.close()


async def test_a_client_that_leaves_amid_its_body_harms_nobody(port):
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
