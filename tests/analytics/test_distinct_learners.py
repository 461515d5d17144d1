"""Distinct learners and cohorts, compared with a count in Python."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

import pytest
from pydantic_core import from_json

from cara.analytics import rollups
from cara.analytics.schemas import IncomingEvent
from cara.postgres.database import Database
from tests.analytics.conftest import NewUser
from tests.analytics.rollup_tables import NOW, compare_with_rebuilt, contents, event, store

Uses = set[tuple[UUID, str, date]]


def next_activity_days_of(uses: Uses) -> Counter[tuple[date, str, date]]:
    """The table `next_activity_days`, counted in Python."""
    days: dict[tuple[UUID, str], list[date]] = defaultdict(list)
    for user_id, feature, day in sorted(uses):
        days[user_id, feature].append(day)
    return Counter(
        (day, feature, following)
        for (_, feature), known in days.items()
        for day, following in zip(known, [*known[1:], date.max], strict=True)
    )


def cohorts_of(uses: Uses) -> Counter[tuple[date, date]]:
    weeks: dict[UUID, set[date]] = defaultdict(set)
    for user_id, feature, day in uses:
        if not feature:
            weeks[user_id].add(day - timedelta(days=day.weekday()))
    return Counter((min(known), week) for known in weeks.values() for week in known)


async def expect_derived(database: Database, uses: Uses) -> None:
    tables = await contents(database)
    assert {row[:3]: row[3] for row in tables["next_activity_days"]} == next_activity_days_of(uses)
    assert {row[:2]: row[2] for row in tables["cohort_weeks"]} == cohorts_of(uses)
    users = Counter((day, feature) for _, feature, day in uses)
    assert {row[:2]: row[4] for row in tables["feature_days"]} == users


async def insert_unclamped(database: Database, events: Iterable[IncomingEvent]) -> None:
    """Stores each event as received when it happened, so that no time is clamped."""
    for one in events:
        await store(database, one, received_at=one.occurred_at or NOW)


@pytest.mark.parametrize("seed", range(4))
async def test_distinct_users_and_cohorts_are_exact_in_any_order_of_days(
    database: Database, new_user: NewUser, seed: int
) -> None:
    """Days arrive in groups, between others and before others; rows disappear when accounts are deleted."""
    chance = random.Random(seed)
    users = [await new_user() for _ in range(6)]
    uses: Uses = set()
    for _ in range(12):
        events = [
            event(
                chance.choice(users),
                NOW - timedelta(days=chance.randrange(40)),
                chance.choice([None, "video", "accent"]),
            )
            for _ in range(chance.randrange(1, 12))
        ]
        for one in events:
            day = one.occurred_at.date() if one.occurred_at else date.max
            used = from_json(one.metadata.raw).get("featureType", "")
            uses |= {(one.user_id, feature, day) for feature in ("", used)}
        await insert_unclamped(database, events)
        await rollups.fold(database)
        await expect_derived(database, uses)
    async with database.acquire() as connection:
        for user_id in users[:3]:
            await connection.execute("delete from users where id = $1", user_id)
            uses = {use for use in uses if use[0] != user_id}
            await expect_derived(database, uses)
    await compare_with_rebuilt(database)
