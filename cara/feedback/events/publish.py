"""Publishes the progress of one attempt at a job: statuses, stages, and text while it is written."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from cara.jobs.notifier import FINISHED, NUMBERS_PER_ATTEMPT, append_events, stream_key
from cara.redis.connections import AWAY

logger = logging.getLogger(__name__)

_GROUP_SECONDS = 0.04
_MUTE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One progress event of a job; its data is JSON text."""

    number: int
    name: str
    data: str


async def events_after(redis: Redis, job_id: UUID, number: int) -> list[JobEvent]:
    """The events that Redis keeps after the given number, in order."""
    entries = await redis.xrange(stream_key(job_id), min=f"({number}-0")
    return [
        JobEvent(int(entry.split(b"-")[0]), fields[b"event"].decode(), fields[b"data"].decode())
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
            await append_events(self._redis, self._job_id, first, events)
        except AWAY as error:
            self._muted_until = time.monotonic() + _MUTE_SECONDS
            logger.warning(
                "job %s: events are lost while redis is away: %s", self._job_id, type(error).__name__
            )
