"""The events that a worker publishes, as they are stored in Redis."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import ConnectionPool

from cara.jobs.notifier import Publisher, read_events


async def test_lost_text_shows_in_the_offset_of_the_next_event(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.jobs.notifier._MUTE_SECONDS", 0)
    job_id = uuid4()
    async with Redis.from_url(redis_url) as redis:
        there, nowhere = redis.connection_pool, ConnectionPool.from_url("redis://127.0.0.1:1/0")
        publisher = Publisher(redis, job_id, attempts=1)
        for text, pool in (("Well ", there), ("begun, ", nowhere), ("half ", there), ("done.", there)):
            redis.connection_pool = pool
            await publisher.partial("summary", text)
            await publisher.flush()
        events = await read_events(redis, job_id, after=0)
    published = [json.loads(event.data) for event in events]
    assert [(one["offset"], one["text"]) for one in published] == [(0, "Well "), (12, "half "), (17, "done.")]
