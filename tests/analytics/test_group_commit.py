"""Group commit: bounds, exactness and failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from cara.analytics.event_queries import insert_events
from cara.analytics.event_writer import (
    PARALLEL_EVENTS,
    EventsBusy,
    EventsRefused,
    EventWriter,
    utc_now,
)
from cara.analytics.ingestion import store_event
from cara.analytics.periods import is_near_month_end
from cara.analytics.schemas import IncomingEvent, NewEvent
from cara.errors import TokenInvalid
from cara.json_values import JsonText
from cara.postgres.database import Database
from cara.postgres.errors import DatabaseAway, DatabaseSlow
from cara.settings import Settings
from tests.analytics.conftest import CountingNotifier, NewUser, StartWriter
from tests.waiting import until_blocked


def incoming(user_id: UUID, event_id: UUID | None = None, event_type: str = "clicked") -> IncomingEvent:
    return IncomingEvent(user_id, event_id or uuid4(), event_type, JsonText(b"{}"), None)


def clock_at(instant: datetime) -> Callable[[], datetime]:
    return lambda: instant


async def stored_events(database: Database) -> int:
    async with database.acquire() as connection:
        count: int = await connection.fetchval("select count(*) from analytics_events")
        return count


async def test_posts_that_arrive_together_share_commits(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    notifier = CountingNotifier()
    writer = start_writer(EventWriter(database, notifier))
    users = [await new_user() for _ in range(3)]
    posts = [writer.store([incoming(users[number % 3])]) for number in range(300)]
    rows = [row for (row,) in await asyncio.gather(*posts)]

    assert all(rows)
    assert await stored_events(database) == 300
    async with database.acquire() as connection:
        batches = await connection.fetchval("select count(*) from pending_event_batches")
    assert batches <= 10
    assert notifier.wakes == batches


@asynccontextmanager
async def uncommitted(settings: Settings, event: IncomingEvent) -> AsyncIterator[None]:
    """Another transaction has written the event, and commits at the end of the block."""
    other = await Database.connect(settings)
    async with other.transaction() as connection:
        await insert_events(connection, [event], utc_now())
        yield
    await other.close()


async def test_many_events_are_written_beside_a_transaction_that_lasts_and_few_are_not(
    settings: Settings, database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    user_id = await new_user()
    writer = start_writer(EventWriter(database, CountingNotifier(), delay_seconds=0))
    held = incoming(user_id)
    async with uncommitted(settings, held):
        first = asyncio.create_task(writer.store([held]))
        await until_blocked(database, first)
        few = [asyncio.create_task(writer.store([incoming(user_id)])) for _ in range(3)]
        async with database.acquire() as connection:
            await connection.execute("select pg_sleep(0)")
        assert not any(task.done() for task in [first, *few])
        many = await writer.store([incoming(user_id) for _ in range(PARALLEL_EVENTS)])
        assert all(many)
        assert not first.done()
    assert await first == [None]
    assert all(row for (row,) in await asyncio.gather(*few))
    assert await stored_events(database) == 1 + len(few) + PARALLEL_EVENTS


async def test_events_that_arrive_during_a_transaction_share_the_next_one(
    settings: Settings, database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    user_id, notifier = await new_user(), CountingNotifier()
    writer = start_writer(EventWriter(database, notifier, delay_seconds=0))
    held = incoming(user_id)
    async with uncommitted(settings, held):
        first = asyncio.create_task(writer.store([held]))
        await until_blocked(database, first)
        posts = []
        for _ in range(5):
            posts.append(asyncio.create_task(writer.store([incoming(user_id)])))
            async with database.acquire() as connection:
                await connection.execute("select 1")
    await asyncio.gather(first, *posts)
    assert notifier.wakes == 2


async def test_one_of_many_simultaneous_copies_is_stored(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    """Two writers, like those of two web processes, receive the same events in opposite order."""
    writers = [start_writer(EventWriter(database, CountingNotifier())) for _ in range(2)]
    user_id = await new_user()
    events = [incoming(user_id) for _ in range(200)]
    answers = await asyncio.gather(
        *(writers[0].store([one]) for one in events),
        *(writers[1].store([one]) for one in reversed(events)),
        *(writers[0].store([one]) for one in events),
    )
    assert sum(row is not None for (row,) in answers) == 200
    assert await stored_events(database) == 200


async def test_of_copies_that_differ_all_are_answered_with_the_one_that_is_stored(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    """They share a group with many others, for which PostgreSQL takes another plan."""
    writer = start_writer(EventWriter(database, CountingNotifier()))
    users = [await new_user() for _ in range(40)]
    async with database.acquire() as connection:
        await connection.execute("analyze users")
    event_id = uuid4()
    copies = [NewEvent(eventType=f"copy_{number}", eventId=event_id) for number in range(60)]
    answers = await asyncio.gather(
        *(store_event(database, writer, users[0], copy) for copy in copies),
        *(store_event(database, writer, users[n % 40], NewEvent(eventType="other")) for n in range(300)),
    )
    assert {answer["eventType"] for answer in answers[: len(copies)]} == {"copy_0"}
    async with database.acquire() as connection:
        stored = "select event_type from analytics_events where id = $1"
        assert await connection.fetchval(stored, event_id) == "copy_0"


async def test_posts_over_the_bound_are_refused_and_not_written(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    writer = EventWriter(database, CountingNotifier(), queue_events=10)
    user_id = await new_user()
    waiting = asyncio.gather(*(writer.store([incoming(user_id)]) for _ in range(10)))
    await asyncio.sleep(0)
    with pytest.raises(EventsBusy) as refusal:
        await writer.store([incoming(user_id)])
    assert refusal.value.retry_after_seconds

    start_writer(writer)
    assert all(row for (row,) in await waiting)
    assert await stored_events(database) == 10
    assert (await writer.store([incoming(user_id)]))[0]


async def test_events_of_an_abandoned_request_are_not_written(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    writer = EventWriter(database, CountingNotifier())
    user_id = await new_user()
    leaving = asyncio.create_task(writer.store([incoming(user_id)]))
    await asyncio.sleep(0)
    leaving.cancel()
    start_writer(writer)
    await writer.store([incoming(user_id)])
    assert await stored_events(database) == 1


async def test_a_post_that_postgresql_refuses_does_not_fail_others(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    writer = EventWriter(database, CountingNotifier())
    user_id = await new_user()
    poison = incoming(user_id, event_type="with\x00nul")
    posts = [writer.store([one]) for one in (incoming(user_id), poison, incoming(user_id))]
    waiting = asyncio.gather(*posts, return_exceptions=True)
    await asyncio.sleep(0)
    start_writer(writer)
    first, second, third = await waiting
    assert isinstance(second, EventsRefused)
    assert isinstance(first, list)
    assert isinstance(third, list)
    assert await stored_events(database) == 2


async def test_the_writer_survives_an_outage_of_postgresql(
    settings: Settings, new_user: NewUser, start_writer: StartWriter
) -> None:
    database = await Database.connect(settings)
    writer = start_writer(EventWriter(database, CountingNotifier(), retry_pauses_seconds=(0.01, 0.01)))
    user_id = await new_user()
    await writer.store([incoming(user_id)])
    await database.close()
    for _ in range(2):
        with pytest.raises(DatabaseAway):
            await writer.store([incoming(user_id)])


async def test_a_broken_connection_is_replaced_and_nothing_is_stored_twice(
    database: Database, settings: Settings, new_user: NewUser, start_writer: StartWriter
) -> None:
    own_database = await Database.connect(settings)
    writer = start_writer(EventWriter(own_database, CountingNotifier()))
    user_id = await new_user()
    await writer.store([incoming(user_id)])
    async with database.acquire() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert (await writer.store([incoming(user_id)]))[0]
    assert await stored_events(database) == 2
    await own_database.close()


async def test_events_of_a_deleted_account_are_dropped(database: Database, start_writer: StartWriter) -> None:
    writer = start_writer(EventWriter(database, CountingNotifier()))
    assert await writer.store([incoming(uuid4())]) == [None]
    assert await stored_events(database) == 0


MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (MIDNIGHT - timedelta(seconds=1), MIDNIGHT + timedelta(seconds=1)),
        (MIDNIGHT - timedelta(days=27), MIDNIGHT + timedelta(days=30)),
        (MIDNIGHT + timedelta(seconds=1), MIDNIGHT - timedelta(seconds=1)),  # clocks differ
        (datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2027, 1, 1, 12, tzinfo=UTC)),
    ],
)
async def test_a_retry_in_another_month_finds_the_first_copy(
    database: Database, new_user: NewUser, start_writer: StartWriter, first: datetime, second: datetime
) -> None:
    event = incoming(await new_user())
    for instant, new in ((first, True), (second, False), (first, False)):
        writer = start_writer(EventWriter(database, CountingNotifier(), clock=clock_at(instant)))
        (row,) = await writer.store([event])
        assert (row is not None) == new
    assert await stored_events(database) == 1


async def test_simultaneous_copies_on_both_sides_of_midnight_are_stored_once(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    sides = [MIDNIGHT - timedelta(seconds=1), MIDNIGHT + timedelta(seconds=1)]
    writers = [
        start_writer(EventWriter(database, CountingNotifier(), clock=clock_at(side), group_events=5))
        for side in sides
    ]
    user_id = await new_user()
    events = [incoming(user_id) for _ in range(60)]
    answers = await asyncio.gather(*(writer.store([one]) for one in events for writer in writers))
    assert sum(row is not None for (row,) in answers) == 60
    assert await stored_events(database) == 60


async def test_a_writer_creates_a_missing_partition(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    instant = datetime(2031, 7, 15, tzinfo=UTC)
    writers = [
        start_writer(EventWriter(database, CountingNotifier(), clock=clock_at(instant))) for _ in range(3)
    ]
    user_id = await new_user()
    answers = await asyncio.gather(*(writer.store([incoming(user_id)]) for writer in writers))
    assert all(row for (row,) in answers)
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from analytics_events_2031_07") == 3


def test_a_month_end_is_near_for_an_hour_before_and_after_it() -> None:
    assert is_near_month_end(MIDNIGHT - timedelta(minutes=59))
    assert is_near_month_end(MIDNIGHT + timedelta(minutes=59))
    assert not is_near_month_end(MIDNIGHT + timedelta(hours=2))
    assert not is_near_month_end(datetime(2026, 3, 15, tzinfo=UTC))


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"cara_analytics_{name}", labels) or 0.0


async def test_stored_events_are_counted_without_duplicates_and_groups_with_them(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    names = ("events_stored_total", "event_group_size_count", "event_group_size_sum")
    before = [metric(name) for name in names]
    event = incoming(await new_user())
    writer = start_writer(EventWriter(database, CountingNotifier()))
    await writer.store([event, event, incoming(event.user_id)])
    assert [metric(name) - count for name, count in zip(names, before, strict=True)] == [2, 1, 3]


async def test_refused_events_are_counted_by_the_code_of_their_error(
    database: Database, new_user: NewUser, start_writer: StartWriter
) -> None:
    codes = ("events_busy", "events_refused")
    before = [metric("events_refused_total", code=code) for code in codes]
    writer = start_writer(EventWriter(database, CountingNotifier(), queue_events=2))
    user_id = await new_user()
    with pytest.raises(EventsBusy):
        await writer.store([incoming(user_id) for _ in range(3)])
    with pytest.raises(EventsRefused):
        await writer.store([incoming(user_id, event_type="with\x00nul") for _ in range(2)])
    assert [metric("events_refused_total", code=code) for code in codes] == [before[0] + 3, before[1] + 2]


async def test_events_that_wait_too_long_are_refused_and_not_written_later(
    database: Database, new_user: NewUser, start_writer: StartWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, user_id = EventWriter(database, CountingNotifier()), await new_user()
    with monkeypatch.context() as patch:
        patch.setattr("cara.analytics.event_writer.STORE_SECONDS", 0.01)
        with pytest.raises(DatabaseSlow) as refusal:
            await writer.store([incoming(user_id)])
    assert refusal.value.retry_after_seconds == 2
    start_writer(writer)
    await writer.store([incoming(user_id)])
    assert await stored_events(database) == 1


async def test_an_event_of_an_account_that_is_gone_is_no_duplicate(
    database: Database, start_writer: StartWriter
) -> None:
    writer = start_writer(EventWriter(database, CountingNotifier()))
    with pytest.raises(TokenInvalid):
        await store_event(database, writer, uuid4(), NewEvent(eventType="clicked"))
