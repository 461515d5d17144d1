"""The SQL functions by which one roll-up follows from another, on rows that can be counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from cara.postgres.database import Connection, Database
from tests.analytics.conftest import NewUser
from tests.analytics.rollup_tables import NOW, event, insert_session, store

ANN, BEN = UUID(int=1), UUID(int=2)
MONDAY = date(2026, 5, 18)


async def insert_days(connection: Connection, *rows: tuple[UUID, str, int, int]) -> None:
    """Inserts days of learners: the learner, the feature, the day counted from Monday, and events."""
    for user_id, feature, number, events in rows:
        await connection.execute(
            """
            insert into users (id, email, name, password_hash) values ($1, $2, 'A Learner', '')
            on conflict do nothing
            """,
            user_id,
            f"{user_id}@example.com",
        )
        await connection.execute(
            "insert into learner_days (user_id, feature_type, day, events) values ($1, $2, $3, $4)",
            user_id,
            feature,
            MONDAY + timedelta(days=number),
            events,
        )


async def test_an_event_counts_for_any_activity_and_for_the_feature_that_it_names(
    database: Database, new_user: NewUser
) -> None:
    user_id = await new_user()
    await store(database, event(user_id, NOW, "video"), event(user_id, NOW), event(user_id, NOW, "dancing"))
    async with database.acquire() as connection:
        rows = await connection.fetch("select feature_type, day from event_days order by feature_type")
    assert [tuple(row) for row in rows] == [("", NOW.date())] * 3 + [("video", NOW.date())]


async def test_sessions_are_summed_by_quarter_hour_and_feature(database: Database, new_user: NewUser) -> None:
    user_id = await new_user()
    start = datetime(2026, 5, 20, 10, 15, tzinfo=UTC)
    async with database.acquire() as connection:
        for minutes, feature in ((0, "video"), (14, "video"), (14, "accent"), (15, "video"), (45, "video")):
            await insert_session(connection, user_id, start + timedelta(minutes=minutes), feature)
        rows = await connection.fetch(
            """
            select quarter_hour, feature_type, sessions
            from quarter_hours_of_sessions($1, $2, $3)
            order by quarter_hour, feature_type
            """,
            user_id,
            start,
            start + timedelta(minutes=30),
        )
    assert [tuple(row) for row in rows] == [
        (start, "accent", 1),
        (start, "video", 2),
        (start + timedelta(minutes=15), "video", 1),
    ]


async def test_days_lead_to_the_next_day_of_the_same_learner_and_feature(database: Database) -> None:
    async with database.acquire() as connection:
        await insert_days(connection, (ANN, "", 0, 1), (ANN, "", 3, 1), (BEN, "", 3, 1), (ANN, "video", 1, 1))
        rows = await connection.fetch(
            """
            select day, feature_type, next_day, users
            from next_activity_of_days(array(select known from learner_days as known))
            order by day, feature_type
            """
        )
    assert [tuple(row) for row in rows] == [
        (MONDAY, "", MONDAY + timedelta(days=3), 1),
        (MONDAY + timedelta(days=1), "video", date.max, 1),
        (MONDAY + timedelta(days=3), "", date.max, 2),
    ]


async def test_weeks_begin_on_monday_and_count_from_the_first_week_of_the_learner(database: Database) -> None:
    later = MONDAY + timedelta(days=7)
    async with database.acquire() as connection:
        await insert_days(
            connection,
            (ANN, "", 0, 1),
            (ANN, "", 6, 1),
            (ANN, "", 7, 1),
            (BEN, "", 8, 1),
            (BEN, "video", 0, 1),
        )
        rows = await connection.fetch(
            """
            select cohort, week, users
            from cohorts_of_weeks(array(
                select active from weeks_of_days(array(select known from learner_days as known)) as active
            ))
            order by cohort, week
            """
        )
    assert [tuple(row) for row in rows] == [(MONDAY, MONDAY, 1), (MONDAY, later, 1), (later, later, 1)]


async def test_updates_are_planned_for_the_rows_of_each_call(database: Database) -> None:
    """A generic plan suits few rows, and takes minutes for the many rows of a large fold."""
    async with database.acquire() as connection:
        settings = await connection.fetch(
            "select proname, proconfig from pg_proc where proname like 'update\\_%'"
        )
    names = {
        "update_cohort_weeks",
        "update_feature_days",
        "update_learner_weeks",
        "update_next_activity_days",
    }
    ours = {row["proname"]: row["proconfig"] for row in settings if row["proname"] in names}
    assert ours == {name: ["plan_cache_mode=force_custom_plan"] for name in names}
