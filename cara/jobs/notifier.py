"""Notifies listeners and workers of a job: a bounded Redis stream of its events, and wake-up messages.

The application numbers the events, not Redis: attempt n counts from n million on. Therefore numbers grow even
if Redis forgot everything, a listener resumes by number without gap or repeat, and a worker that lost its
lease is fenced off, because Redis refuses a number below the last one. The final event is not stored here: it
is always read from PostgreSQL, with the number that `final_number` gives.
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

from cara.redis.connections import AWAY, OUTAGE
from cara.redis.queue import Queue

logger = logging.getLogger(__name__)

NUMBERS_PER_ATTEMPT = 1_000_000
MAX_NUMBER = 2**53
KEEP_EVENTS = 2_000
KEEP_SECONDS = 3_600
FINISHED = "finished"
"""The name of the entry that says that the job has ended: PostgreSQL knows how."""

NEW_STATUS = {"status": "queued", "stage": "queued", "progress": 0, "attempt": 0}
"""The data of the `status` event of a new job: as its row begins."""

CANCEL_CHANNELS = 64
"""Jobs share these channels, so that a worker subscribes once for all of its jobs. A cancellation wakes the
other jobs of its channel, too: each renews its lease, and goes on."""

_NOTIFY_SECONDS = 1.0
_GROUP_SECONDS = 0.04
"""Texts that come within this time are sent as one event for each part."""

_MUTE_SECONDS = 1.0
"""After a failure, the publisher does not try Redis again for this time."""


def stream_key(job_id: UUID) -> str:
    """Returns the Redis stream that stores the job's events for replay."""
    return f"cara:feedback:{job_id}:events"


def wake_channel(job_id: UUID) -> str:
    """Returns the channel on which listeners receive the number of the latest event."""
    return f"cara:feedback:{job_id}:wake"


def cancel_channel(job_id: UUID) -> str:
    """Returns the channel on which the job's worker learns that its cancellation was requested."""
    return f"cara:feedback:cancel:{job_id.int % CANCEL_CHANNELS}"


def cancel_channels() -> list[str]:
    """Returns all channels of cancellations."""
    return [f"cara:feedback:cancel:{number}" for number in range(CANCEL_CHANNELS)]


def final_number(attempts: int) -> int:
    """Returns the number of the final event of a job that ended after this many attempts."""
    return (attempts + 1) * NUMBERS_PER_ATTEMPT


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One progress event of a job; its data is JSON text."""

    number: int
    name: str
    data: str


async def read_events(redis: Redis, job_id: UUID, after: int) -> list[JobEvent]:
    """Returns the stored events with numbers above `after`, in order.

    Raises:
        RedisError, OSError, TimeoutError: Redis is away (`AWAY`).
    """
    entries = await redis.xrange(stream_key(job_id), min=f"({after}-0")
    return [
        JobEvent(int(entry.split(b"-")[0]), fields[b"event"].decode(), fields[b"data"].decode())
        for entry, fields in entries
    ]


async def append_events(redis: Redis, job_id: UUID, first: int, events: Sequence[tuple[str, Any]]) -> None:
    """Appends named events with their JSON data, numbered from `first` on, and wakes the listeners once.

    Takes one round trip. Drops numbers that Redis refuses because another attempt has gone further.

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
        logger.info("job %s: events up to %d were not stored: %s", job_id, last, error)


class JobNotifier:
    """Notifies from the web process. If Redis is away, the job takes longer, but is never lost."""

    def __init__(self, redis: Redis, queue: Queue) -> None:
        self._redis = redis
        self._queue = queue

    async def enqueued(self, job_id: UUID) -> None:
        """Notifies listeners and workers, in this order, of a new job; returns within a bounded time.

        If Redis does not take the job, the sweeper finds it in PostgreSQL.
        """
        try:
            async with asyncio.timeout(_NOTIFY_SECONDS):
                await self._append(job_id, 0, "status", NEW_STATUS)
                await self._queue.enqueue_feedback(job_id)
        except TimeoutError as error:
            OUTAGE.failed("jobs wait for the sweeper", type(error).__name__)

    async def cancelled(self, job_id: UUID, *, ended: bool, attempts: int) -> None:
        """Notifies listeners that the job has ended, or its worker that the job should end."""
        if ended:
            await self._append(job_id, attempts + 1, FINISHED, {})
            return
        with suppress(*AWAY):
            await self._redis.publish(cancel_channel(job_id), b"")

    async def deleted(self, job_ids: Sequence[UUID]) -> None:
        """Empties the event streams of deleted jobs, so that listeners leave and workers stop.

        Each stream keeps a final entry with the highest number: Redis refuses whatever a worker still sends.
        Best effort, within a bounded time.
        """
        try:
            async with (
                asyncio.timeout(_NOTIFY_SECONDS),
                self._redis.pipeline(transaction=False) as pipeline,
            ):
                for job_id in job_ids:
                    pipeline.xadd(
                        stream_key(job_id),
                        {"event": FINISHED, "data": "{}"},
                        id=f"{MAX_NUMBER}-0",
                        maxlen=1,
                        approximate=False,
                    )
                    pipeline.expire(stream_key(job_id), KEEP_SECONDS)
                    pipeline.publish(cancel_channel(job_id), b"")
                    pipeline.publish(wake_channel(job_id), b"")
                await pipeline.execute()
        except AWAY as error:
            OUTAGE.failed("events of deleted jobs stay until they expire", type(error).__name__)

    async def _append(self, job_id: UUID, attempt: int, name: str, data: dict[str, Any]) -> None:
        """Appends the first event of an attempt."""
        try:
            await append_events(self._redis, job_id, attempt * NUMBERS_PER_ATTEMPT + 1, [(name, data)])
        except AWAY as error:
            OUTAGE.failed("events are lost", type(error).__name__)


