"""The queue in Redis: entries by attempt, their payloads, and folds that are enqueued once a second."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from arq.constants import in_progress_key_prefix, job_key_prefix

from cara.outages import Outage
from cara.redis.queue import (
    FEEDBACK_QUEUE,
    FOLD_ROLLUPS,
    ROLLUP_QUEUE,
    Queue,
    QueueClient,
    RollupNotifier,
    arq_client,
    wake_channel,
)
from tests.waiting import time_limit, until

JOB = UUID("0190b0a0-0000-7000-8000-000000000000")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[QueueClient]:
    redis = arq_client(redis_url, size=4)
    yield redis
    await redis.aclose(close_connection_pool=True)


async def entries(redis: QueueClient, queue: str = FEEDBACK_QUEUE) -> list[str]:
    return [entry.decode() for entry in await redis.zrange(queue, 0, -1)]


async def test_a_job_is_queued_once_for_each_attempt_as_json(redis: QueueClient) -> None:
    queue = Queue(redis)
    for attempts in (0, 0, 2, 2):
        await queue.enqueue_feedback(JOB, attempts=attempts)
    assert set(await entries(redis)) == {str(JOB), f"{JOB}:2"}
    payload = json.loads(await redis.get(f"{job_key_prefix}{JOB}:2"))
    assert (payload["f"], payload["a"]) == ("write_feedback", [str(JOB)])


async def test_a_delayed_job_is_due_after_its_delay(redis: QueueClient) -> None:
    queue = Queue(redis)
    await queue.enqueue_feedback(JOB)
    await queue.enqueue_feedback(JOB, attempts=1, delay_seconds=600)
    (_, at_once), (_, later) = await redis.zrange(FEEDBACK_QUEUE, 0, -1, withscores=True)
    assert 600_000 <= later - at_once < 660_000


async def test_a_job_is_due_by_the_clock_of_redis(
    redis: QueueClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the process that enqueues is a day wrong; the entry is kept for a day all the same."""
    monkeypatch.setattr("cara.redis.queue.timestamp_ms", lambda: int((time.time() - 90_000) * 1000))
    await Queue(redis).enqueue_feedback(JOB)
    [(_, due)] = await redis.zrange(FEEDBACK_QUEUE, 0, -1, withscores=True)
    seconds, microseconds = await redis.time()
    assert 0 <= seconds * 1000 + microseconds / 1000 - due < 60_000
    assert 80_000 < await redis.ttl(f"{job_key_prefix}{JOB}") <= 86_400


async def test_a_job_whose_worker_died_before_it_claimed_it_can_be_taken_again(redis: QueueClient) -> None:
    """Workers pass over what is marked as in progress."""
    mark, other = f"{in_progress_key_prefix}{JOB}:1", f"{in_progress_key_prefix}{JOB}"
    await redis.mset({mark: b"1", other: b"1"})
    await Queue(redis).revive_feedback([(JOB, 1)])
    assert await entries(redis) == [f"{JOB}:1"]
    assert (await redis.exists(mark), await redis.exists(other)) == (0, 1)


async def test_a_job_that_waits_for_its_turn_stays_where_it_is_in_the_queue(redis: QueueClient) -> None:
    queue, lost = Queue(redis), UUID(int=1)
    await queue.enqueue_feedback(JOB)
    [waiting] = await redis.zrange(FEEDBACK_QUEUE, 0, -1, withscores=True)
    await redis.delete(f"{job_key_prefix}{JOB}")  # an enqueueing would write it again
    await redis.set(f"{in_progress_key_prefix}{JOB}", b"1")
    await queue.revive_feedback([(JOB, 0), (lost, 2)])
    assert waiting in await redis.zrange(FEEDBACK_QUEUE, 0, -1, withscores=True)
    assert await redis.exists(f"{job_key_prefix}{JOB}", f"{in_progress_key_prefix}{JOB}") == 0
    assert set(await entries(redis)) == {str(JOB), f"{lost}:2"}
    await queue.revive_feedback([])


async def test_without_redis_jobs_are_left_to_the_sweeper_and_one_line_says_so(
    redis_outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = Queue(arq_client("redis://127.0.0.1:1/0", size=1, retries=0))
    for _ in range(3):
        await nowhere.enqueue_feedback(JOB)
    await nowhere.revive_feedback([(JOB, 1)])
    assert caplog.messages == ["Redis fails: jobs wait for the sweeper (ConnectionError)"]
    assert redis_outage.failures == {"jobs wait for the sweeper": 3}


async def test_many_wishes_for_a_fold_are_one_entry_and_wake_the_workers(redis: QueueClient) -> None:
    notifier = RollupNotifier(redis)
    async with redis.pubsub() as worker, time_limit():
        await worker.subscribe(wake_channel(ROLLUP_QUEUE))
        running = asyncio.create_task(notifier.run())
        for _ in range(100):
            notifier.wake()
        async for message in worker.listen():
            if message["type"] == "message":
                break
        running.cancel()
    [entry] = await entries(redis, ROLLUP_QUEUE)
    assert json.loads(await redis.get(job_key_prefix + entry))["f"] == FOLD_ROLLUPS


async def test_a_process_whose_fold_was_enqueued_by_another_enqueues_its_own_in_the_next_second(
    redis: QueueClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other fold may have read before this process committed."""
    monkeypatch.setattr("cara.redis.queue.FOLD_SLOT_SECONDS", 0.2)
    slot = int(time.time() / 0.2)
    others = {f"{FOLD_ROLLUPS}:{number}" for number in (slot, slot + 1)}
    for entry in others:
        await redis.enqueue_job(FOLD_ROLLUPS, _job_id=entry, _queue_name=ROLLUP_QUEUE)
    notifier = RollupNotifier(redis)
    running = asyncio.create_task(notifier.run())
    notifier.wake()

    async def own() -> set[str]:
        return {*await entries(redis, ROLLUP_QUEUE)} - others

    assert len(await until(own)) == 1
    running.cancel()
