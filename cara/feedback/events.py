"""Progress events of a job: a bounded Redis stream for replay, and a message that wakes the listeners.

Events are numbered by the application, not by Redis: attempt n numbers from n million on. So numbers grow
even when Redis forgot everything, a listener resumes by number without gap or repeat, and a worker that lost
its lease is fenced off, because Redis refuses a number below the last. The final event is not kept here: it
is always told from PostgreSQL, with the number that `final_number` gives.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from cara.queue import Queue
from cara.redis import AWAY

logger = logging.getLogger(__name__)

NUMBERS_PER_ATTEMPT = 1_000_000
KEEP_EVENTS = 2_000
KEEP_SECONDS = 3_600
BEYOND_ALL_NUMBERS = 2**53
FINISHED = "finished"
"""Names the entry that says "the job has ended, look into PostgreSQL"."""

_GROUP_SECONDS = 0.04
_MUTE_SECONDS = 1.0
_HAND_OVER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a job's story; its data is JSON text."""

    number: int
    name: str
    data: str


def stream_key(job_id: UUID) -> str:
    return f"cara:feedback:{job_id}:events"


def wake_channel(job_id: UUID) -> str:
    """Where listeners hear of new events: the number of the latest."""
    return f"cara:feedback:{job_id}:wake"


def cancel_channel(job_id: UUID) -> str:
    """Where the worker of the job hears that somebody wants to cancel it."""
    return f"cara:feedback:{job_id}:cancel"


def final_number(attempts: int) -> int:
    """The number of the final event of a job that ended after so many attempts."""
    return (attempts + 1) * NUMBERS_PER_ATTEMPT


async def events_after(redis: Redis, job_id: UUID, number: int) -> list[Event]:
    """The events that Redis keeps behind the given number, in order."""
    entries = await redis.xrange(stream_key(job_id), min=f"({number}-0")
    return [
        Event(int(entry.split(b"-")[0]), fields[b"event"].decode(), fields[b"data"].decode())
        for entry, fields in entries
    ]


class Publisher:
    """Tells one attempt of a job as it goes. A Redis that is away costs events, never the job."""

    def __init__(self, redis: Redis, job_id: UUID, attempts: int) -> None:
        self._redis = redis
        self._job_id = job_id
        self._number = attempts * NUMBERS_PER_ATTEMPT
        self._attempt = attempts
        self._texts: dict[str, str] = {}
        self._told: dict[str, int] = {}
        self._grouped_since = 0.0
        self._muted_until = 0.0

    async def status(self, status: str) -> None:
        """The job entered a status."""
        await self._publish(("status", {"status": status, "attempt": self._attempt}))

    async def progress(self, stage: str, percent: int) -> None:
        """The job reached a stage."""
        reached = {"stage": stage, "progress": percent, "attempt": self._attempt}
        await self._publish(*self._grouped(), ("progress", reached))

    async def partial(self, part: str, text: str) -> None:
        """More text of one part of the feedback; what comes close together is sent together.

        The event tells `{part, text, offset, attempt}`: the offset is the number of characters (Unicode code
        points) of the part that went before. Where it is more than a listener has, events were lost; the
        final event has the whole text.
        """
        now = time.monotonic()
        if not self._texts:
            self._grouped_since = now
        self._texts[part] = self._texts.get(part, "") + text
        if now - self._grouped_since >= _GROUP_SECONDS:
            await self.flush()

    async def flush(self) -> None:
        """Sends the text that still waits for company."""
        await self._publish(*self._grouped())

    async def finished(self) -> None:
        """The job has ended; listeners read how from PostgreSQL."""
        await self._publish(*self._grouped(), (FINISHED, {}))

    def _grouped(self) -> list[tuple[str, dict[str, Any]]]:
        """The text that waited for company, as events."""
        texts, self._texts = self._texts, {}
        return [("partial", self._more_of(part, text)) for part, text in texts.items()]

    def _more_of(self, part: str, text: str) -> dict[str, Any]:
        offset = self._told.get(part, 0)
        self._told[part] = offset + len(text)
        return {"part": part, "text": text, "offset": offset, "attempt": self._attempt}

    async def _publish(self, *events: tuple[str, dict[str, Any]]) -> None:
        """Sends the events in one round trip, and wakes the listeners once for all of them."""
        first, self._number = self._number + 1, self._number + len(events)
        if not events or time.monotonic() < self._muted_until:
            return
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for number, (name, data) in enumerate(events, start=first):
                    pipeline.xadd(
                        stream_key(self._job_id),
                        {"event": name, "data": json.dumps(data, ensure_ascii=False)},
                        id=f"{number}-0",
                        maxlen=KEEP_EVENTS,
                    )
                pipeline.expire(stream_key(self._job_id), KEEP_SECONDS)
                pipeline.publish(wake_channel(self._job_id), str(self._number))
                await pipeline.execute()
        except ResponseError as error:
            logger.info("job %s: events up to %d not kept: %s", self._job_id, self._number, error)
        except AWAY as error:
            self._muted_until = time.monotonic() + _MUTE_SECONDS
            logger.warning(
                "job %s: events are lost while redis is away: %s", self._job_id, type(error).__name__
            )


class Announcer:
    """What the web process tells of a job: that it is there to be done, or that it is not wanted any more."""

    def __init__(self, redis: Redis, queue: Queue) -> None:
        self._redis = redis
        self._queue = queue

    async def hand_over(self, job_id: UUID) -> None:
        """Tells listeners and workers of a new job, in that order, within a bounded time.

        Whatever Redis does not take up, the sweeper finds in PostgreSQL.
        """
        try:
            async with asyncio.timeout(_HAND_OVER_SECONDS):
                await Publisher(self._redis, job_id, attempts=0).status("queued")
                await self._queue.enqueue_feedback(job_id)
        except TimeoutError:
            logger.warning("job %s waits for the sweeper: redis is slow", job_id)

    async def cancelled(self, job_id: UUID, *, ended: bool, attempts: int) -> None:
        """Tells listeners that the job has ended, or its worker that it should."""
        if ended:
            await Publisher(self._redis, job_id, attempts + 1).finished()
            return
        with suppress(*AWAY):
            await self._redis.publish(cancel_channel(job_id), b"")

    async def forget(self, job_ids: Sequence[UUID]) -> None:
        """Empties the stories of jobs that are gone, for listeners to leave and workers to stop.

        Only an end stays of each, beyond all numbers: Redis takes up no more of what a worker still tells.
        """
        if not job_ids:
            return
        try:
            async with asyncio.timeout(_HAND_OVER_SECONDS), self._redis.pipeline(transaction=False) as trip:
                for job_id in job_ids:
                    trip.xadd(
                        stream_key(job_id),
                        {"event": FINISHED, "data": "{}"},
                        id=f"{BEYOND_ALL_NUMBERS}-0",
                        maxlen=1,
                        approximate=False,
                    )
                    trip.expire(stream_key(job_id), KEEP_SECONDS)
                    trip.publish(cancel_channel(job_id), b"")
                    trip.publish(wake_channel(job_id), b"")
                await trip.execute()
        except AWAY as error:
            logger.warning(
                "events of %d jobs stay for a while: redis is away (%s)", len(job_ids), type(error).__name__
            )
