"""Answers in gzip, as a client sees them that inflates nothing by itself."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from cara.thread_pool import BoundedThreadPool
from cara.web import compression
from cara.web.compression import LARGE_BYTES, MIN_BYTES
from tests.learners import TALK, Learner
from tests.waiting import time_limit

Client = TestClient[Any, Any]
DOCUMENT, PAGE, SMALL = "/api/openapi.json", "/api/docs", "/health"
ORIGIN = "http://localhost:3000"
GZIP = {"Accept-Encoding": "gzip"}
FORCED = {"Accept-Encoding": "gzip, identity;q=0"}
"""Small answers are compressed too for a client that takes nothing else."""

OF_ITS_OWN = {"date", "x-request-id"}


@pytest.fixture
async def client(app: web.Application, aiohttp_client: Callable[..., Awaitable[Client]]) -> Client:
    return await aiohttp_client(app, auto_decompress=False, skip_auto_headers=["Accept-Encoding"])


async def content(response: ClientResponse) -> bytes:
    """The body without its compression, which must be what the header fields say."""
    body = await response.read()
    assert response.headers["Content-Length"] == str(len(body))
    assert response.headers.getall("Content-Encoding", []) in ([], ["gzip"])
    assert response.headers["Vary"] == "Origin, Accept-Encoding"
    return gzip.decompress(body) if "Content-Encoding" in response.headers else body


def is_compressed(response: ClientResponse) -> bool:
    return "Content-Encoding" in response.headers


def fields_of(response: ClientResponse) -> list[tuple[str, str]]:
    return sorted(field for field in response.headers.items() if field[0].lower() not in OF_ITS_OWN)


ACCEPTED = {
    "gzip": True,
    "gzip, deflate, br, zstd": True,
    "br;q=1.0, GZIP;q=0.8, *;q=0.1": True,
    "x-gzip": True,
    "*": True,
    "identity;q=0.5, *;q=0.6": True,
    "gzip ; q = 0.001": True,
    "identity, gzip": True,
    "deflate, *;q=0.2": True,
    "": False,
    "identity": False,
    "br, deflate": False,
    "gzip;q=0": False,
    "gzip;q=0.000, *": False,
    "*;q=0": False,
    "identity;q=0": False,
    "identity;q=1, gzip;q=0.5": False,
    "gzip;q=0.5, *": False,
    "gzip;q=2": False,
    "gzip;q=-1": False,
    "gzip;q=nan": False,
    "gzip;q=": False,
    "gzip;level=9": False,
    "gzipped": False,
    ";": False,
    "," * 8_000: False,
    "a;q" + "=" * 8_000: False,
}


async def test_answers_are_compressed_for_clients_that_accept_it(client: Client) -> None:
    plain = await client.get(PAGE)
    assert not is_compressed(plain)
    for accepted, compressed in ACCEPTED.items():
        response = await client.get(PAGE, headers={"Accept-Encoding": accepted})
        assert (response.status, is_compressed(response)) == (200, compressed), accepted
        assert await content(response) == await plain.read()


async def test_several_fields_count_as_one(client: Client) -> None:
    for fields, compressed in ((("br", "gzip"), True), (("gzip;q=0.2", "identity;q=0.3"), False)):
        headers = [("Accept-Encoding", field) for field in fields]
        assert is_compressed(await client.get(PAGE, headers=headers)) == compressed


async def test_small_answers_are_not_compressed_unless_nothing_else_is_accepted(client: Client) -> None:
    small = await client.get(SMALL, headers=GZIP)
    assert not is_compressed(small)
    assert len(await content(small)) < MIN_BYTES
    for accepted in ("gzip, identity;q=0", "gzip, *;q=0"):
        response = await client.get(SMALL, headers={"Accept-Encoding": accepted})
        assert is_compressed(response)
        assert await content(response) == await content(small)


async def test_a_large_answer_is_compressed_in_a_thread_and_sent_as_it_is_when_many_wait(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = BoundedThreadPool("compression of a test", threads=1, most_waiting=0)
    monkeypatch.setattr(compression, "_large_bodies", pool)
    response = await client.get(DOCUMENT, headers=GZIP)
    plain = await content(response)
    assert is_compressed(response)
    assert len(plain) > LARGE_BYTES
    may_end = threading.Event()
    occupying = asyncio.create_task(pool.run(may_end.wait))
    await asyncio.sleep(0)
    async with time_limit():
        as_it_is = await client.get(DOCUMENT, headers=GZIP)
    may_end.set()
    await occupying
    pool.close()
    assert not is_compressed(as_it_is)
    assert await content(as_it_is) == plain


async def test_head_and_304_have_the_header_fields_of_get(client: Client, learner: Learner) -> None:
    path = (await learner.asks_for_feedback())["statusUrl"]
    for accepted, weak in ((FORCED, "W/"), (GZIP, ""), ({}, "")):
        got = await learner.call("GET", path, headers=accepted)
        assert is_compressed(got) == bool(weak)
        tag = got.headers["ETag"]
        assert tag.startswith(f'{weak}"')
        head = await learner.call("HEAD", path, headers=accepted)
        assert (head.status, await head.read()) == (200, b"")
        assert fields_of(head) == fields_of(got)
        for method in ("GET", "HEAD"):
            known = await learner.call(method, path, headers={**accepted, "If-None-Match": tag})
            assert (known.status, await known.read(), is_compressed(known)) == (304, b"", False)
            for name in ("ETag", "Vary", "Cache-Control", "Retry-After"):
                assert known.headers[name] == got.headers[name]


async def test_the_weak_tag_of_a_compressed_session_is_good_for_the_next_change(learner: Learner) -> None:
    session = await learner.opens_session()
    path, change = f"/api/sessions/{session['id']}", {"transcript": TALK * 20}
    response = await learner.call("PATCH", path, json=change, headers=GZIP)
    assert is_compressed(response)
    assert response.headers["ETag"].startswith('W/"')
    assert b"thank you for having me" in await content(response)
    for status in (200, 412):
        known = {**GZIP, "If-Match": response.headers["ETag"]}
        assert (await learner.call("PATCH", path, json={"title": "New"}, headers=known)).status == status
    deleted = await learner.call("DELETE", path, headers=FORCED)
    assert (deleted.status, is_compressed(deleted)) == (204, False)


async def test_problems_are_compressed_and_can_be_read_across_origins(learner: Learner) -> None:
    unknown = {f"a_member_that_nobody_knows_{number}": 1 for number in range(40)}
    headers = {**GZIP, "Origin": ORIGIN}
    response = await learner.call("POST", "/api/sessions", json=unknown, headers=headers)
    assert (response.status, response.content_type) == (400, "application/problem+json")
    assert is_compressed(response)
    assert response.headers["Vary"] == "Origin, Accept-Encoding"
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["X-Request-Id"].encode() in await content(response)
    nowhere = await learner.call("GET", "/api/nowhere", headers=FORCED)
    assert b'"not_found"' in await content(nowhere)


async def test_answers_that_hold_tokens_are_sent_as_they_are(client: Client) -> None:
    account = {
        "email": "ada@example.com",
        "name": "é" * 100,
        "role": "é" * 100,
        "password": "a long password",
    }
    answers = [await client.post("/api/auth/register", json=account, headers=FORCED)]
    credentials = {name: account[name] for name in ("email", "password")}
    answers.append(await client.post("/api/auth/login", json=credentials, headers=FORCED))
    answers.append(await client.post("/api/auth/refresh", headers=FORCED))
    for response in answers:
        assert b'"refreshToken"' in await response.read()
        assert not is_compressed(response)
        assert response.headers["Cache-Control"] == "no-store, no-transform"
        assert response.headers["Vary"] == "Origin"
    assert len(await answers[0].read()) > MIN_BYTES


async def test_event_streams_are_not_compressed(client: Client, learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    await learner.expects(202, "DELETE", job["statusUrl"])
    async with client.get(job["eventsUrl"], headers=FORCED) as response:
        assert response.content_type == "text/event-stream"
        assert not is_compressed(response)
        assert response.headers["Vary"] == "Origin"
        assert b"event: cancelled" in await response.read()


async def test_a_download_is_compressed_as_a_stream(learner: Learner) -> None:
    path = "/api/users/me/export"
    await learner.opens_session(transcript=TALK * 100)
    plain = await learner.call("GET", path)
    assert not is_compressed(plain)
    assert TALK.encode() in await plain.read()
    response = await learner.call("GET", path, headers=GZIP)
    packed = await response.read()
    assert is_compressed(response)
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert response.headers["Vary"] == "Origin, Accept-Encoding"
    assert TALK.encode() in gzip.decompress(packed)
    assert len(packed) < len(TALK) * 20
    head = await learner.call("HEAD", path, headers=GZIP)
    assert {*fields_of(response)} - {*fields_of(head)} == {("Transfer-Encoding", "chunked")}
