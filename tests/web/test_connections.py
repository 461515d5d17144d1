"""Connections: how many an address may hold, how many there may be, and how long one may keep waiting."""

from __future__ import annotations

import asyncio
import errno
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from cara.devtools.servers.ports import free_port
from cara.web import connections
from cara.web.client_info import TrustedProxies
from cara.web.connections import ConnectionLimits
from cara.web.descriptors import (
    ACCEPT_FAILED,
    MOST_DESCRIPTORS,
    raise_descriptor_limit,
    room_for_connections,
)
from tests.conftest import make_settings
from tests.waiting import time_limit
from tests.web.raw import RawConnection

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
ENDLESS = b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n"
HOSTILE, OTHER = "127.0.0.2", "127.0.0.3"

Listening = Callable[..., Awaitable[int]]


async def endless(request: web.Request) -> web.StreamResponse:
    """Writes for as long as somebody reads."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def healthy(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    """Starts a server with the given limits; returns its port."""
    app = web.Application()
    app.router.add_get("/health", healthy)
    app.router.add_get("/endless", endless)
    app.router.add_post("/echo", echo)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    listeners: list[asyncio.Server] = []

    async def listen(*, per_address: int = 100, total: int = 100, exempt: tuple[str, ...] = ()) -> int:
        limits = ConnectionLimits(per_address=per_address, total=total, exempt=TrustedProxies(exempt))
        port = free_port()
        assert runner.server is not None
        listeners.append(await connections.listen(runner.server, "127.0.0.1", port, limits))
        return port

    yield listen
    for listener in listeners:
        listener.close()
    await runner.cleanup()
    assert REGISTRY.get_sample_value("cara_http_connections_open") == 0


def closed_for(limit: str) -> float:
    return REGISTRY.get_sample_value("cara_http_connections_closed_total", {"limit": limit}) or 0


async def is_served(port: int, source: str) -> bool:
    """Whether a request on a new connection is answered."""
    connection = await RawConnection.open(port, source)
    try:
        await connection.send(GET)
        return (await connection.answer()).status == 200
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    finally:
        await connection.close()


async def opened(port: int, source: str, count: int) -> list[RawConnection]:
    return [await RawConnection.open(port, source) for _ in range(count)]


async def test_an_address_that_holds_too_many_connections_is_refused_and_others_are_served(
    listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    port, refused = await listening(per_address=3), closed_for("address")
    idle = await opened(port, HOSTILE, 3)
    for beyond in await opened(port, HOSTILE, 20):
        assert await beyond.ends()
    assert await is_served(port, OTHER)
    assert closed_for("address") - refused == 20
    lines = [record.getMessage() for record in caplog.records if record.name == connections.__name__]
    assert lines == [f"a connection from {HOSTILE} is refused: it has 3 (CONNECTIONS_PER_ADDRESS)"]

    await idle[0].close()
    async with time_limit():
        while not await is_served(port, HOSTILE):
            pass


async def test_a_trusted_proxy_may_hold_any_number_of_connections(listening: Listening) -> None:
    port = await listening(per_address=3, exempt=(f"{HOSTILE}/32",))
    await opened(port, HOSTILE, 20)
    assert await is_served(port, HOSTILE)


async def test_when_all_places_are_taken_the_one_that_is_silent_for_longest_gives_way(
    listening: Listening,
) -> None:
    port = await listening(total=3)
    kept = await RawConnection.open(port, OTHER)
    busy = await RawConnection.open(port, OTHER)
    silent = await RawConnection.open(port, HOSTILE)
    for connection, request in ((busy, ENDLESS), (silent, GET), (kept, GET)):
        await connection.send(request)
        if request is GET:
            assert (await connection.answer()).status == 200
    assert await is_served(port, OTHER)
    assert await silent.ends()
    await kept.send(GET)
    assert (await kept.answer()).status == 200


async def test_a_new_one_is_refused_when_all_are_busy(listening: Listening) -> None:
    port, refused = await listening(total=2), closed_for("total")
    for connection in await opened(port, OTHER, 2):
        await connection.send(ENDLESS)
        await connection.head()
    assert await (await RawConnection.open(port, HOSTILE)).ends()
    assert closed_for("total") - refused == 1


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n\r\n", b"\r\n\r\n" + GET[:-2], b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: 1"],
)
async def test_a_connection_without_a_whole_first_request_is_closed_in_time(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", 0.1)
    connection = await RawConnection.open(await listening(), HOSTILE)
    await connection.send(sent)
    assert await connection.ends()


@pytest.mark.parametrize("path", ["/echo", "/health"])
async def test_a_body_in_tiny_chunks_is_cut_off_be_it_read_or_not(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(connections, "MOST_LINES", 100)
    port, before = await listening(), closed_for("lines")
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    connection = await RawConnection.open(port, HOSTILE)
    await connection.send(head + b"1\r\nx\r\n" * 20 + b"0\r\n\r\n")
    assert (await connection.answer()).status == (200 if path == "/echo" else 405)
    await connection.send(head)
    with suppress(ConnectionError):
        for _ in range(12):
            await connection.send(b"1\r\nx\r\n" * 5)
        await connection.ends()
    assert closed_for("lines") - before == 1


async def test_a_request_in_pieces_ends_that_wait(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", 0.3)
    port = await listening()
    connection = await RawConnection.open(port, OTHER)
    for piece in (GET[:-3], GET[-3:-1], GET[-1:]):
        await connection.send(piece)
    assert (await connection.answer()).status == 200
    before = closed_for("first_request")
    idle = await RawConnection.open(port, OTHER)
    assert await idle.ends(), "opened later, and closed by the deadline that no longer holds for the first"
    assert closed_for("first_request") - before == 1
    await connection.send(GET)
    assert (await connection.answer()).status == 200


async def test_a_client_that_reads_nothing_is_disconnected(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.1)
    port, before = await listening(), closed_for("stalled")
    connection = await RawConnection.open(port, HOSTILE)
    await connection.send(ENDLESS)
    async with time_limit():
        while closed_for("stalled") == before:
            await asyncio.sleep(0.01)


async def test_a_client_that_reads_slowly_is_not(listening: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", await listening())
    before = closed_for("stalled")
    writer.write(ENDLESS)
    async with time_limit():
        for _ in range(200):
            await reader.readexactly(65_536)
    writer.close()
    assert closed_for("stalled") == before


async def test_an_exhausted_process_says_so_once_a_second_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    error = OSError(errno.EMFILE, "Too many open files")
    for _ in range(128):
        loop.call_exception_handler({"message": ACCEPT_FAILED, "exception": error})
    loop.call_exception_handler({"message": "something else", "exception": error})
    lines = [(record.getMessage(), record.exc_info is None) for record in caplog.records]
    assert lines == [(f"{ACCEPT_FAILED}: clients have to wait", True), ("something else", False)]


def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, most) - 1, hard))
    assert raise_descriptor_limit() == most == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@pytest.mark.parametrize("descriptors", [256, 1024, 65_536])
def test_connections_leave_descriptors_for_the_rest(descriptors: int) -> None:
    settings = make_settings(database_url="postgresql:///cara", redis_url="redis://localhost")
    room = room_for_connections(settings, descriptors)
    assert descriptors // 4 <= room < descriptors
