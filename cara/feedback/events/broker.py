"""Job events in a web process: read once a job, however many streams are open on it.

`JobEvents` collects the events of one job as they come, and all listeners share it. A listener only keeps its
position, so that a slow reader costs nothing but its own connection. How a job ended is read from PostgreSQL,
once. The listeners of a job share its events as far as they belong to one sign-in, with which they end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from uuid import UUID

from redis.asyncio import Redis

from cara.errors import LimitReached, TokenInvalid, Unauthenticated, Unavailable
from cara.feedback.schemas import FeedbackJob
from cara.feedback.work.requests import read_job
from cara.jobs.notifier import FINISHED, JobEvent, read_events, wake_channel
from cara.observability.metrics import OPEN_STREAMS
from cara.postgres.database import Database
from cara.redis.connections import AWAY
from cara.redis.subscriber import Subscriber, Wake
from cara.web.guard import Authenticator, Claims, sign_out_channel

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""How often the broker looks into PostgreSQL, whatever it hears from Redis."""

STREAM_RETRY_SECONDS = 10.0


class TooManyStreams(LimitReached):
    code = "too_many_streams"
    detail = "Too many of your event streams are open. Close some, or ask for the status of the job instead."


class JobEvents:
    """The events of one job that have arrived, and the job as it was last read from PostgreSQL.

    `job` is None before the first read (`known` is False then), and when the job is gone. `changed` is set,
    and replaced by a new event, whenever something here changes.
    """

    def __init__(self, claims: Claims, job_id: UUID) -> None:
        self.claims = claims
        self.job_id = job_id
        self.events: list[JobEvent] = []
        self.job: FeedbackJob | None = None
        self.known = False
        self.closing = False
        self.signed_out = False
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

    def __init__(
        self,
        database: Database,
        redis: Redis,
        subscriber: Subscriber,
        authenticator: Authenticator,
        streams_per_learner: int,
    ) -> None:
        self._database = database
        self._redis = redis
        self._subscriber = subscriber
        self._authenticator = authenticator
        self._streams_per_learner = streams_per_learner
        self._streams: Counter[UUID] = Counter()
        self._jobs: dict[tuple[Claims, UUID], tuple[JobEvents, asyncio.Task[None]]] = {}
        self._closing = False

    @property
    def open(self) -> int:
        """How many jobs have a listener in this process, each counted once for a sign-in."""
        return len(self._jobs)

    def close(self) -> None:
        """Lets every listener end, because this process is stopping."""
        self._closing = True
        for events, _ in self._jobs.values():
            events.close()

    @contextmanager
    def counted_stream(self, user_id: UUID) -> Iterator[None]:
        """Counts a stream of the learner as open for the length of the block.

        Raises:
            TooManyStreams: the learner has as many open in this process as may be.
        """
        if self._streams[user_id] >= self._streams_per_learner:
            raise TooManyStreams(retry_after_seconds=STREAM_RETRY_SECONDS)
        self._streams[user_id] += 1
        try:
            with OPEN_STREAMS.track_inprogress():
                yield
        finally:
            self._streams[user_id] -= 1
            if not self._streams[user_id]:
                del self._streams[user_id]

    @asynccontextmanager
    async def listen(self, claims: Claims, job_id: UUID) -> AsyncIterator[JobEvents]:
        """Yields the job's events, kept up to date for the length of the block.

        They end when the job does, when the process stops, or when the sign-in ends (`signed_out`).
        """
        key = claims, job_id
        if key not in self._jobs:
            events = JobEvents(claims, job_id)
            events.closing = self._closing
            self._jobs[key] = events, asyncio.create_task(self._update(events), name=f"job {job_id}")
        events, task = self._jobs[key]
        events.listeners += 1
        try:
            yield events
        finally:
            events.listeners -= 1
            if events.listeners == 0:
                del self._jobs[key]
                task.cancel()
                await asyncio.wait([task])

    async def finished_within(self, claims: Claims, job_id: UUID, seconds: float) -> FeedbackJob | None:
        """Returns the finished job, if it finishes in time.

        Raises:
            TokenInvalid: the sign-in has ended meanwhile.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self.listen(claims, job_id) as events:
                while not (events.ended or events.closing or events.signed_out):
                    await events.changed.wait()
                if events.signed_out:
                    raise TokenInvalid
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
        sign_outs = sign_out_channel(events.claims.user_id)
        async with self._subscriber.listen(wake_channel(events.job_id), sign_outs) as wake:
            read_at = -POLL_SECONDS
            while not (events.ended or events.signed_out):
                heard = await _heard_within(read_at + POLL_SECONDS - time.monotonic(), wake)
                if not heard:
                    read_at = time.monotonic()
                if not heard or sign_outs in heard:
                    await self._check_sign_in(events)
                if not heard or await self._read_events(events):
                    await self._read_all(events)

    async def _check_sign_in(self, events: JobEvents) -> None:
        """Ends the listeners if their sign-in has ended; while the database is away, nothing is known."""
        try:
            async with self._database.acquire() as connection:
                await self._authenticator.caller(connection, events.claims)
        except Unauthenticated:
            events.signed_out = True
            events.notify()
        except Unavailable:
            pass

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
                job = await read_job(connection, events.claims.user_id, events.job_id)
            await self._read_events(events)
            events.job, events.known = job, True
        events.notify()


async def _heard_within(seconds: float, wake: Wake) -> set[str]:
    """Returns the channels that had messages; none if none comes in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await wake.wait()
        return wake.take()
    return set()
