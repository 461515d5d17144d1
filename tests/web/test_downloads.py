"""Downloads: whole, or broken off so that nobody takes half of one for a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient

from cara.errors import NotFound
from cara.web.context import REQUEST_ID
from cara.web.downloads import Document, streaming_download
from cara.web.problems import answer_problems
from tests.waiting import time_limit

Chunks = Callable[[], AsyncIterator[bytes]]
Download = Callable[[Chunks], Awaitable[TestClient]]
TABLE = Document("table.csv", "text/csv; charset=utf-8")


@pytest.fixture
def download(aiohttp_client) -> Download:
    """A client of a server that has one download, of these chunks."""

    async def serve(chunks: Chunks) -> TestClient:
        async def handle(request: web.Request) -> web.StreamResponse:
            request[REQUEST_ID] = "request-0001"
            return await streaming_download(request, TABLE, chunks())

        app = web.Application(middlewares=[answer_problems])
        app.router.add_get("/", handle)
        return await aiohttp_client(app)

    return serve


async def test_a_whole_download_has_a_name_a_type_and_an_end(download):
    async def chunks():
        yield b"day,users\r\n"
        yield b"2026-05-20,7\r\n"

    response = await (await download(chunks)).get("/")
    assert await response.read() == b"day,users\r\n2026-05-20,7\r\n"
    assert response.headers["Content-Disposition"] == 'attachment; filename="table.csv"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"


async def test_an_error_before_the_first_chunk_is_a_problem(download):
    async def chunks():
        raise NotFound
        yield b""

    response = await (await download(chunks)).get("/")
    assert (response.status, (await response.json())["code"]) == (404, "not_found")


async def test_an_error_after_the_first_chunk_breaks_off_and_is_logged_without_its_message(download, caplog):
    async def chunks():
        yield b"day,users\r\n"
        raise ValueError("what somebody said")

    with pytest.raises(ClientError):
        await (await (await download(chunks)).get("/")).read()
    assert "download of table.csv aborted in request request-0001: ValueError" in caplog.text
    assert "what somebody said" not in caplog.text


async def test_a_download_that_takes_too_long_as_a_whole_is_broken_off(download, monkeypatch, caplog):
    monkeypatch.setattr("cara.web.downloads.WHOLE_SECONDS", 0.05)

    async def chunks():
        yield b"day,users\r\n"
        await asyncio.Event().wait()

    async with time_limit():
        with pytest.raises(ClientError):
            await (await (await download(chunks)).get("/")).read()
    assert "aborted in request request-0001: TimeoutError" in caplog.text


async def test_a_client_that_reads_nothing_is_disconnected(download, monkeypatch, caplog):
    monkeypatch.setattr("cara.web.downloads.WRITE_SECONDS", 0.05)

    async def chunks():
        while True:
            yield b"x" * 1_000_000

    client = await download(chunks)
    _, writer = await asyncio.open_connection(client.host, client.port, limit=1024)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with time_limit():
        while "aborted in request request-0001: TimeoutError" not in caplog.text:
            await asyncio.sleep(0.01)
    writer.close()


async def test_a_download_ends_only_after_what_it_was_read_from_is_given_back(aiohttp_client):
    all_is_read, ended_before = asyncio.Event(), []

    async def chunks() -> AsyncIterator[bytes]:
        yield b"day,users\r\n"

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await streaming_download(request, TABLE, chunks())
        finally:
            async with time_limit():
                await all_is_read.wait()
            ended_before.append(response.content.is_eof())

    app = web.Application()
    app.router.add_get("/", handle)
    response = await (await aiohttp_client(app)).get("/")
    await response.content.readexactly(len(b"day,users\r\n"))
    all_is_read.set()
    assert await response.read() == b""
    assert ended_before == [False]
