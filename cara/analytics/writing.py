"""Group commit: events that arrive together are written together, and answered once they are durable.

The guarantee. `store` returns after the commit, so an event that was acknowledged survives a crash of any
process. An event of a learner that comes again under the same id is recognised for as long as its first copy
is kept; whatever its `occurredAt`, for events are partitioned by the time of receipt. Within a month the
primary key decides. The writer looks for a copy in the other months, and for an hour on either side of their
ends all writers pass singly, so that no copy can hide in a transaction that has not committed yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from cara.analytics import event_queries
from cara.analytics.arrivals import Arrival, utc_now
from cara.errors import CaraError, InvalidInput, Unavailable
from cara.observability.metrics import EVENT_GROUP_SIZE, EVENTS_REFUSED, EVENTS_STORED
from cara.postgres.database import Database, DatabaseAway, Record

logger = logging.getLogger(__name__)

MONTH_END_MARGIN = timedelta(hours=1)
"""More than clocks of web processes differ, and more than a transaction lasts."""

RETRY_SECONDS = (0.05, 0.2, 0.5, 1.0)
"""Pauses before further attempts when PostgreSQL went away: the ids stay, so that nothing is doubled."""

STORE_SECONDS = 20.0


class EventsBusy(Unavailable):
    code = "events_busy"
    detail = "Too many events are waiting to be written. Please try again in a moment."


class EventsNotStored(Unavailable):
    code = "events_not_stored"
    detail = "The events could not be written. Please send them again."


class EventsRefused(InvalidInput):
    code = "events_refused"
    detail = "PostgreSQL does not take these events as they are: sending them again will not help."


Stored = list[Record | None]
"""One for each event, in order: its row, or None where it was stored before."""


@dataclass(frozen=True)
class _Post:
    """The events of one request, and who waits for them."""

    arrivals: Sequence[Arrival]
    stored: asyncio.Future[Stored]


class EventWriter:
    """Writes the events of a web process; `run` is its life.

    Waits at most `delay_seconds` for company, writes at most about `group_events` at once (a single post is
    never divided), and lets at most `queue_events` wait.
    """

    def __init__(
        self,
        database: Database,
        *,
        on_stored: Callable[[], None],
        delay_seconds: float = 0.002,
        group_events: int = 1_000,
        queue_events: int = 10_000,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._on_stored = on_stored
        self._delay_seconds = delay_seconds
        self._group_events = group_events
        self._queue_events = queue_events
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._posts: deque[_Post] = deque()
        self._waiting_events = 0
        self._arrived = asyncio.Event()

    async def store(self, arrivals: Sequence[Arrival]) -> Stored:
        """Returns when the events are durable.

        Raises:
            EventsBusy: too many are waiting, or it took too long; what still waited is not written.
            EventsNotStored: PostgreSQL could not take them. Some may be stored: send them with the same ids.
            EventsRefused: it never will.
        """
        if self._waiting_events + len(arrivals) > self._queue_events:
            EVENTS_REFUSED.labels(EventsBusy.code).inc(len(arrivals))
            raise EventsBusy(retry_after_seconds=1)
        post = _Post(arrivals, asyncio.get_running_loop().create_future())
        self._posts.append(post)
        self._waiting_events += len(arrivals)
        self._arrived.set()
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await post.stored
        except TimeoutError:
            raise EventsBusy(retry_after_seconds=2) from None

    async def run(self) -> None:
        """Writes group after group until cancelled."""
        while True:
            await self._arrived.wait()
            if self._waiting_events < self._group_events:
                await asyncio.sleep(self._delay_seconds)
            if group := self._next_group():
                await self._write(group)

    def _next_group(self) -> list[_Post]:
        """The posts that come next; whoever has left meanwhile takes their events along."""
        group: list[_Post] = []
        events = 0
        while self._posts and events < self._group_events:
            post = self._posts.popleft()
            self._waiting_events -= len(post.arrivals)
            if not post.stored.done():
                group.append(post)
                events += len(post.arrivals)
        if not self._posts:
            self._arrived.clear()
        return group

    async def _write(self, group: list[_Post]) -> None:
        try:
            rows = await self._insert([arrival for post in group for arrival in post.arrivals])
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            await self._write_singly(group, error)
        except CaraError as error:
            _fail(group, error)
        except Exception:
            logger.exception("%d posts of events were not written", len(group))
            _fail(group, EventsNotStored(retry_after_seconds=1))
        else:
            EVENTS_STORED.inc(len(rows))
            EVENT_GROUP_SIZE.observe(sum(len(post.arrivals) for post in group))
            _tell(group, rows)
            self._on_stored()

    async def _write_singly(self, group: list[_Post], error: Exception) -> None:
        """One post that PostgreSQL refuses must not take the others with it."""
        if len(group) == 1:
            logger.error("a post of events was refused", exc_info=error)
            _fail(group, EventsRefused())
            return
        for post in group:
            await self._write([post])

    async def _insert(self, arrivals: list[Arrival]) -> list[Record]:
        for pause in self._retry_seconds:
            try:
                return await self._insert_once(arrivals)
            except DatabaseAway:
                await asyncio.sleep(pause)
        return await self._insert_once(arrivals)

    async def _insert_once(self, arrivals: list[Arrival]) -> list[Record]:
        received_at = self._clock()
        try:
            return await self._insert_at(arrivals, received_at)
        except asyncpg.CheckViolationError:
            async with self._database.acquire() as connection:
                await event_queries.create_partition(connection, received_at.date())
            return await self._insert_at(arrivals, received_at)

    async def _insert_at(self, arrivals: list[Arrival], received_at: datetime) -> list[Record]:
        turning = month_turns(received_at)
        async with self._database.transaction() if turning else self._database.acquire() as connection:
            if turning:
                await event_queries.let_writers_pass_singly(connection)
            return await event_queries.insert_events(connection, arrivals, received_at)


def month_turns(moment: datetime) -> bool:
    """Whether the moment is near the end or the beginning of a month."""
    return (moment - MONTH_END_MARGIN).month != (moment + MONTH_END_MARGIN).month


def _tell(group: list[_Post], rows: list[Record]) -> None:
    """Each row answers the first post that brought it; later copies are told that it was there."""
    fresh = {(row["user_id"], row["id"]): row for row in rows}
    for post in group:
        stored = [fresh.pop(arrival.key, None) for arrival in post.arrivals]
        if not post.stored.done():
            post.stored.set_result(stored)


def _fail(group: list[_Post], error: CaraError) -> None:
    for post in group:
        EVENTS_REFUSED.labels(error.code).inc(len(post.arrivals))
        if not post.stored.done():
            post.stored.set_exception(error)
