"""Job events in a web process: read once a job, however many streams are open on it.

`JobEvents` collects the events of one job as they come, and all listeners share it. A listener only keeps its
position, so that a slow reader costs nothing but its own connection. How a job ended is read from PostgreSQL,
once.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from redis.asyncio import Redis

from cara.errors import Unavailable
from cara.feedback.schemas import FeedbackJob
from cara.feedback.work.requests import read_job
from cara.jobs.notifier import FINISHED, JobEvent, read_events, wake_channel
from cara.postgres.database import Database
from cara.redis.connections import AWAY
from cara.redis.subscriber import Subscriber

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""How often the broker looks into PostgreSQL while it hears nothing from Redis."""


class JobEvents:
    """The events of one job that have arrived, and the job as it was last read from PostgreSQL.

    `job` is None before the first read (`known` is False then), and when the job is gone. `changed` is set,
    and replaced by a new event, whenever something here changes.
    """

    def __init__(self, user_id: UUID, job_id: UUID) -> None:
        self.user_id = user_id
        self.job_id = job_id
        self.events: list[JobEvent] = []
        self.job: FeedbackJob | None = None
        self.known = False
        self.closing = False
        self.listeners = 0
        self.changed = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether no more events will come, because the job has ended or is gone."""
        return self.known and (self.job is None or self.job.finished_at is not None)

    def notify(self) -> None:
        """Wakes all tasks that wait for `changed`."""
        self.changed.set()
        self.changed = asyncio.Event()

    def close(self) -> None:
        """Lets every listener end although the job goes on."""
        self.closing = True
        self.notify()

    def events_after(self, number: int) -> list[JobEvent]:
        """Returns the events with numbers above this one."""
        return self.events[bisect_right(self.events, number, key=lambda event: event.number) :]


class JobEventBroker:
    """Keeps the `JobEvents` of each job that has a listener in this process."""

    def __init__(self, database: Database, redis: Redis, subscriber: Subscriber) -> None:
        self._database = database
        self._redis = redis
        self._subscriber = subscriber
        self._jobs: dict[UUID, tuple[JobEvents, asyncio.Task[None]]] = {}
        self._closing = False

    @property
    def open(self) -> int:
        """How many jobs have a listener in this process."""
        return len(self._jobs)

    def close(self) -> None:
        """Lets every listener end, because this process is stopping."""
        self._closing = True
        for events, _ in self._jobs.values():
            events.close()

    @asynccontextmanager
    async def listen(self, user_id: UUID, job_id: UUID) -> AsyncIterator[JobEvents]:
        """Yields the job's events, kept up to date for the length of the block."""
        if job_id not in self._jobs:
            events = JobEvents(user_id, job_id)
            events.closing = self._closing
            self._jobs[job_id] = events, asyncio.create_task(self._update(events), name=f"job {job_id}")
        events, task = self._jobs[job_id]
        events.listeners += 1
        try:
            yield events
        finally:
            events.listeners -= 1
            if events.listeners == 0:
                del self._jobs[job_id]
                task.cancel()
                await asyncio.wait([task])

    async def finished_within(self, user_id: UUID, job_id: UUID, seconds: float) -> FeedbackJob | None:
        """Returns the finished job, if it finishes in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self.listen(user_id, job_id) as events:
                while not (events.ended or events.closing):
                    await events.changed.wait()
                return events.job if events.job and events.job.finished_at else None
        return None

    async def _update(self, events: JobEvents) -> None:
        """Keeps the events up to date; if that fails, closes them, so that clients reconnect."""
        try:
            await self._listen_and_poll(events)
        except Exception:
            logger.exception("listening to job %s failed", events.job_id)
            events.close()

    async def _listen_and_poll(self, events: JobEvents) -> None:
        async with self._subscriber.listen(wake_channel(events.job_id)) as wake:
            await self._read_all(events)
            while not events.ended:
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await wake.wait()
                except TimeoutError:
                    await self._read_all(events)
                    continue
                wake.clear()
                if await self._read_events(events):
                    await self._read_all(events)

    async def _read_events(self, events: JobEvents) -> bool:
        """Reads new events from Redis; True when one of them says that the job has ended."""
        last_number = events.events[-1].number if events.events else 0
        try:
            fresh = await read_events(self._redis, events.job_id, last_number)
        except AWAY:
            return False
        events.events.extend(event for event in fresh if event.name != FINISHED)
        if fresh:
            events.notify()
        return any(event.name == FINISHED for event in fresh)

    async def _read_all(self, events: JobEvents) -> None:
        """Reads the job first and its events afterwards, so that no event comes after the end."""
        with suppress(Unavailable):
            async with self._database.acquire() as connection:
                job = await read_job(connection, events.user_id, events.job_id)
            await self._read_events(events)
            events.job, events.known = job, True
        events.notify()