class Publisher:
    """Publishes one attempt. If Redis is away, events are lost, but never the job."""

    def __init__(self, redis: Redis, job_id: UUID, attempts: int) -> None:
        self._redis = redis
        self._held: list[tuple[str, dict[str, Any]]] = []
        self._job_id = job_id
        self._number = attempts * NUMBERS_PER_ATTEMPT
        self._attempt = attempts
        self._texts: dict[str, str] = {}
        self._offsets: dict[str, int] = {}
        self._grouped_since = 0.0
        self._muted_until = 0.0

    async def status(self, status: str, stage: str, percent: int) -> None:
        """Publishes the status that the job entered, with its stage and its progress in percent."""
        self.hold_status(status, stage, percent)
        await self.flush()

    def hold_status(self, status: str, stage: str, percent: int) -> None:
        """Has the same published together with the next event."""
        entered = {"status": status, "stage": stage, "progress": percent, "attempt": self._attempt}
        self._hold("status", entered)

    async def progress(self, stage: str, percent: int) -> None:
        """Publishes the stage that the job reached, with its progress in percent."""
        self.hold_progress(stage, percent)
        await self.flush()

    def hold_progress(self, stage: str, percent: int) -> None:
        """Has the same published together with the next event, for a stage that takes no time to speak of."""
        reached = {"stage": stage, "progress": percent, "attempt": self._attempt}
        self._hold("progress", reached)

    async def partial(self, part: str, text: str) -> None:
        """Publishes more text of one part of the feedback; texts that come close together are sent together.

        The event is `{part, text, offset, attempt}`. The offset counts the Unicode code points of the part
        that were sent before. If it is more than a listener has, events were lost; the final event has the
        whole text.
        """
        now = time.monotonic()
        if not self._texts:
            self._grouped_since = now
        self._texts[part] = self._texts.get(part, "") + text
        if now - self._grouped_since >= _GROUP_SECONDS:
            await self.flush()

    async def flush(self) -> None:
        """Sends what is still held back."""
        held = [*self._held, *self._grouped()]
        self._held = []
        await self._publish(*held)

    async def finished(self) -> None:
        """Publishes that the job has ended; listeners read from PostgreSQL how."""
        self._hold(FINISHED, {})
        await self.flush()

    def _hold(self, name: str, data: dict[str, Any]) -> None:
        """Holds an event back, behind the texts that came before it."""
        self._held += [*self._grouped(), (name, data)]

    def _grouped(self) -> list[tuple[str, dict[str, Any]]]:
        """Returns the texts that were held back, as events."""
        texts, self._texts = self._texts, {}
        return [("partial", self._partial_event(part, text)) for part, text in texts.items()]

    def _partial_event(self, part: str, text: str) -> dict[str, Any]:
        offset = self._offsets.get(part, 0)
        self._offsets[part] = offset + len(text)
        return {"part": part, "text": text, "offset": offset, "attempt": self._attempt}

    async def _publish(self, *events: tuple[str, dict[str, Any]]) -> None:
        """Appends the events in one round trip, and wakes the listeners once."""
        first, self._number = self._number + 1, self._number + len(events)
        if not events or time.monotonic() < self._muted_until:
            return
        try:
            await append_events(self._redis, self._job_id, first, events)
        except AWAY as error:
            self._muted_until = time.monotonic() + _MUTE_SECONDS
            OUTAGE.failed("events are lost", type(error).__name__)
