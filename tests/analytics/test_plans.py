"""Plans: reports and folding find their rows by an index, however large the tables are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cara.analytics import adoption_queries, event_queries, rollup_queries, statistics_queries
from cara.postgres.database import Connection, Database
from cara.practice.schemas import FEATURE_TYPES
from tests.analytics.conftest import NewUser
from tests.analytics.rollup_tables import NOW, event, store

FEATURES = ("", *FEATURE_TYPES)
TODAY = NOW.date()
SPAN = TODAY - timedelta(days=29), TODAY
SMALL = {"rollup_limits", "users"}
"""Tables with one row."""

Read = Callable[[Connection, UUID], Awaitable[Any]]


def statistics(connection: Connection, user_id: UUID) -> Awaitable[Any]:
    begin = datetime(2026, 5, 1, tzinfo=UTC)
    return statistics_queries.statistics_of_learner(connection, user_id, None, [begin], NOW)


READS: dict[str, Read] = {
    "statistics": statistics,
    "users of all": lambda connection, _: adoption_queries.users_of_all(connection, *SPAN, FEATURES),
    "users of a learner": lambda connection, user: adoption_queries.users_of_learner(connection, user, *SPAN),
    "sums of all": lambda connection, _: adoption_queries.sums_of_all(connection, *SPAN),
    "sums of a learner": lambda connection, user: adoption_queries.sums_of_learner(connection, user, *SPAN),
    "uses of all": lambda connection, _: adoption_queries.uses_of_all(connection, FEATURE_TYPES),
    "uses of a learner": lambda connection, user: adoption_queries.uses_of_learner(connection, user),
    "cohorts of all": lambda connection, _: adoption_queries.cohorts_of_all(connection, *SPAN),
    "cohort of a learner": lambda connection, user: adoption_queries.cohort_of_learner(
        connection, user, *SPAN
    ),
    "freshness": lambda connection, _: rollup_queries.fresh_as_of(connection),
    "taking batches": lambda connection, _: rollup_queries.take_batches(connection, 100, 10),
    "folding": lambda connection, _: rollup_queries.fold_events(connection, [1, 2], NOW, NOW),
    "storing": lambda connection, user: event_queries.insert_events(connection, [event(user, NOW)], NOW),
    "one event": lambda connection, user: event_queries.event_of_user(connection, user, UUID(int=1)),
}


@pytest.mark.parametrize("name", READS)
async def test_no_table_is_scanned_sequentially(database: Database, new_user: NewUser, name: str) -> None:
    user_id = await new_user()
    await store(database, event(user_id, NOW, "video"))
    async with database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        before = await scans(connection)
        await READS[name](connection, user_id)
        after = await scans(connection)
    assert {table for table, count in after.items() if count > before.get(table, 0)} <= SMALL


async def scans(connection: Connection) -> dict[str, int]:
    """The number of sequential scans of each table in this transaction."""
    rows = await connection.fetch("select relname, seq_scan from pg_stat_xact_user_tables")
    return {row["relname"]: row["seq_scan"] for row in rows}
