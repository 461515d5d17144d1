"""Group commit: events that arrive together are written together, and answered once they are durable.

The guarantee. `EventWriter.store` returns after the commit, so an acknowledged event survives a crash of any
process. An event that a learner sends again under the same id is recognized for as long as its first copy is
kept, whatever its `occurredAt`, because events are partitioned by the time of receipt. Within a month the
primary key decides. The statement looks for a copy in the other months, and for an hour on either side of the
end of a month all writers write one after another, so that no copy can hide in a transaction that has not
committed yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from cara.analytics import event_queries
from cara.analytics.periods import is_near_month_end
from cara.analytics.schemas import IncomingEvent
from cara.errors import CaraError, InvalidInput, Unavailable
from cara.observability.metrics import EVENT_GROUP_SIZE, EVENTS_REFUSED, EVENTS_STORED
from cara.postgres.database import Database, Record
from cara.postgres.errors import DatabaseAway, DatabaseFull, DatabaseReadOnly, DatabaseSlow
from cara.postgres.limits import seconds_left
from cara.redis.queue import RollupNotifier

logger = logging.getLogger(__name__)

RETRY_PAUSES_SECONDS = (0.05, 0.2, 0.5, 1.0)
"""Pauses before further attempts when PostgreSQL is away. The event ids stay: nothing is stored twice."""

STORE_SECONDS = 4.0


class EventsBusy(Unavailable):
    code = "events_busy"
    detail = "Too many events are waiting to be written. Please try again in a moment."


class EventsNotStored(Unavailable):
    code = "events_not_stored"
    detail = "The events could not be written. Please send them again."


class EventsRefused(InvalidInput):
    code = "events_refused"
    detail = "PostgreSQL does not take these events as they are: sending them again will not help."


StoredAt = list[datetime | None]
"""One item for each event, in order: when it was received, or None if it was stored before."""

PARALLEL_WRITES = 2
PARALLEL_EVENTS = 100
"""So many are written beside another transaction. Fewer wait for its end: small ones cost more an event."""


def utc_now() -> datetime:
    """Returns the current time, by which received events are stamped."""
    return datetime.now(UTC)


_Inserted = tuple[datetime, list[Record]]
"""When the events were received, and the keys of those that are new."""


@dataclass(frozen=True)
class _Post:
    """The events of one request, and the future that its handler awaits."""

    events: Sequence[IncomingEvent]
    stored: asyncio.Future[StoredAt]


class EventWriter:
    """Writes the events of a web process while `run` runs.

    Waits at most `delay_seconds` for further posts, writes about `group_events` events at once (a post is
    never divided), and lets at most `queue_events` events wait.
    """

    def __init__(
        self,
        database: Database,
        rollup_notifier: RollupNotifier,
        *,
        delay_seconds: float = 0.002,
        group_events: int = 1_000,
        queue_events: int = 10_000,
        retry_pauses_seconds: Sequence[float] = RETRY_PAUSES_SECONDS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._rollup_notifier = rollup_notifier
        self._delay_seconds = delay_seconds
        self._group_events = group_events
        self._queue_events = queue_events
        self._retry_pauses_seconds = retry_pauses_seconds
        self._clock = clock
        self._posts: deque[_Post] = deque()
        self._waiting_events = 0
        self._writing = 0
        self._arrived = asyncio.Event()
        self._gathering = asyncio.Lock()
        self._may_write = asyncio.Event()

    async def store(self, events: Sequence[IncomingEvent]) -> StoredAt:
        """Returns when the events are durable.

        Raises:
            EventsBusy: too many events are waiting.
            DatabaseSlow: it took too long; the events may be stored later, or be dropped.
            EventsNotStored: the write failed. Some events may be stored: send them with the same ids.
            EventsRefused: PostgreSQL will never take the events.
        """
        if self._waiting_events + len(events) > self._queue_events:
            EVENTS_REFUSED.labels(EventsBusy.code).inc(len(events))
            raise EventsBusy(retry_after_seconds=1)
        post = _Post(events, asyncio.get_running_loop().create_future())
        self._posts.append(post)
        self._waiting_events += len(events)
        self._arrived.set()
        if self._waiting_events >= PARALLEL_EVENTS:
            self._may_write.set()
        try:
            async with asyncio.timeout(seconds_left(STORE_SECONDS)):
                return await post.stored
        except TimeoutError:
            raise DatabaseSlow(retry_after_seconds=2) from None

    async def run(self) -> None:
        """Writes group after group until cancelled."""
        async with asyncio.TaskGroup() as writes:
            for _ in range(PARALLEL_WRITES):
                writes.create_task(self._write_groups())

    async def _write_groups(self) -> None:
        while True:
            async with self._gathering:
                group = await self._gathered()
                self._writing += 1
            try:
                await self._write(group)
            finally:
                self._writing -= 1
                self._may_write.set()

    async def _gathered(self) -> list[_Post]:
        """Returns the next posts as soon as they may be written."""
        while True:
            await self._arrived.wait()
            if self._waiting_events < self._group_events:
                await asyncio.sleep(self._delay_seconds)
            await self._until_free()
            if group := self._next_group():
                return group

    async def _until_free(self) -> None:
        """Returns when a group may be written: at once, or beside another one if it is large, or after it."""
        while self._writing >= (PARALLEL_WRITES if self._waiting_events >= PARALLEL_EVENTS else 1):
            self._may_write.clear()
            await self._may_write.wait()

    def _next_group(self) -> list[_Post]:
        """Returns the next posts, without those whose request was abandoned."""
        group: list[_Post] = []
        size = 0
        while self._posts and size < self._group_events:
            post = self._posts.popleft()
            self._waiting_events -= len(post.events)
            if not post.stored.done():
                group.append(post)
                size += len(post.events)
        if not self._posts:
            self._arrived.clear()
        return group

    async def _write(self, group: list[_Post]) -> None:
        try:
            received_at, keys = await self._insert([event for post in group for event in post.events])
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            await self._write_singly(group, error)
        except CaraError as error:
            _fail(group, error)
        except Exception:
            logger.exception("%d posts of events were not written", len(group))
            _fail(group, EventsNotStored(retry_after_seconds=1))
        else:
            EVENTS_STORED.inc(len(keys))
            EVENT_GROUP_SIZE.observe(sum(len(post.events) for post in group))
            _succeed(group, received_at, keys)
            self._rollup_notifier.wake()

    async def _write_singly(self, group: list[_Post], error: Exception) -> None:
        """Writes each post by itself, so that one that PostgreSQL refuses does not fail the others."""
        if len(group) == 1:
            logger.error("PostgreSQL refused a post of events", exc_info=error)
            _fail(group, EventsRefused())
            return
        for post in group:
            await self._write([post])

    async def _insert(self, events: list[IncomingEvent]) -> _Inserted:
        for pause in self._retry_pauses_seconds:
            try:
                return await self._insert_once(events)
            except (DatabaseReadOnly, DatabaseFull):
                raise  # it lasts: whoever waits learns so at once
            except DatabaseAway:
                await asyncio.sleep(pause)
        return await self._insert_once(events)

    async def _insert_once(self, events: list[IncomingEvent]) -> _Inserted:
        received_at = self._clock()
        try:
            return await self._insert_at(events, received_at)
        except asyncpg.CheckViolationError:
            async with self._database.acquire() as connection:
                await event_queries.create_partition(connection, received_at.date())
            return await self._insert_at(events, received_at)

    async def _insert_at(self, events: list[IncomingEvent], received_at: datetime) -> _Inserted:
        month_ends = is_near_month_end(received_at)
        async with self._database.transaction() if month_ends else self._database.acquire() as connection:
            if month_ends:
                await event_queries.serialize_writers(connection)
            return received_at, await event_queries.insert_events(connection, events, received_at)


def _succeed(group: list[_Post], received_at: datetime, keys: list[Record]) -> None:
    """Tells each post which of its events are new: of several copies the first one."""
    if len(keys) == sum(len(post.events) for post in group):
        stored: list[StoredAt] = [[received_at] * len(post.events) for post in group]
    else:
        new = {(key["user_id"], key["id"]): received_at for key in keys}
        stored = [[new.pop(event.key, None) for event in post.events] for post in group]
    for post, received in zip(group, stored, strict=True):
        if not post.stored.done():
            post.stored.set_result(received)


def _fail(group: list[_Post], error: CaraError) -> None:
    for post in group:
        EVENTS_REFUSED.labels(error.code).inc(len(post.events))
        if not post.stored.done():
            post.stored.set_exception(error)
