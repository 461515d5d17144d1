"""The load generator of the benchmarks against a real server: what it counts, and what it refuses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bench.load import Load, Measured, request_text
from bench.load_responses import LoadFailed, ResponseReader

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;ext=1\r\nyou\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server(asyncio.Protocol):
    """Answers each request by `pieces`, with a turn of the loop between them."""

    def __init__(self, seen: Seen, pieces: Callable[[int], list[bytes]]) -> None:
        self._seen, self._pieces = seen, pieces

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._seen.connections += 1

    def data_received(self, data: bytes) -> None:
        self._seen.requests.append(data)
        self._send(self._pieces(len(self._seen.requests)))

    def _send(self, pieces: list[bytes]) -> None:
        if not pieces:
            self._transport.close()
            return
        self._transport.write(pieces[0])
        if pieces[1:]:
            asyncio.get_running_loop().call_later(0.001, self._send, pieces[1:])


class Seen:
    """What the server has seen."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0


@asynccontextmanager
async def server(pieces: Callable[[int], list[bytes]]) -> AsyncIterator[Seen]:
    seen, loop = Seen(), asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Server(seen, pieces), "127.0.0.1", 0)
    seen.port = listening.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        listening.close()


async def measured(seen: Seen, *requests: str, connections: int = 3) -> Measured:
    load = Load(seen.port, requests or [request_text("GET", "/a", {})], connections)
    return await load.run(0.05, 0.2, os.getpid())


@pytest.mark.parametrize(
    "pieces",
    [
        [WHOLE],
        [CHUNKED],
        [EMPTY],
        [WHOLE[:10], WHOLE[10:36], WHOLE[36:]],
        [CHUNKED[:60], CHUNKED[60:-3], CHUNKED[-3:]],
    ],
)
async def test_responses_are_counted_once_over_connections_that_stay(pieces: list[bytes]) -> None:
    async with server(lambda _: pieces) as seen:
        found = await measured(seen)

    assert seen.connections == 3
    assert 0 < found.requests <= len(seen.requests)
    assert found.requests == len(found.milliseconds)
    assert min(found.milliseconds) > 0


async def test_requests_are_sent_in_turn_as_they_are() -> None:
    texts = [
        request_text("GET", "/a?limit=20", {"Authorization": "Bearer x"}),
        request_text("POST", "/b", {}, {"title": "Größe"}),
    ]
    async with server(lambda _: [WHOLE]) as seen:
        await measured(seen, *texts, connections=1)

    first, second, third = seen.requests[:3]
    assert first == third
    assert first.startswith(b"GET /a?limit=20 HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer x\r\n" in first
    head, _, body = second.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == b'{"title": "Gr\\u00f6\\u00dfe"}'


async def test_an_error_status_fails_with_the_request_and_the_answer() -> None:
    refused = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nslow"
    async with server(lambda number: [WHOLE if number < 20 else refused]) as seen:
        with pytest.raises(LoadFailed, match=r"GET /a was answered with 429: b'slow'"):
            await measured(seen)


async def test_a_connection_that_the_server_closes_fails() -> None:
    async with server(lambda number: [WHOLE] if number < 20 else []) as seen:
        with pytest.raises(LoadFailed, match="GET /a was not answered: the server closed"):
            await measured(seen)


async def test_an_answer_that_breaks_off_is_not_counted() -> None:
    async with server(lambda number: [WHOLE] if number < 20 else [WHOLE[:-1]]) as seen:
        load = Load(seen.port, [request_text("GET", "/a", {})], 1, answer_seconds=0.2)
        with pytest.raises(LoadFailed, match=r"1 requests had no answer within 0\.2 s"):
            await load.run(0.0, 0.1, os.getpid())


@pytest.mark.parametrize(
    ("received", "why"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "this is no response"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "tells no length"),
        (WHOLE + b"HTTP", "4 bytes stand behind the response"),
    ],
)
def test_what_is_no_response_is_refused(received: bytes, why: str) -> None:
    with pytest.raises(LoadFailed, match=why):
        ResponseReader().feed(received)


async def test_a_pause_is_kept_between_requests() -> None:
    async with server(lambda _: [WHOLE]) as seen:
        load = Load(seen.port, [request_text("GET", "/a", {})], 2, pause_seconds=60)
        found = await load.run(0.0, 0.2, os.getpid())

    assert len(seen.requests) == 2
    assert found.requests <= 2
