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
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from cara.analytics import event_queries
from cara.analytics.schemas import Event, EventsAccepted, IncomingEvent, NewEvent, incoming_event
from cara.errors import CaraError, InvalidInput, TokenInvalid, Unavailable
from cara.observability.metrics import EVENT_GROUP_SIZE, EVENTS_REFUSED, EVENTS_STORED
from cara.postgres.database import Database, Record
from cara.postgres.errors import DatabaseAway, DatabaseFull, DatabaseReadOnly, DatabaseSlow
from cara.postgres.limits import seconds_left
from cara.redis.queue import RollupNotifier

logger = logging.getLogger(__name__)

MONTH_END_MARGIN = timedelta(hours=1)
"""More than the clocks of web processes differ, and more than a transaction lasts."""

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


StoredRows = list[Record | None]
"""One item for each event, in order: its row, or None if it was stored before."""


def utc_now() -> datetime:
    """Returns the current time, by which received events are stamped."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Post:
    """The events of one request, and the future that its handler awaits."""

    events: Sequence[IncomingEvent]
    stored: asyncio.Future[StoredRows]


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
        self._arrived = asyncio.Event()

    async def store(self, events: Sequence[IncomingEvent]) -> StoredRows:
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
        try:
            async with asyncio.timeout(seconds_left(STORE_SECONDS)):
                return await post.stored
        except TimeoutError:
            raise DatabaseSlow(retry_after_seconds=2) from None

    async def run(self) -> None:
        """Writes group after group until cancelled."""
        while True:
            await self._arrived.wait()
            if self._waiting_events < self._group_events:
                await asyncio.sleep(self._delay_seconds)
            if group := self._next_group():
                await self._write(group)

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
            rows = await self._insert([event for post in group for event in post.events])
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            await self._write_singly(group, error)
        except CaraError as error:
            _fail(group, error)
        except Exception:
            logger.exception("%d posts of events were not written", len(group))
            _fail(group, EventsNotStored(retry_after_seconds=1))
        else:
            EVENTS_STORED.inc(len(rows))
            EVENT_GROUP_SIZE.observe(sum(len(post.events) for post in group))
            _succeed(group, rows)
            self._rollup_notifier.wake()

    async def _write_singly(self, group: list[_Post], error: Exception) -> None:
        """Writes each post by itself, so that one that PostgreSQL refuses does not fail the others."""
        if len(group) == 1:
            logger.error("PostgreSQL refused a post of events", exc_info=error)
            _fail(group, EventsRefused())
            return
        for post in group:
            await self._write([post])

    async def _insert(self, events: list[IncomingEvent]) -> list[Record]:
        for pause in self._retry_pauses_seconds:
            try:
                return await self._insert_once(events)
            except (DatabaseReadOnly, DatabaseFull):
                raise  # it lasts: whoever waits learns so at once
            except DatabaseAway:
                await asyncio.sleep(pause)
        return await self._insert_once(events)

    async def _insert_once(self, events: list[IncomingEvent]) -> list[Record]:
        received_at = self._clock()
        try:
            return await self._insert_at(events, received_at)
        except asyncpg.CheckViolationError:
            async with self._database.acquire() as connection:
                await event_queries.create_partition(connection, received_at.date())
            return await self._insert_at(events, received_at)

    async def _insert_at(self, events: list[IncomingEvent], received_at: datetime) -> list[Record]:
        month_ends = is_near_month_end(received_at)
        async with self._database.transaction() if month_ends else self._database.acquire() as connection:
            if month_ends:
                await event_queries.serialize_writers(connection)
            return await event_queries.insert_events(connection, events, received_at)


async def store_event(database: Database, writer: EventWriter, user_id: UUID, new: NewEvent) -> Event:
    """Stores one event; an event that is already stored is returned as it was first stored.

    Raises:
        EventsBusy, EventsNotStored, EventsRefused: as `EventWriter.store`.
        TokenInvalid: the account is gone.
    """
    event = incoming_event(user_id, new)
    (row,) = await writer.store([event])
    if row is None:
        async with database.acquire() as connection:
            row = await event_queries.event_of_user(connection, user_id, event.event_id)
    if row is None:
        raise TokenInvalid
    return Event(
        event_id=row["id"],
        user_id=row["user_id"],
        event_type=row["event_type"],
        metadata=row["metadata"],
        occurred_at=row["occurred_at"],
        received_at=row["created_at"],
    )


async def store_events(writer: EventWriter, user_id: UUID, new: Sequence[NewEvent]) -> EventsAccepted:
    """Stores those of the events that are not stored yet, in one transaction.

    Raises:
        EventsBusy, EventsNotStored, EventsRefused: as `EventWriter.store`.
    """
    rows = await writer.store([incoming_event(user_id, event) for event in new])
    accepted = sum(row is not None for row in rows)
    return EventsAccepted(accepted=accepted, duplicates=len(rows) - accepted)


def is_near_month_end(instant: datetime) -> bool:
    """Returns whether a month (UTC) ends within `MONTH_END_MARGIN` before or after the instant."""
    return (instant - MONTH_END_MARGIN).month != (instant + MONTH_END_MARGIN).month


def _succeed(group: list[_Post], rows: list[Record]) -> None:
    """Gives each row to the first post that holds the event; later copies were stored before."""
    fresh = {(row["user_id"], row["id"]): row for row in rows}
    for post in group:
        stored = [fresh.pop(event.key, None) for event in post.events]
        if not post.stored.done():
            post.stored.set_result(stored)


def _fail(group: list[_Post], error: CaraError) -> None:
    for post in group:
        EVENTS_REFUSED.labels(error.code).inc(len(post.events))
        if not post.stored.done():
            post.stored.set_exception(error)
