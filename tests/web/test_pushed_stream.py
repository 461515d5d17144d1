"""Streams that take their connection over from aiohttp: what is sent, who is dropped, what is left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from cara.observability.access_log import AccessLog
from cara.web import connections, pushed_stream
from cara.web.client_info import TrustedProxies
from cara.web.connections import ConnectionLimits
from cara.web.context import SERVICES
from cara.web.pushed_stream import PushedStream
from cara.web.request_log import log_requests
from tests.access_lines import access_lines
from tests.waiting import time_limit
from tests.web.raw import RawConnection

OPENING = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
BLOCK = b"x" * 65_536
MANY = 200
"""Blocks: more than the buffers of a connection on this machine hold."""


class Blocks(PushedStream):
    """Sends as many blocks as are wanted, and then its end if it is asked to."""

    def __init__(self) -> None:
        self.sent, self.wanted, self.ending = 0, 0, False
        self.lost = asyncio.Event()

    def update(self) -> None:
        while self.can_write and self.sent < self.wanted:
            self.write(BLOCK)
            self.sent += 1
        if self.can_write and self.ending:
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


class Served:
    """A server of streams, on a port of its own."""

    def __init__(self) -> None:
        self.opened: asyncio.Queue[Blocks] = asyncio.Queue()
        self.streams: list[Blocks] = []
        self.port, self.earlier = 0, b""
        self.access_log = AccessLog()
        app = web.Application(middlewares=[log_requests])
        app[SERVICES] = {TrustedProxies: TrustedProxies(()), AccessLog: self.access_log}
        app.router.add_get("/stream", self._open)
        self.runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)

    async def _open(self, request: web.Request) -> web.StreamResponse:
        stream = Blocks()
        assert request.transport is not None
        request.transport.write(self.earlier)
        response = await stream.open(request)
        self.streams.append(stream)
        await self.opened.put(stream)
        return response

    async def open(self, opening: bytes = OPENING) -> tuple[Blocks, RawConnection, list[str]]:
        """Opens a stream: the stream, its client, and the lines of the head."""
        client = await RawConnection.open(self.port)
        await client.send(opening)
        head = await client.head()
        async with time_limit():
            return await self.opened.get(), client, head


@pytest.fixture(params=["behind the limits of connections", "with the protocol of aiohttp alone"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    served = Served()
    await served.runner.setup()
    server = served.runner.server
    assert server is not None
    if request.param.startswith("behind"):
        limits = ConnectionLimits(per_address=100, total=2, exempt=TrustedProxies(()))
        listener = await connections.listen(server, "127.0.0.1", 0, limits)
    else:
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    served.port = listener.sockets[0].getsockname()[1]
    yield served
    for stream in served.streams:
        stream.abort()
        await lost(stream)
    listener.close()
    await served.runner.cleanup()


async def lost(stream: Blocks) -> None:
    async with time_limit():
        await stream.lost.wait()


async def test_aiohttp_keeps_nothing_of_an_open_stream(served: Served) -> None:
    tasks = len(asyncio.all_tasks())
    stream, client, _ = await served.open()
    assert served.runner.server is not None
    async with time_limit():
        while served.runner.server.connections or len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.01)
    stream.wanted, stream.ending = 1, True
    stream.update()
    assert await client.begins_with(b"10000\r\n" + BLOCK + b"\r\n0\r\n\r\n")
    assert await client.ends()
    await lost(stream)


async def test_a_client_of_http_1_0_gets_a_stream_without_chunks_that_ends_with_the_connection(
    served: Served,
) -> None:
    stream, client, head = await served.open(b"GET /stream HTTP/1.0\r\n\r\n")
    assert not any(line.startswith("Transfer-Encoding") for line in head)
    stream.wanted, stream.ending = 1, True
    stream.update()
    assert await client.begins_with(BLOCK)
    assert await client.ends()


async def test_a_slow_client_is_written_to_only_as_it_reads_and_loses_nothing(served: Served) -> None:
    stream, client, _ = await served.open()
    stream.wanted, stream.ending = MANY, True
    stream.update()
    await asyncio.sleep(0)
    assert stream.sent < MANY, "it is all in the memory of the process"
    assert not stream.can_write
    assert await client.begins_with((b"10000\r\n" + BLOCK + b"\r\n") * MANY + b"0\r\n\r\n")
    assert await client.ends()
    await lost(stream)


async def test_a_client_that_has_not_read_what_came_before_the_stream_is_waited_for(served: Served) -> None:
    served.earlier = MANY * BLOCK
    client = await RawConnection.open(served.port)
    await client.send(OPENING)
    async with time_limit():
        stream = await served.opened.get()
    stream.wanted, stream.ending = 1, True
    stream.update()
    assert stream.sent == 0
    assert await client.begins_with(served.earlier)
    await client.head()
    assert await client.begins_with(b"10000\r\n" + BLOCK + b"\r\n0\r\n\r\n")
    assert await client.ends()


async def test_a_client_that_reads_nothing_is_dropped(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushed_stream, "WRITE_SECONDS", 0.1)
    stream, client, _ = await served.open()
    stream.wanted = MANY
    stream.update()
    await lost(stream)
    await client.close()


async def test_a_client_that_does_not_read_the_end_is_dropped(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushed_stream, "WRITE_SECONDS", 0.1)
    stream, client, _ = await served.open()
    stream._transport.set_write_buffer_limits(high=2 * MANY * len(BLOCK))
    stream.wanted, stream.ending = MANY, True
    stream.update()
    assert stream.sent == MANY, "the end is waiting in the memory of the process"
    await lost(stream)
    await client.close()


async def test_what_a_client_sends_on_is_not_answered_and_not_read_without_end(served: Served) -> None:
    stream, client, _ = await served.open(OPENING + OPENING)
    await client.send(OPENING)
    stream.wanted = 1
    stream.update()
    assert await client.begins_with(b"10000\r\n" + BLOCK + b"\r\n")
    await client.send(b"y" * (pushed_stream.MOST_IGNORED_BYTES + 1))
    await lost(stream)


@pytest.mark.parametrize(
    "opening",
    [
        OPENING * 100,
        OPENING[:-2] + b"Content-Length: 10000000\r\n\r\n" + b"y" * 60_000,
        OPENING[:-2] + b"Content-Length: 10\r\n\r\ny",
        OPENING[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5\r\nyyyyy\r\n",
        OPENING[:-2] + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ],
)
async def test_a_client_that_sends_more_than_its_request_is_seen_to_leave(
    served: Served, caplog: pytest.LogCaptureFixture, opening: bytes
) -> None:
    stream, client, _ = await served.open(opening)
    assert served.runner.server is not None
    async with time_limit():
        while served.runner.server.connections:
            await asyncio.sleep(0.01)
    await client.close()
    await lost(stream)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(("leaves", "status"), [(True, 499), (False, 200)])
async def test_the_access_line_comes_once_and_with_the_end(
    served: Served, caplog: pytest.LogCaptureFixture, leaves: bool, status: int
) -> None:
    caplog.set_level(logging.INFO, logger="cara.access")
    log = served.runner.app[SERVICES][AccessLog]
    stream, client, _ = await served.open()
    log.write()
    assert not access_lines(caplog)
    if leaves:
        await client.close()
    else:
        stream.end()
    await lost(stream)
    log.write()
    [line] = access_lines(caplog)
    assert (line["path"], line["status"], line["address"]) == ("/stream", status, "127.0.0.1")


async def test_a_quiet_stream_gets_a_heartbeat_and_one_that_has_ended_or_waits_for_its_client_does_not(
    served: Served,
) -> None:
    stream, client, _ = await served.open()
    now = asyncio.get_running_loop().time()
    stream.heartbeat(silent_since=now - 60)
    stream.heartbeat(silent_since=now + 60)
    assert await client.begins_with(b"9\r\n: alive\n\n\r\n")
    stream.wanted, stream.ending = MANY, True
    stream.update()
    stream.heartbeat(silent_since=now + 60)
    assert await client.begins_with((b"10000\r\n" + BLOCK + b"\r\n") * MANY + b"0\r\n\r\n")
    stream.heartbeat(silent_since=now + 60)
    assert await client.ends()


@pytest.mark.parametrize("served", ["behind the limits of connections"], indirect=True)
async def test_a_stream_counts_as_a_connection_to_its_end_and_gives_way_to_none(served: Served) -> None:
    def opened() -> float:
        return REGISTRY.get_sample_value("cara_http_connections_open") or 0

    (first, client, _), second = await served.open(), await served.open()
    assert opened() == 2
    assert await (await RawConnection.open(served.port)).ends(), "there is no third place"
    first.abort()
    await lost(first)
    assert await client.ends()
    assert opened() == 1
    third = await served.open()
    assert opened() == 2
    for _, kept, _ in (second, third):
        await kept.close()
