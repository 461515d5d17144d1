"""Publishes the progress of one attempt at a job: statuses, stages, and text while it is written."""

from __future__ import annotations

import logging
import time
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from cara.jobs.notifier import FINISHED, NUMBERS_PER_ATTEMPT, append_events
from cara.redis.connections import AWAY

logger = logging.getLogger(__name__)

_GROUP_SECONDS = 0.04
"""Texts that come within this time are sent as one event for each part."""

_MUTE_SECONDS = 1.0
"""After a failure, the publisher does not try Redis again for this time."""


class Publisher:
    """Publishes one attempt. If Redis is away, events are lost, but never the job."""

    def __init__(self, redis: Redis, job_id: UUID, attempts: int) -> None:
        self._redis = redis
        self._job_id = job_id
        self._number = attempts * NUMBERS_PER_ATTEMPT
        self._attempt = attempts
        self._texts: dict[str, str] = {}
        self._offsets: dict[str, int] = {}
        self._grouped_since = 0.0
        self._muted_until = 0.0

    async def status(self, status: str) -> None:
        """Publishes the status that the job entered."""
        await self._publish(("status", {"status": status, "attempt": self._attempt}))

    async def progress(self, stage: str, percent: int) -> None:
        """Publishes the stage that the job reached, with its progress in percent."""
        reached = {"stage": stage, "progress": percent, "attempt": self._attempt}
        await self._publish(*self._grouped(), ("progress", reached))

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
        """Sends the texts that are still held back."""
        await self._publish(*self._grouped())

    async def finished(self) -> None:
        """Publishes that the job has ended; listeners read from PostgreSQL how."""
        await self._publish(*self._grouped(), (FINISHED, {}))

    def _grouped(self) -> list[tuple[str, dict[str, Any]]]:
        """The texts that were held back, as events."""
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
            logger.warning("job %s: events are lost, redis is away: %s", self._job_id, type(error).__name__)
