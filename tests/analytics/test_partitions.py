"""Partitions: created ahead, and dropped past retention."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from cara.analytics import event_queries, rollup_queries, rollups
from cara.analytics.event_queries import insert_events
from cara.analytics.partitions import keep_partitions, month_after, month_of
from cara.analytics.schemas import IncomingEvent
from cara.json_values import JsonText
from cara.postgres.database import Database, new_id
from cara.settings import Settings
from tests.analytics.conftest import NewUser
from tests.analytics.rollup_tables import contents
from tests.servers import Servers
from tests.waiting import time_limit
from tests.workers import running_worker

NOW = datetime(2026, 12, 5, tzinfo=UTC)


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """A database of its own for each test, because partitions are created and dropped."""
    with servers.database(f"partitions_{uuid4().hex}") as url:
        yield url


async def names(database: Database) -> list[str]:
    async with database.acquire() as connection:
        return await event_queries.partition_names(connection)


async def receive(database: Database, new_user: NewUser, received_at: datetime) -> None:
    async with database.transaction() as connection:
        await connection.execute("select create_analytics_partition($1)", received_at.date())
        occurred_at = received_at - timedelta(days=6)
        await insert_events(
            connection,
            [IncomingEvent(await new_user(), new_id(), "used", JsonText(b"{}"), occurred_at)],
            received_at,
        )


async def test_partitions_are_created_ahead_once(database: Database) -> None:
    assert await keep_partitions(database, 400, NOW) == []
    made = await names(database)
    assert {"analytics_events_2026_12", "analytics_events_2027_01", "analytics_events_2027_02"} <= set(made)
    await asyncio.gather(*(keep_partitions(database, 400, NOW) for _ in range(4)))
    assert await names(database) == made


async def test_an_event_of_last_month_is_stored_and_counted_on_its_own_day(
    database: Database, new_user: NewUser
) -> None:
    await receive(database, new_user, datetime(2026, 12, 2, tzinfo=UTC))
    await rollups.fold(database)
    ((_, _, day, events),) = (await contents(database))["learner_days"]
    assert (day, events) == (date(2026, 11, 26), 1)


async def test_a_partition_past_retention_is_dropped_and_its_roll_ups_stay(
    database: Database, new_user: NewUser
) -> None:
    await receive(database, new_user, datetime(2026, 8, 20, tzinfo=UTC))
    await receive(database, new_user, datetime(2026, 9, 20, tzinfo=UTC))
    await rollups.fold(database)
    before = await contents(database)
    assert await keep_partitions(database, 70, NOW) == ["analytics_events_2026_08"]
    assert "analytics_events_2026_09" in await names(database)
    assert await contents(database) == before
    async with database.acquire() as connection:
        assert await rollup_queries.recomputable_from(connection) == date(2026, 9, 2)


async def test_a_partition_with_pending_events_is_not_dropped(database: Database, new_user: NewUser) -> None:
    await receive(database, new_user, datetime(2026, 8, 20, tzinfo=UTC))
    assert await keep_partitions(database, 70, NOW) == []
    await rollups.fold(database)
    assert await keep_partitions(database, 70, NOW) == ["analytics_events_2026_08"]
    assert len((await contents(database))["learner_days"]) == 1


async def test_nothing_is_dropped_while_roll_ups_are_rebuilt(database: Database, new_user: NewUser) -> None:
    await receive(database, new_user, datetime(2026, 8, 20, tzinfo=UTC))
    await rollups.fold(database)
    async with database.transaction() as rebuilding:
        await rollup_queries.lock_rollups(rebuilding)
        assert await keep_partitions(database, 70, NOW, lock_timeout_seconds=0.05) == []
    assert await keep_partitions(database, 70, NOW) == ["analytics_events_2026_08"]


async def test_a_partition_in_use_is_left_for_the_next_run(database: Database, new_user: NewUser) -> None:
    await receive(database, new_user, datetime(2026, 8, 20, tzinfo=UTC))
    await rollups.fold(database)
    async with database.transaction() as connection:
        await connection.fetch("select * from analytics_events_2026_08")
        assert await keep_partitions(database, 70, NOW, lock_timeout_seconds=0.05) == []
    assert await keep_partitions(database, 70, NOW) == ["analytics_events_2026_08"]


async def test_a_worker_creates_partitions_when_it_starts(database: Database, settings: Settings) -> None:
    wanted = f"analytics_events_{month_after(datetime.now(UTC).date(), 2):%Y_%m}"
    assert wanted not in await names(database)
    async with running_worker(settings), time_limit():
        while wanted not in await names(database):
            await asyncio.sleep(0)


def test_months_are_counted_across_years() -> None:
    assert month_after(date(2026, 12, 31), 0) == date(2026, 12, 1)
    assert month_after(date(2026, 12, 31), 1) == date(2027, 1, 1)
    assert month_after(date(2026, 11, 15), 14) == date(2028, 1, 1)
    assert month_of("analytics_events_2026_08") == date(2026, 8, 1)


async def test_a_month_is_dropped_once_its_last_day_is_past_retention(
    database: Database, new_user: NewUser
) -> None:
    """From the end of August to 5 December it is 95 days. What is pending of later months does not matter."""
    await receive(database, new_user, datetime(2026, 8, 31, 23, 59, tzinfo=UTC))
    await rollups.fold(database)
    await receive(database, new_user, datetime(2026, 9, 1, tzinfo=UTC))
    assert await keep_partitions(database, 96, NOW) == []
    assert await keep_partitions(database, 95, NOW) == ["analytics_events_2026_08"]


async def test_days_that_cannot_be_recomputed_never_become_fewer(database: Database) -> None:
    async with database.acquire() as connection:
        await rollup_queries.limit_recomputing(connection, date(2026, 9, 2))
        await rollup_queries.limit_recomputing(connection, date(2026, 8, 2))
        assert await rollup_queries.recomputable_from(connection) == date(2026, 9, 2)
