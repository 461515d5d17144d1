"""Downloads: whole, or broken off so that nobody takes half of one for a whole."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient

from cara.errors import NotFound
from cara.postgres.database import new_id
from cara.web import downloads
from cara.web.context import REQUEST_ID
from cara.web.downloads import CHUNK_BYTES, MEMORY_BYTES, Document, Downloads, DownloadsBusy
from cara.web.problems import answer_problems
from tests.waiting import time_limit

Chunks = Callable[[], AsyncIterator[bytes]]
Download = Callable[[Chunks], Awaitable[TestClient]]
TABLE = Document("table.csv", "text/csv; charset=utf-8")
DISK_BYTES = 3_000_000


@pytest.fixture
def places() -> Downloads:
    return Downloads(DISK_BYTES)


@pytest.fixture
def download(aiohttp_client, places) -> Download:
    """A client of a server that has one download, of these chunks; each request is a learner's own."""

    async def serve(chunks: Chunks) -> TestClient:
        async def handle(request: web.Request) -> web.StreamResponse:
            request[REQUEST_ID] = "request-0001"
            async with places.spool(new_id()) as spool:
                await spool.fill(chunks())
                return await spool.send(request, TABLE)

        app = web.Application(middlewares=[answer_problems])
        app.router.add_get("/", handle)
        return await aiohttp_client(app)

    return serve


async def two_rows() -> AsyncIterator[bytes]:
    yield b"day,users\r\n"
    yield b"2026-05-20,7\r\n"


async def megabytes(count: int = 2) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1_000_000


async def noise(megabytes: int) -> AsyncIterator[bytes]:
    """Nothing makes this smaller."""
    for _ in range(megabytes):
        yield os.urandom(1_000_000)


async def test_a_whole_download_has_a_name_a_type_and_an_end(download):
    response = await (await download(two_rows)).get("/")
    assert await response.read() == b"day,users\r\n2026-05-20,7\r\n"
    assert response.headers["Content-Disposition"] == 'attachment; filename="table.csv"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"


async def test_an_error_anywhere_in_the_document_is_a_problem(download, places):
    async def chunks():
        yield b"x" * 2 * MEMORY_BYTES
        raise NotFound

    response = await (await download(chunks)).get("/")
    assert (response.status, (await response.json())["code"]) == (404, "not_found")
    async with places.spool(new_id()) as spool:
        await spool.fill(megabytes(3))  # nothing of the disk is lost


@pytest.mark.parametrize(("name", "value"), [("WHOLE_SECONDS", 0.1), ("WRITE_SECONDS", 0.05)])
async def test_a_client_that_does_not_read_is_disconnected(download, monkeypatch, caplog, name, value):
    monkeypatch.setattr(downloads, name, value)
    monkeypatch.setattr(downloads.Spool, "_write_to", written_again_and_again(downloads.Spool._write_to))
    client = await download(megabytes)
    _, writer = await asyncio.open_connection(client.host, client.port, limit=1024)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with time_limit():
        while "download of table.csv aborted in request request-0001: TimeoutError" not in caplog.text:
            await asyncio.sleep(0.01)
    writer.close()


def written_again_and_again(write: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Makes a document without end of one that the socket's buffers might hold as a whole."""

    async def write_without_end(*arguments):
        while True:
            await write(*arguments)

    return write_without_end


async def test_an_error_while_it_is_sent_breaks_it_off_and_is_logged_without_its_message(
    download, monkeypatch, caplog
):
    async def write_half(spool, response):
        await response.write(b"day,")
        raise ValueError("what somebody said")

    monkeypatch.setattr(downloads.Spool, "_write_to", write_half)
    with pytest.raises(ClientError):
        await (await (await download(two_rows)).get("/")).read()
    assert "download of table.csv aborted in request request-0001: ValueError" in caplog.text
    assert "what somebody said" not in caplog.text


async def test_a_download_ends_only_after_its_place_is_given_back(aiohttp_client, places):
    owner, sent, ended_before = new_id(), asyncio.Event(), []

    async def handle(request: web.Request) -> web.StreamResponse:
        async with places.spool(owner) as spool:
            await spool.fill(two_rows())
            answer = await spool.send(request, TABLE)
            async with time_limit():
                await sent.wait()
            ended_before.append(response.content.is_eof())
            return answer

    app = web.Application()
    app.router.add_get("/", handle)
    response = await (await aiohttp_client(app)).get("/")
    await response.content.readexactly(len(b"day,users\r\n2026-05-20,7\r\n"))
    sent.set()
    assert await response.read() == b""
    assert ended_before == [False]
    async with places.spool(owner):
        pass


async def test_what_is_on_the_disk_is_bounded_but_a_small_document_always_has_room(places):
    async with places.spool(new_id()) as first, places.spool(new_id()) as second:
        await first.fill(megabytes(2))
        with pytest.raises(DownloadsBusy):
            await second.fill(megabytes(2))
        async with places.spool(new_id()) as small:
            await small.fill(two_rows())
    async with places.spool(new_id()) as later:
        await later.fill(megabytes(3))


async def test_a_compressed_document_takes_only_as_much_of_the_disk_as_it_is_written(places):
    async with places.spool(new_id(), compressed=True) as spool:
        await spool.fill(megabytes(20))
        assert spool.disk_bytes == 0
    async with places.spool(new_id(), compressed=True) as spool:
        with pytest.raises(DownloadsBusy):
            await spool.fill(noise(4))


async def test_a_learner_has_one_download_at_a_time_and_a_process_so_many(places, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_AT_ONCE", 3)
    owner = new_id()
    async with AsyncExitStack() as held:
        await held.enter_async_context(places.spool(owner))
        with pytest.raises(DownloadsBusy):
            await held.enter_async_context(places.spool(owner))
        for _ in range(2):
            await held.enter_async_context(places.spool(new_id()))
        with pytest.raises(DownloadsBusy):
            await held.enter_async_context(places.spool(new_id()))
    async with places.spool(owner):
        pass


async def test_a_disk_that_takes_nothing_is_503_and_not_half_a_document(download, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    response = await (await download(megabytes)).get("/")
    assert (response.status, (await response.json())["code"]) == (503, "downloads_busy")
    assert int(response.headers["Retry-After"]) >= 1


async def test_a_document_is_sent_as_it_was_written_whether_in_memory_or_on_the_disk(download):
    for size in (0, MEMORY_BYTES, MEMORY_BYTES + CHUNK_BYTES + 1):

        async def chunks(size: int = size) -> AsyncIterator[bytes]:
            for place in range(0, size, 50_000):
                yield bytes(number % 251 for number in range(place, min(size, place + 50_000)))

        response = await (await download(chunks)).get("/")
        assert await response.read() == bytes(number % 251 for number in range(size))
