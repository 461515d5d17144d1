"""Folding: events and sessions are counted in the roll-ups exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from cara.analytics import rollup_queries, rollups
from cara.analytics.event_queries import insert_events
from cara.analytics.statistics import RATES
from cara.postgres.database import Database
from cara.practice import queries as practice
from tests.analytics.conftest import NewUser
from tests.analytics.rollup_tables import NOW, compare_with_rebuilt, contents, event, insert_session, store


async def test_events_are_counted_by_learner_day_and_feature(database: Database, new_user: NewUser) -> None:
    user_id = await new_user()
    yesterday = NOW - timedelta(days=1)
    await store(
        database,
        event(user_id, NOW, "video"),
        event(user_id, NOW, "video"),
        event(user_id, NOW, "no such feature"),
        event(user_id, yesterday),
    )
    assert await rollups.fold(database) == 4
    assert (await contents(database))["learner_days"] == [
        (user_id, "", yesterday.date(), 1),
        (user_id, "", NOW.date(), 3),
        (user_id, "video", NOW.date(), 2),
    ]


async def test_folding_again_adds_nothing(database: Database, new_user: NewUser) -> None:
    await store(database, event(await new_user(), NOW))
    assert await rollups.fold(database) == 1
    before = await contents(database)
    assert await rollups.fold(database) == 0
    assert await contents(database) == before


async def test_a_transaction_that_commits_late_is_not_missed(database: Database, new_user: NewUser) -> None:
    """Its batch has the lowest number, and later batches were folded before it committed."""
    slow, quick = await new_user(), await new_user()
    async with database.transaction() as connection:
        await insert_events(connection, [event(slow, NOW)], datetime.now(UTC))
        await store(database, event(quick, NOW))
        assert await rollups.fold(database) == 1
    assert await rollups.fold(database) == 1
    assert {row[0] for row in (await contents(database))["learner_days"]} == {slow, quick}


async def test_a_failed_fold_changes_nothing_and_the_next_one_succeeds(
    database: Database, new_user: NewUser
) -> None:
    await store(database, event(await new_user(), NOW))
    async with database.acquire() as connection:
        await connection.execute("alter table learner_weeks add constraint broken check (false) not valid")
        with pytest.raises(Exception, match="broken"):
            await rollups.fold(database)
        assert not any((await contents(database)).values())
        await connection.execute("alter table learner_weeks drop constraint broken")
    assert await rollups.fold(database) == 1


async def test_freshness_is_the_time_of_the_oldest_pending_change(
    database: Database, new_user: NewUser
) -> None:
    async with database.acquire() as connection:
        await rollups.fold(database)
        before = datetime.now(UTC)
        assert before <= await rollup_queries.fresh_as_of(connection) <= datetime.now(UTC)
        await store(database, event(await new_user(), NOW))
        assert await rollup_queries.fresh_as_of(connection) == NOW
        await rollups.fold(database)
        assert await rollup_queries.fresh_as_of(connection) > NOW


async def test_sessions_follow_their_changes_and_their_deletion(
    database: Database, new_user: NewUser
) -> None:
    user_id = await new_user()
    async with database.acquire() as connection:
        kept = await insert_session(connection, user_id, NOW, "accent")
        gone = await insert_session(connection, user_id, NOW, "accent")
        changes = {"score": 80.0, "clarity": 70.0, "duration_seconds": 90, "completed": True}
        await practice.update_session(connection, user_id, kept, changes, completed=True)
        await rollups.fold(database)
        (quarter,) = (await contents(database))["learner_quarter_hours"]
        assert quarter[1:9] == (NOW, "accent", 2, 1, 1, 80.0, 90, 1)

        for rate in (2.5, None, 4.1):
            measures = dict.fromkeys(RATES, rate)
            await practice.update_session(connection, user_id, kept, measures, completed=True)
            await rollups.fold(database)
            (quarter,) = (await contents(database))["learner_quarter_hours"]
            assert quarter[16:24] == (int(rate is not None), rate or 0) * 4

        await practice.delete_session(connection, user_id, gone)
        await rollups.fold(database)
        (quarter,) = (await contents(database))["learner_quarter_hours"]
        assert quarter[1:5] == (NOW, "accent", 1, 1)
        days = (await contents(database))["feature_days"]
        assert (NOW.date(), "accent", 1, 1, 0, 0) in days

        await practice.delete_session(connection, user_id, kept)
        await rollups.fold(database)
        assert (await contents(database))["learner_quarter_hours"] == []
        assert all(row[2] == 0 for row in (await contents(database))["feature_days"])


async def test_a_deleted_account_takes_its_contribution_out_of_the_roll_ups(
    database: Database, new_user: NewUser
) -> None:
    staying, leaving = await new_user(), await new_user()
    await store(database, event(staying, NOW, "video"))
    async with database.acquire() as connection:
        await insert_session(connection, staying, NOW, "video")
        await rollups.fold(database)
        before = await contents(database)

        for days in range(6):
            await store(database, event(leaving, NOW - timedelta(days=days), "video"))
        await insert_session(connection, leaving, NOW, "video")
        await rollups.fold(database)
        assert await contents(database) != before
        await store(database, event(leaving, NOW - timedelta(days=3)))
        await insert_session(connection, leaving, NOW, "accent")

        await connection.execute("delete from users where id = $1", leaving)
        assert await contents(database) == before
        await rollups.fold(database)
        assert await contents(database) == before
        assert not await connection.fetchval(
            "select count(*) from analytics_events where user_id = $1", leaving
        )
    await compare_with_rebuilt(database)


async def test_a_fold_takes_the_oldest_batches_within_its_limits_and_at_least_one(
    database: Database, new_user: NewUser
) -> None:
    user_id = await new_user()
    for _ in range(4):
        await store(database, event(user_id, NOW), event(user_id, NOW))
    taken = []
    for events, batches in ((3, 10), (100, 1), (1, 10), (100, 10)):
        async with database.transaction() as connection:
            taken.append(
                [row["id"] for row in await rollup_queries.take_batches(connection, events, batches)]
            )
    assert [len(ids) for ids in taken] == [2, 1, 1, 0]
    in_order = [number for ids in taken for number in sorted(ids)]
    assert in_order == sorted(in_order)


async def test_stale_quarter_hours_are_taken_within_their_limit(
    database: Database, new_user: NewUser
) -> None:
    user_id = await new_user()
    async with database.acquire() as connection:
        await connection.execute("delete from stale_quarter_hours")
        for hours in range(3):
            await connection.execute(
                """
                insert into stale_quarter_hours (user_id, quarter_hour, feature_type)
                values ($1, $2, 'video')
                """,
                user_id,
                NOW + timedelta(hours=hours),
            )
        taken = [await rollup_queries.take_stale_quarter_hours(connection, 2) for _ in range(3)]
    assert [len(rows) for rows in taken] == [2, 1, 0]


async def test_a_fold_that_has_no_time_or_is_not_alone_leaves_the_rest_to_the_next(
    database: Database, new_user: NewUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.analytics.rollups.LOCK_TIMEOUT_SECONDS", 0.05)
    before = REGISTRY.get_sample_value("cara_analytics_rollup_rows_total") or 0
    user_id = await new_user()
    await store(database, event(user_id, NOW), event(user_id, NOW), event(user_id, NOW))
    assert await rollups.fold(database, seconds=0) == 0
    async with database.transaction() as folding:
        await rollup_queries.lock_rollups(folding)
        assert await rollups.fold(database) == 0
    assert await rollups.fold(database) == 3
    assert REGISTRY.get_sample_value("cara_analytics_rollup_rows_total") == before + 3


async def test_a_changed_session_makes_the_roll_ups_stale_until_it_is_folded(
    database: Database, new_user: NewUser
) -> None:
    user_id = await new_user()
    async with database.acquire() as connection:
        await insert_session(connection, user_id, NOW, "accent")
        await connection.execute("delete from pending_event_batches")
        changed_at = await rollup_queries.fresh_as_of(connection)
        assert await rollup_queries.fresh_as_of(connection) == changed_at
        await rollups.fold(database)
        assert await rollup_queries.fresh_as_of(connection) > changed_at
