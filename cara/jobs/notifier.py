"""Tells listeners and workers about a job: a bounded Redis stream of its events, and messages that wake.

Events are numbered by the application, not by Redis: attempt n numbers from n million on. So numbers grow
even when Redis forgot everything, a listener resumes by number without gap or repeat, and a worker that lost
its lease is fenced off, because Redis refuses a number below the last. The final event is not kept here: it
is always read from PostgreSQL, with the number that `final_number` gives.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from cara.redis.connections import AWAY
from cara.redis.queue import Queue

logger = logging.getLogger(__name__)

NUMBERS_PER_ATTEMPT = 1_000_000
BEYOND_ALL_NUMBERS = 2**53
KEEP_EVENTS = 2_000
KEEP_SECONDS = 3_600
FINISHED = "finished"
"""Names the entry that says "the job has ended, look into PostgreSQL"."""

_NOTIFY_SECONDS = 1.0


def stream_key(job_id: UUID) -> str:
    """The Redis stream that keeps the job's events for replay."""
    return f"cara:feedback:{job_id}:events"


def wake_channel(job_id: UUID) -> str:
    """The channel on which listeners are told the number of the latest event."""
    return f"cara:feedback:{job_id}:wake"


def cancel_channel(job_id: UUID) -> str:
    """The channel on which the job's worker is told that somebody wants to cancel it."""
    return f"cara:feedback:{job_id}:cancel"


def final_number(attempts: int) -> int:
    """The number of the final event of a job that ended after so many attempts."""
    return (attempts + 1) * NUMBERS_PER_ATTEMPT


async def append_events(redis: Redis, job_id: UUID, first: int, events: Sequence[tuple[str, Any]]) -> None:
    """Appends named events with their JSON data, numbered from `first` on, and wakes the listeners once.

    One round trip. Numbers that Redis refuses, because another attempt went further, are dropped.

    Raises:
        RedisError, OSError, TimeoutError: Redis is away (`AWAY`).
    """
    last = first + len(events) - 1
    try:
        async with redis.pipeline(transaction=False) as pipeline:
            for number, (name, data) in enumerate(events, start=first):
                pipeline.xadd(
                    stream_key(job_id),
                    {"event": name, "data": json.dumps(data, ensure_ascii=False)},
                    id=f"{number}-0",
                    maxlen=KEEP_EVENTS,
                )
            pipeline.expire(stream_key(job_id), KEEP_SECONDS)
            pipeline.publish(wake_channel(job_id), str(last))
            await pipeline.execute()
    except ResponseError as error:
        logger.info("job %s: events up to %d not kept: %s", job_id, last, error)


class JobNotifier:
    """What the web process says about a job. A Redis that is away costs time, never the job."""

    def __init__(self, redis: Redis, queue: Queue) -> None:
        self._redis = redis
        self._queue = queue

    async def enqueued(self, job_id: UUID) -> None:
        """Tells listeners and workers of a new job, in that order, within a bounded time.

        What Redis does not take, the sweeper finds in PostgreSQL.
        """
        try:
            async with asyncio.timeout(_NOTIFY_SECONDS):
                await self._append(job_id, 0, "status", {"status": "queued", "attempt": 0})
                await self._queue.enqueue_feedback(job_id)
        except TimeoutError:
            logger.warning("job %s waits for the sweeper: redis is slow", job_id)

    async def cancelled(self, job_id: UUID, *, ended: bool, attempts: int) -> None:
        """Tells listeners that the job has ended, or its worker that it should."""
        if ended:
            await self._append(job_id, attempts + 1, FINISHED, {})
            return
        with suppress(*AWAY):
            await self._redis.publish(cancel_channel(job_id), b"")

    async def deleted(self, job_ids: Sequence[UUID]) -> None:
        """Empties the event streams of deleted jobs: listeners leave, and workers stop.

        Only an end stays of each, beyond all numbers: Redis takes no more of what a worker still sends.
        Never fails, and never waits for long.
        """
        if not job_ids:
            return
        try:
            async with (
                asyncio.timeout(_NOTIFY_SECONDS),
                self._redis.pipeline(transaction=False) as pipeline,
            ):
                for job_id in job_ids:
                    pipeline.xadd(
                        stream_key(job_id),
                        {"event": FINISHED, "data": "{}"},
                        id=f"{BEYOND_ALL_NUMBERS}-0",
                        maxlen=1,
                        approximate=False,
                    )
                    pipeline.expire(stream_key(job_id), KEEP_SECONDS)
                    pipeline.publish(cancel_channel(job_id), b"")
                    pipeline.publish(wake_channel(job_id), b"")
                await pipeline.execute()
        except AWAY as error:
            logger.warning(
                "events of %d jobs stay for a while: redis is away (%s)", len(job_ids), type(error).__name__
            )

    async def _append(self, job_id: UUID, attempt: int, name: str, data: dict[str, Any]) -> None:
        """The first event of an attempt."""
        try:
            await append_events(self._redis, job_id, attempt * NUMBERS_PER_ATTEMPT + 1, [(name, data)])
        except AWAY as error:
            logger.warning("job %s: an event is lost while redis is away: %s", job_id, type(error).__name__)
