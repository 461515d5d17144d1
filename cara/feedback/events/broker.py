"""Job events in a web process: read once a job, however many streams are open on it.

`JobEvents` collects the events of one job as they come, and all listeners share it. A stream only keeps its
position, so that a slow reader costs nothing but its own connection. How a job ended is read from PostgreSQL,
once. The listeners of a job share its events as far as they belong to one sign-in, with which they end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from redis.asyncio import Redis

from cara.errors import LimitReached, TokenInvalid, Unauthenticated, Unavailable
from cara.feedback.events.job_events import JobEvents, Listener
from cara.feedback.schemas import FeedbackJob
from cara.feedback.work.requests import read_job
from cara.jobs.notifier import FINISHED, read_events, wake_channel
from cara.observability.metrics import OPEN_STREAMS
from cara.postgres.database import Database
from cara.redis.connections import AWAY
from cara.redis.subscriber import Subscriber, Wake
from cara.web.guard import Authenticator, Claims, sign_out_channel
from cara.web.sse import HEARTBEAT_SECONDS

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""How often the broker looks into PostgreSQL, whatever it hears from Redis."""

STREAM_RETRY_SECONDS = 10.0

END_SECONDS = 10.0
"""How long the streams have at the end of the process to send what is left."""


class TooManyStreams(LimitReached):
    code = "too_many_streams"
    detail = "Too many of your event streams are open. Close some, or ask for the status of the job instead."


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
        self._released: set[asyncio.Task[None]] = set()
        self._closing_since: float | None = None
        self._no_streams = asyncio.Event()
        self._no_streams.set()

    @property
    def open(self) -> int:
        """How many jobs have a listener in this process, each counted once for a sign-in."""
        return len(self._jobs)

    async def send_heartbeats(self) -> None:
        """Keeps quiet streams alive until cancelled: one task for all of them."""
        while True:
            # A tenth early: it looks only now and then.
            await asyncio.sleep(HEARTBEAT_SECONDS / 10)
            silent_since = time.monotonic() - 0.9 * HEARTBEAT_SECONDS
            for events, _ in self._jobs.values():
                for stream in events.streams:
                    stream.heartbeat(silent_since)

    def close(self) -> None:
        """Lets every listener end, because this process is stopping."""
        self._closing_since = time.monotonic()
        for events, _ in self._jobs.values():
            events.close()

    async def closed(self) -> None:
        """Returns when the streams have sent what is left, at most `END_SECONDS` after `close`."""
        left = (self._closing_since or 0.0) + END_SECONDS - time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(left, 0)):
                await self._no_streams.wait()
        for events, _ in self._jobs.values():
            for stream in events.streams:
                stream.abort()

    def count_stream(self, user_id: UUID) -> None:
        """Counts a stream of the learner as open until it leaves, or is no longer counted.

        Raises:
            TooManyStreams: the learner has as many open in this process as may be.
        """
        if self._streams[user_id] >= self._streams_per_learner:
            raise TooManyStreams(retry_after_seconds=STREAM_RETRY_SECONDS)
        self._streams[user_id] += 1
        self._no_streams.clear()
        OPEN_STREAMS.inc()

    def uncount_stream(self, user_id: UUID) -> None:
        """Takes back `count_stream`."""
        self._streams[user_id] -= 1
        if not self._streams[user_id]:
            del self._streams[user_id]
        if not self._streams:
            self._no_streams.set()
        OPEN_STREAMS.dec()

    def join(self, stream: Listener, claims: Claims, job: FeedbackJob) -> JobEvents:
        """Updates a counted stream until it leaves; `job` is as it was when its events were asked for.

        They end when the job does, when the process stops, or when the sign-in ends (`signed_out`).
        """
        events = self._events_of(claims, job.job_id)
        events.last_job = events.last_job or job
        events.streams.add(stream)
        return events

    def leave(self, stream: Listener, events: JobEvents) -> None:
        """Ends what `join` began; the stream is no longer counted."""
        events.streams.remove(stream)
        self.uncount_stream(events.claims.user_id)
        self._release(events)

    @asynccontextmanager
    async def listen(self, claims: Claims, job_id: UUID) -> AsyncIterator[JobEvents]:
        """Yields the job's events, kept up to date for the length of the block; ends as those of streams."""
        events = self._events_of(claims, job_id)
        events.waiting += 1
        try:
            yield events
        finally:
            events.waiting -= 1
            self._release(events)

    def _events_of(self, claims: Claims, job_id: UUID) -> JobEvents:
        """Returns the job's events, which are kept up to date until `_release` finds nobody listening."""
        key = claims, job_id
        if key not in self._jobs:
            events = JobEvents(claims, job_id)
            events.closing = self._closing_since is not None
            self._jobs[key] = events, asyncio.create_task(self._update(events), name=f"job {job_id}")
        return self._jobs[key][0]

    def _release(self, events: JobEvents) -> None:
        if events.streams or events.waiting:
            return
        _, task = self._jobs.pop((events.claims, events.job_id))
        task.cancel()
        self._released.add(task)
        task.add_done_callback(self._released.discard)

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
        try:
            fresh = await read_events(self._redis, events.job_id, events.last_number)
        except AWAY:
            return False
        events.add(event for event in fresh if event.name != FINISHED)
        if fresh:
            events.notify()
        return any(event.name == FINISHED for event in fresh)

    async def _read_all(self, events: JobEvents) -> None:
        """Reads the job first and its events afterwards, so that no event comes after the end."""
        with suppress(Unavailable):
            async with self._database.acquire() as connection:
                job = await read_job(connection, events.claims.user_id, events.job_id)
            await self._read_events(events)
            events.set_job(job)
        events.notify()


async def _heard_within(seconds: float, wake: Wake) -> set[str]:
    """Returns the channels that had messages; none if none comes in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await wake.wait()
        return wake.take()
    return set()
