"""Listening to jobs: one feed a job and process, however many streams are open on it.

A feed reads each new event from Redis once and shares it. Every listener has only a place in the feed, so
that a slow reader costs nothing but its own connection. How a job ended is read from PostgreSQL, once.
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
from cara.feedback.events.publish import JobEvent, events_after
from cara.feedback.schemas import FeedbackJob
from cara.feedback.work.requests import job_answer
from cara.jobs.notifier import FINISHED, wake_channel
from cara.postgres.database import Database
from cara.redis.connections import AWAY
from cara.redis.subscriber import Subscriber

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often a feed looks into PostgreSQL when nothing is heard from Redis."""


class Feed:
    """The events of one job as far as they are known, and the job as PostgreSQL last told it."""

    def __init__(self, user_id: UUID, job_id: UUID) -> None:
        self.user_id = user_id
        self.job_id = job_id
        self.events: list[JobEvent] = []
        self.job: FeedbackJob | None = None
        self.known = False
        self.closing = False
        self.listeners = 0
        self.news = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Nothing more will come: the job has ended, or is gone."""
        return self.known and (self.job is None or self.job.finished)

    def announce(self) -> None:
        """Wakes everybody who waits for the present `news`."""
        self.news.set()
        self.news = asyncio.Event()

    def behind(self, number: int) -> list[JobEvent]:
        """The known events behind a number."""
        return self.events[bisect_right(self.events, number, key=lambda event: event.number) :]


class JobEventBroker:
    """All feeds of this process."""

    def __init__(self, database: Database, redis: Redis, subscriber: Subscriber) -> None:
        self._database = database
        self._redis = redis
        self._subscriber = subscriber
        self._feeds: dict[UUID, tuple[Feed, asyncio.Task[None]]] = {}
        self._closing = False

    @property
    def open(self) -> int:
        """How many jobs somebody listens to in this process."""
        return len(self._feeds)

    def close(self) -> None:
        """Lets every listener end: this process is going away."""
        self._closing = True
        for feed, _ in self._feeds.values():
            feed.closing = True
            feed.announce()

    @asynccontextmanager
    async def listen(self, user_id: UUID, job_id: UUID) -> AsyncIterator[Feed]:
        """The job's feed, kept up to date for the length of the block."""
        if job_id not in self._feeds:
            feed = Feed(user_id, job_id)
            feed.closing = self._closing
            self._feeds[job_id] = feed, asyncio.create_task(self._keep_up(feed), name=f"feed {job_id}")
        feed, task = self._feeds[job_id]
        feed.listeners += 1
        try:
            yield feed
        finally:
            feed.listeners -= 1
            if feed.listeners == 0:
                del self._feeds[job_id]
                task.cancel()
                await asyncio.wait([task])

    async def finished_within(self, user_id: UUID, job_id: UUID, seconds: float) -> FeedbackJob | None:
        """The finished job, if it finishes in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self.listen(user_id, job_id) as feed:
                while not (feed.ended or feed.closing):
                    await feed.news.wait()
                return feed.job if feed.job and feed.job.finished else None
        return None

    async def _keep_up(self, feed: Feed) -> None:
        """Keeps a feed up to date; should that fail, its listeners are sent to come back."""
        try:
            await self._listen_and_look(feed)
        except Exception:
            logger.exception("the feed of job %s broke", feed.job_id)
            feed.closing = True
            feed.announce()

    async def _listen_and_look(self, feed: Feed) -> None:
        async with self._subscriber.listen(wake_channel(feed.job_id)) as wake:
            await self._look(feed)
            while not feed.ended:
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await wake.wait()
                except TimeoutError:
                    await self._look(feed)
                    continue
                wake.clear()
                if await self._hear(feed):
                    await self._look(feed)

    async def _hear(self, feed: Feed) -> bool:
        """Takes in new events; True when one says that the job has ended."""
        try:
            fresh = await events_after(self._redis, feed.job_id, feed.events[-1].number if feed.events else 0)
        except AWAY:
            return False
        feed.events.extend(event for event in fresh if event.name != FINISHED)
        if fresh:
            feed.announce()
        return any(event.name == FINISHED for event in fresh)

    async def _look(self, feed: Feed) -> None:
        """Reads the truth: the row first, then what Redis tells, so that no event comes after the end."""
        with suppress(Unavailable):
            async with self._database.acquire() as connection:
                job = await job_answer(connection, feed.user_id, feed.job_id)
            await self._hear(feed)
            feed.job, feed.known = job, True
        feed.announce()
