"""Rebuilding: the same tables as by folding."""

from __future__ import annotations

import asyncio
import random
from datetime import date, timedelta
from uuid import UUID

import pytest

from cara.analytics import rollups
from cara.analytics.rebuild import DaysPastRetention, DaysReversed, RebuiltDays, RollupsBusy, rebuild
from cara.analytics.statistics import RATES
from cara.postgres.database import Database
from cara.practice import queries as practice
from cara.practice.schemas import FEATURE_TYPES
from tests.analytics.conftest import NewUser
from tests.analytics.rollup_tables import (
    NOW,
    compare_with_rebuilt,
    contents,
    event,
    ignore,
    insert_session,
    store,
)


async def test_rebuilt_tables_equal_those_that_concurrent_folds_made(
    database: Database, new_user: NewUser
) -> None:
    """Two folds run while events arrive, some late, and sessions and accounts change and are deleted."""
    chance = random.Random(11)
    users = [await new_user() for _ in range(9)]
    finished = asyncio.Event()

    async def keep_folding() -> None:
        while not finished.is_set():
            await rollups.fold(database)
            await asyncio.sleep(0)

    async def live(learners: list[UUID]) -> None:
        for _ in range(12):
            user_id = chance.choice(learners)
            ago = timedelta(minutes=chance.randrange(60 * 24 * 6))
            feature = chance.choice(FEATURE_TYPES)
            await store(
                database,
                *(event(user_id, NOW - ago, feature) for _ in range(chance.randrange(1, 9))),
                received_at=NOW + timedelta(days=31 * chance.randrange(3)),
            )
            async with database.acquire() as connection:
                session_id = await insert_session(connection, user_id, NOW - ago, feature)
                completed = chance.random() < 0.5
                changes = {"score": float(chance.randrange(100)), "completed": completed}
                changes |= {rate: chance.choice((None, chance.randrange(2_000) / 10)) for rate in RATES}
                await practice.update_session(connection, user_id, session_id, changes, completed=completed)
                if chance.random() < 0.4:
                    await practice.delete_session(connection, user_id, session_id)
        await leave(learners[0])

    async def leave(user_id: UUID) -> None:
        async with database.acquire() as connection:
            await connection.execute("delete from users where id = $1", user_id)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(keep_folding())
        await asyncio.gather(*(live(users[number::3]) for number in range(3)))
        finished.set()
    assert any((await contents(database)).values())
    await compare_with_rebuilt(database)


async def test_a_rebuild_repairs_its_days_and_leaves_other_days_alone(
    database: Database, new_user: NewUser
) -> None:
    users = [await new_user() for _ in range(3)]
    days = [NOW - timedelta(days=number) for number in range(5)]
    await store(database, *(event(user_id, day, "writing") for user_id in users for day in days))
    await rollups.fold(database)
    right = await contents(database)
    async with database.acquire() as connection:
        await connection.execute("update learner_days set events = 77 where day = $1", days[2].date())
        await connection.execute("delete from learner_days where day = $1", days[1].date())
    assert await contents(database) != right

    middle, later = days[2].date(), days[1].date()
    assert await rebuild(database, middle, middle, ignore) == RebuiltDays(middle, middle)
    assert len((await contents(database))["learner_days"]) == 4 * 3 * 2
    await rebuild(database, middle, later, ignore)
    assert await contents(database) == right


async def test_events_that_are_pending_during_a_rebuild_are_counted_once(
    database: Database, new_user: NewUser
) -> None:
    user_id = await new_user()
    await store(database, event(user_id, NOW))
    await rollups.fold(database)
    await store(database, event(user_id, NOW))
    await rebuild(database, None, None, ignore)
    assert (await contents(database))["learner_days"] == [(user_id, "", NOW.date(), 1)]
    await rollups.fold(database)
    assert (await contents(database))["learner_days"] == [(user_id, "", NOW.date(), 2)]


async def test_reversed_days_are_refused(database: Database) -> None:
    with pytest.raises(DaysReversed):
        await rebuild(database, date(2026, 5, 2), date(2026, 5, 1), ignore)


async def test_a_rebuild_gives_up_on_a_lock_after_a_time_limit(
    database: Database, new_user: NewUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.analytics.rebuild.LOCK_TIMEOUT_SECONDS", 0.05)
    await new_user()
    async with database.transaction() as connection:
        await connection.execute("select from users for update")
        with pytest.raises(RollupsBusy):
            await rebuild(database, None, None, ignore)


async def test_days_past_retention_are_not_rebuilt(database: Database, new_user: NewUser) -> None:
    user_id = await new_user()
    await store(database, event(user_id, NOW))
    await rollups.fold(database)
    before = await contents(database)
    async with database.acquire() as connection:
        await connection.execute("update rollup_limits set recomputable_from = $1", date(2026, 6, 2))
        await connection.execute("drop table analytics_events_2026_05")
    with pytest.raises(DaysPastRetention, match="2026-06-02"):
        await rebuild(database, date(2026, 5, 1), None, ignore)
    await rebuild(database, None, None, ignore)
    assert await contents(database) == before
