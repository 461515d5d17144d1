"""The events of a job in Redis: their numbers, what fences them off, and their bounds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from arq.connections import ArqRedis
from redis.asyncio.client import PubSub

from cara.jobs.notifier import (
    KEEP_EVENTS,
    JobNotifier,
    Publisher,
    append_events,
    cancel_channel,
    read_events,
    stream_key,
    wake_channel,
)
from cara.outages import Outage
from cara.redis.queue import FEEDBACK_QUEUE, Queue, arq_client
from tests.waiting import time_limit


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[ArqRedis]:
    redis = arq_client(redis_url, size=4)
    yield redis
    await redis.aclose(close_connection_pool=True)


@pytest.fixture
def job_id() -> UUID:
    return uuid4()


async def stored(redis: ArqRedis, job_id: UUID, after: int = 0) -> list[tuple[int, str, Any]]:
    return [
        (event.number, event.name, json.loads(event.data))
        for event in await read_events(redis, job_id, after)
    ]


async def test_numbers_begin_with_the_attempt_and_an_earlier_attempt_is_fenced_off(
    redis: ArqRedis, job_id: UUID
) -> None:
    first, second = Publisher(redis, job_id, 1), Publisher(redis, job_id, 2)
    await first.status("running", "measuring", 5)
    await second.status("running", "measuring", 5)
    await first.progress("asking", 15)
    await second.progress("asking", 20)
    began = {"status": "running", "stage": "measuring", "progress": 5}
    assert await stored(redis, job_id) == [
        (1_000_001, "status", {**began, "attempt": 1}),
        (2_000_001, "status", {**began, "attempt": 2}),
        (2_000_002, "progress", {"stage": "asking", "progress": 20, "attempt": 2}),
    ]
    assert [number for number, *_ in await stored(redis, job_id, after=1_000_001)] == [2_000_001, 2_000_002]


async def test_texts_that_come_close_together_are_one_event_for_each_part_before_whatever_follows(
    redis: ArqRedis, job_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.jobs.notifier._GROUP_SECONDS", 3_600)
    publisher = Publisher(redis, job_id, 1)
    for part, text in (("summary", "You sp"), ("clarity", "Clear"), ("summary", "oke plainly.")):
        await publisher.partial(part, text)
    assert await stored(redis, job_id) == []
    await publisher.progress("asking", 50)
    await publisher.partial("clarity", "ly.")
    await publisher.finished()
    assert await stored(redis, job_id) == [
        (1_000_001, "partial", {"part": "summary", "text": "You spoke plainly.", "offset": 0, "attempt": 1}),
        (1_000_002, "partial", {"part": "clarity", "text": "Clear", "offset": 0, "attempt": 1}),
        (1_000_003, "progress", {"stage": "asking", "progress": 50, "attempt": 1}),
        (1_000_004, "partial", {"part": "clarity", "text": "ly.", "offset": 5, "attempt": 1}),
        (1_000_005, "finished", {}),
    ]


async def test_texts_are_sent_at_once_when_the_last_ones_are_old_enough(
    redis: ArqRedis, job_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.jobs.notifier._GROUP_SECONDS", 0)
    publisher = Publisher(redis, job_id, 1)
    for text in ("You ", "spoke."):
        await publisher.partial("summary", text)
    assert [data["text"] for _, _, data in await stored(redis, job_id)] == ["You ", "spoke."]


async def test_events_are_kept_for_an_hour_and_only_the_latest_ones(redis: ArqRedis, job_id: UUID) -> None:
    many = 2 * KEEP_EVENTS
    await append_events(redis, job_id, 1, [("partial", {"number": number}) for number in range(many)])
    assert 3_500 < await redis.ttl(stream_key(job_id)) <= 3_600
    kept = await stored(redis, job_id)
    assert KEEP_EVENTS <= len(kept) <= KEEP_EVENTS + 200
    assert kept[-1] == (many, "partial", {"number": many - 1})


async def test_a_publisher_leaves_redis_alone_for_a_while_after_a_failure(
    redis: ArqRedis, job_id: UUID, monkeypatch: pytest.MonkeyPatch, redis_outage: Outage
) -> None:
    monkeypatch.setattr("cara.jobs.notifier._MUTE_SECONDS", 3_600)
    nowhere = arq_client("redis://127.0.0.1:1/0", size=1, retries=0)
    publisher = Publisher(nowhere, job_id, 1)
    for percent in (15, 20, 25):
        await publisher.progress("asking", percent)
    assert redis_outage.failures == {"events are lost": 1}


async def test_a_new_job_is_told_to_listeners_and_put_into_the_queue(redis: ArqRedis, job_id: UUID) -> None:
    await JobNotifier(redis, Queue(redis)).enqueued(job_id)
    queued = {"status": "queued", "stage": "queued", "progress": 0, "attempt": 0}
    assert await stored(redis, job_id) == [(1, "status", queued)]
    assert await redis.zrange(FEEDBACK_QUEUE, 0, -1) == [str(job_id).encode()]


@pytest.mark.parametrize("ended", [False, True])
async def test_a_cancellation_is_told_to_the_worker_or_if_there_is_none_to_the_listeners(
    redis: ArqRedis, job_id: UUID, ended: bool
) -> None:
    async with redis.pubsub() as worker, time_limit():
        await worker.subscribe(cancel_channel(job_id), "the end of the test")
        await JobNotifier(redis, Queue(redis)).cancelled(job_id, ended=ended, attempts=2)
        await redis.publish("the end of the test", b"")
        heard = []
        async for message in worker.listen():
            if message["type"] == "message":
                heard.append(message["channel"].decode())
            if heard and heard[-1] == "the end of the test":
                break
    assert heard[:-1] == ([] if ended else [cancel_channel(job_id)])
    assert await stored(redis, job_id) == ([(3_000_001, "finished", {})] if ended else [])


async def test_texts_are_stored_as_they_are_written(redis: ArqRedis, job_id: UUID) -> None:
    await append_events(redis, job_id, 1, [("partial", {"text": "Très bien – 好"})])
    (event,) = await read_events(redis, job_id, 0)
    assert "Très bien – 好" in event.data


async def test_an_attempt_whose_redis_was_away_counts_the_events_that_were_lost(
    redis: ArqRedis, job_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.jobs.notifier._MUTE_SECONDS", 0)
    nowhere = arq_client("redis://127.0.0.1:1/0", size=1, retries=0)
    publisher = Publisher(nowhere, job_id, 1)
    await publisher.progress("asking", 15)
    monkeypatch.setattr(publisher, "_redis", redis)
    await publisher.progress("asking", 20)
    assert [number for number, *_ in await stored(redis, job_id)] == [1_000_002]


async def test_nothing_to_send_wakes_nobody_and_uses_no_number(redis: ArqRedis, job_id: UUID) -> None:
    publisher = Publisher(redis, job_id, 1)
    await publisher.flush()
    assert not await redis.exists(stream_key(job_id))
    await publisher.status("running", "measuring", 5)
    assert [number for number, *_ in await stored(redis, job_id)] == [1_000_001]


async def test_the_last_number_wakes_the_listeners_once_for_all_events(redis: ArqRedis, job_id: UUID) -> None:
    async with redis.pubsub() as listener, time_limit():
        await listener.subscribe(wake_channel(job_id))
        await append_events(redis, job_id, 7, [("partial", {}), ("partial", {}), ("progress", {})])
        await append_events(redis, job_id, 10, [("finished", {})])
        heard = [m["data"] async for m in _first(listener, 2)]
    assert heard == [b"9", b"10"]


async def _first(listener: PubSub, count: int) -> AsyncIterator[dict[str, Any]]:
    """The first messages of a subscription."""
    async for message in listener.listen():
        if message["type"] == "message":
            yield message
            count -= 1
        if not count:
            return


async def test_deleted_jobs_accept_no_more_events_and_their_workers_and_listeners_are_told(
    redis: ArqRedis, job_id: UUID
) -> None:
    other, channels = uuid4(), [cancel_channel(job_id), wake_channel(job_id)]
    await append_events(redis, job_id, 1_000_001, [("partial", {}), ("partial", {})])
    await append_events(redis, other, 1_000_001, [("partial", {})])
    async with redis.pubsub() as listener, time_limit():
        await listener.subscribe(*channels)
        await JobNotifier(redis, Queue(redis)).deleted([job_id])
        heard = {m["channel"].decode() async for m in _first(listener, 2)}
    assert heard == set(channels)
    await Publisher(redis, job_id, 9).progress("asking", 15)
    assert await stored(redis, job_id) == [(2**53, "finished", {})]
    assert 3_500 < await redis.ttl(stream_key(job_id)) <= 3_600
    assert len(await stored(redis, other)) == 1
