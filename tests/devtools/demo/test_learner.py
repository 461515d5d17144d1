"""The learner of the demo, against a Cara that breaks off and refuses."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession, web

from cara.devtools.demo.learner import Learner, RequestRefused
from cara.feedback.work.requests import JobNotFound
from cara.web.problems import answer_problems
from tests.waiting import time_limit

EVENTS = [
    ("status", '{"status": "running"}', 1_000_001),
    ("progress", '{"progress": 15}', 1_000_002),
    ("succeeded", '{"status": "succeeded"}', 2_000_000),
]


@pytest.fixture
async def url(aiohttp_server: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server whose streams break off after one event, and that knows no other path."""
    monkeypatch.setattr("cara.devtools.demo.learner.RECONNECT_SECONDS", 0)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        last = int(request.headers.get("Last-Event-ID", 0))
        name, data, number = next(event for event in EVENTS if event[2] > last)
        await response.write(f": alive\n\nid: {number}\nevent: {name}\ndata: {data}\n\n".encode())
        await response.write(b"event: half an ev")
        assert request.transport is not None
        request.transport.close()
        return response

    async def refuse(_: web.Request) -> web.Response:
        raise JobNotFound

    app = web.Application(middlewares=[answer_problems])
    app.router.add_get("/events", stream)
    app.router.add_get("/api/{path:.*}", refuse)
    return str((await aiohttp_server(app)).make_url("/"))


async def test_a_stream_that_breaks_off_is_resumed_after_its_last_event(url: str) -> None:
    async with time_limit(), ClientSession(url) as http:
        learner = Learner(http, "token")
        followed = [event async for event in learner.job_events({"eventsUrl": "/events"})]
    assert [(event.name, event.number) for event in followed] == [
        (name, number) for name, _, number in EVENTS
    ]
    assert followed[-1].data == {"status": "succeeded"}


async def test_a_refusal_is_told_with_its_status_and_its_reason(url: str) -> None:
    async with ClientSession(url) as http:
        with pytest.raises(RequestRefused, match=r"^Cara answered 404: There is no such feedback job\.$"):
            await Learner(http, "token").quota()
