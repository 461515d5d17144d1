"""Inserts sources of the roll-ups, and reads and compares the roll-ups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from cara.analytics import rollups
from cara.analytics.event_queries import insert_events
from cara.analytics.rebuild import rebuild
from cara.analytics.schemas import IncomingEvent
from cara.json_values import JsonText
from cara.postgres.database import Connection, Database
from cara.practice import queries as practice

TABLES = (
    "learner_days",
    "learner_weeks",
    "learner_quarter_hours",
    "feature_days",
    "next_activity_days",
    "cohort_weeks",
)


async def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all roll-ups, in order."""
    async with database.acquire() as connection:
        return {
            table: sorted(tuple(row) for row in await connection.fetch(f"select * from {table}"))
            for table in TABLES
        }


async def empty(database: Database) -> None:
    """Empties all roll-ups."""
    async with database.acquire() as connection:
        await connection.execute(f"truncate {', '.join(TABLES)}")


NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def ignore(done: int, total: int) -> None:
    assert 0 <= done <= total


def event(user_id: UUID, occurred_at: datetime, feature: str | None = None) -> IncomingEvent:
    metadata = {"featureType": feature} if feature else {}
    return IncomingEvent(user_id, uuid4(), "used", JsonText.of(metadata), occurred_at)


async def store(database: Database, *events: IncomingEvent, received_at: datetime = NOW) -> None:
    async with database.transaction() as connection:
        await connection.execute("select create_analytics_partition($1)", received_at.date())
        await insert_events(connection, events, received_at)


async def insert_session(connection: Connection, user_id: UUID, practiced_at: datetime, feature: str) -> UUID:
    """A session whose own event is of now, wherever its practice lies."""
    session = await practice.insert_session(connection, user_id, uuid4(), feature, None, None, None, None)
    await connection.execute(
        "update sessions set practiced_at = $3 where user_id = $1 and id = $2",
        user_id,
        session["id"],
        practiced_at,
    )
    return UUID(str(session["id"]))


async def compare_with_rebuilt(database: Database) -> None:
    """Rebuilds from empty tables, and expects the rows that folding made."""
    await rollups.fold(database)
    folded = await contents(database)
    await empty(database)
    await rebuild(database, None, None, ignore)
    assert await contents(database) == folded
