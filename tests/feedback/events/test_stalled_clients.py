"""Clients that stop reading their stream: they are dropped, and nothing waits for them without end."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from cara.feedback.events.broker import JobEventBroker
from cara.jobs.notifier import Publisher
from cara.web.context import service
from tests.learners import Learner
from tests.waiting import time_limit


async def _stalled_stream(learner: Learner, app: Any, redis_url: str) -> asyncio.StreamWriter:
    """A stream whose client reads nothing but its first event, while megabytes are waiting for it."""
    job = await learner.asks_for_feedback()
    server = learner.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.write(f"GET {job['eventsUrl']} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"event: status")
    async with Redis.from_url(redis_url) as redis:
        publisher = Publisher(redis, UUID(job["jobId"]), attempts=1)
        for _ in range(20):
            await publisher.partial("summary", "x" * 1_000_000)
            await publisher.flush()
    return writer


async def _all_have_left(app: Any) -> None:
    async with time_limit():
        while service(app, JobEventBroker).open:
            await asyncio.sleep(0.01)


async def test_a_client_that_reads_nothing_is_dropped(
    learner: Learner, app: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.web.pushed_stream.WRITE_SECONDS", 0.2)
    writer = await _stalled_stream(learner, app, redis_url)
    await _all_have_left(app)
    writer.close()


async def test_a_client_that_reads_nothing_holds_up_the_shutdown_for_a_bounded_time(
    learner: Learner, app: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.feedback.events.broker.END_SECONDS", 0.2)
    writer = await _stalled_stream(learner, app, redis_url)
    async with learner.client.get((await learner.asks_for_feedback())["eventsUrl"]) as reading:
        broker = service(app, JobEventBroker)
        broker.close()
        assert (await reading.content.read()).endswith(b"retry: 1000\n\n")
        await broker.closed()
    await _all_have_left(app)
    writer.close()
