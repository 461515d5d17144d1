"""Statistics of a learner, over HTTP."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic.alias_generators import to_camel

from cara.analytics import rollups
from cara.analytics.periods import Period, period_of
from cara.analytics.report_schemas import Statistics
from cara.analytics.statistics import RATES, trend_of
from cara.errors import InvalidInput
from cara.postgres.database import Database
from cara.practice.sessions import change_session
from tests.learners import Learner
from tests.waiting import time_limit

STATS = "/api/analytics/stats"
OVER_TIME = tuple(map(to_camel, RATES))


async def practises(learner: Learner, database: Database, at: datetime, **changes: Any) -> UUID:
    """Creates a session at a past time."""
    session = await learner.opens_session(changes.pop("feature", "conversation"), **changes)
    async with database.acquire() as connection:
        await connection.execute(
            "update sessions set practiced_at = $2 where id = $1::uuid", session["id"], at.astimezone(UTC)
        )
    return UUID(session["id"])


async def test_a_new_learner_has_a_series_of_empty_days(learner: Learner) -> None:
    stats = await learner.expects(200, "GET", STATS)
    assert stats["totalSessions"] == stats["completedSessions"] == stats["totalDurationSeconds"] == 0
    assert stats["averageScore"] is None
    assert set(stats["trend"]) == {"clarity", "pace", "confidence", "tone", *OVER_TIME}
    assert set(stats["trend"].values()) == {None}
    assert {day[name] for day in stats["daily"] for name in OVER_TIME} == {None}
    assert [one["featureType"] for one in stats["byFeature"]] == [
        "conversation",
        "writing",
        "accent",
        "listening",
        "video",
    ]
    assert len(stats["daily"]) == 30
    assert {day["sessions"] for day in stats["daily"]} == {0}
    assert stats["level"] == 1
    assert stats["asOf"].endswith("Z")


async def test_every_member_of_the_statistics_is_right(learner: Learner, database: Database) -> None:
    today = datetime.now(UTC)
    scores = {"completed": True, "score": 80, "durationSeconds": 120.1, "clarity": 70}
    await practises(learner, database, today, **scores)
    await practises(learner, database, today - timedelta(days=2), score=60, durationSeconds=30.2, clarity=50)
    await practises(learner, database, today - timedelta(days=2), feature="accent")
    await rollups.fold(database)

    stats = await learner.expects(200, "GET", STATS)
    assert (stats["totalSessions"], stats["completedSessions"]) == (3, 1)
    assert stats["averageScore"] == 70
    assert stats["totalDurationSeconds"] == 150.3  # in binary floating point the sum is 150.29999999999998
    assert stats["currentStreak"] == stats["longestStreak"] == 1
    assert stats["xp"] == 20
    by_feature = {one.pop("featureType"): one for one in stats["byFeature"]}
    assert by_feature["conversation"] == {
        "sessions": 2,
        "completed": 1,
        "averageScore": 70.0,
        "durationSeconds": 150.3,
    }
    assert by_feature["accent"]["sessions"] == 1
    assert by_feature["video"]["sessions"] == 0
    assert [day["sessions"] for day in stats["daily"][-3:]] == [2, 0, 1]
    assert [day["averageScore"] for day in stats["daily"][-3:]] == [60, None, 80]
    assert stats["trend"]["clarity"] == 20.0
    assert stats["trend"]["pace"] is None


async def test_the_members_are_those_that_are_documented(learner: Learner, database: Database) -> None:
    for days_ago, feature in ((0, "video"), (3, "accent"), (40, "video")):
        at = datetime.now(UTC) - timedelta(days=days_ago)
        await practises(learner, database, at, feature=feature, score=60.5, durationSeconds=30.2)
    for _ in range(2):
        stats = await learner.expects(200, "GET", STATS)
        documented = Statistics.model_validate(stats).model_dump(mode="json", by_alias=True)
        assert stats == documented
        await rollups.fold(database)


async def test_a_change_is_shown_and_dated_by_one_snapshot(learner: Learner, database: Database) -> None:
    """What is not folded yet is older than `asOf`, and what is folded is in the sums."""
    await practises(learner, database, datetime.now(UTC))
    before = await learner.expects(200, "GET", STATS)
    await rollups.fold(database)
    after = await learner.expects(200, "GET", STATS)
    assert (before["totalSessions"], after["totalSessions"]) == (0, 1)
    assert before["asOf"] < after["asOf"]


async def test_measures_are_means_of_the_sessions_that_have_them_and_their_trend_is_in_their_unit(
    learner: Learner, database: Database
) -> None:
    noon = datetime(2026, 4, 10, 12, tzinfo=UTC)
    practised = [(0, 100, 10.1, 2, 4), (0, 110.5, 8.2, None, None), (0, *[None] * 4), (2, 140, 1, 0, None)]
    for days, *measures in practised:
        session_id = await practises(learner, database, noon + timedelta(days=days))
        async with database.transaction() as connection:
            columns = dict(zip(RATES, measures, strict=True))
            await change_session(connection, UUID(learner.user["id"]), session_id, columns)
    await rollups.fold(database)
    stats = await learner.expects(200, "GET", STATS, params={"from": "2026-04-10", "to": "2026-04-12"})
    assert [[day[name] for name in OVER_TIME] for day in stats["daily"]] == [
        [105.25, 9.15, 2, 4],
        [None] * 4,
        [140, 1, 0, None],
    ]
    assert [stats["trend"][name] for name in OVER_TIME] == [34.75, -8.15, -2, None]


async def test_days_are_those_of_the_requested_time_zone(learner: Learner, database: Database) -> None:
    """20:00 UTC is the next day in Kathmandu (+05:45), and 03:00 UTC the day before in Newfoundland."""
    await practises(learner, database, datetime(2026, 4, 10, 20, tzinfo=UTC))
    await practises(learner, database, datetime(2026, 4, 11, 2, 15, tzinfo=UTC))
    await rollups.fold(database)
    expected = {
        "UTC": {"2026-04-10": 1, "2026-04-11": 1},
        "Asia/Kathmandu": {"2026-04-11": 2},
        "America/St_Johns": {"2026-04-10": 2},
    }
    for zone, days in expected.items():
        query = {"from": "2026-04-09", "to": "2026-04-12", "tz": zone}
        stats = await learner.expects(200, "GET", STATS, params=query)
        found = {day["day"]: day["sessions"] for day in stats["daily"] if day["sessions"]}
        assert found == days
        assert [day["day"] for day in stats["daily"]] == [f"2026-04-{number:02}" for number in range(9, 13)]
        assert stats["timezone"] == zone


async def test_the_learners_own_time_zone_is_the_default(learner: Learner) -> None:
    await learner.expects(200, "PATCH", "/api/users/me", json={"timezone": "Pacific/Kiritimati"})
    stats = await learner.expects(200, "GET", STATS)
    assert stats["timezone"] == "Pacific/Kiritimati"
    assert stats["daily"][-1]["day"] == str(datetime.now(ZoneInfo("Pacific/Kiritimati")).date())


async def test_with_from_and_to_all_members_cover_the_period(learner: Learner, database: Database) -> None:
    for day in (1, 5, 9):
        await practises(learner, database, datetime(2026, 4, day, 12, tzinfo=UTC))
    await rollups.fold(database)
    bounds = {"from": "2026-04-02", "to": "2026-04-09T23:00:00Z"}
    assert (await learner.expects(200, "GET", STATS, params=bounds))["totalSessions"] == 2
    assert (await learner.expects(200, "GET", STATS, params={"to": "2026-04-08"}))["totalSessions"] == 2
    assert (await learner.expects(200, "GET", STATS))["totalSessions"] == 3


async def test_an_invalid_period_is_refused(learner: Learner) -> None:
    queries = [
        {"tz": "Mars/Olympus"},
        {"tz": "America"},
        {"from": "yesterday"},
        {"from": "1999-12-31"},
        {"from": "2026-04-09", "to": "2026-04-08"},
        {"from": "2024-04-09", "to": "2026-04-08"},
        {"user": "other"},
    ]
    for query in queries:
        problem = await learner.expects(400, "GET", STATS, params=query)
        assert problem["errors"][0]["field"] in query


async def test_a_learner_sees_no_sessions_of_others(learner: Learner, database: Database) -> None:
    other = await Learner.registers(learner.client)
    await practises(other, database, datetime.now(UTC))
    await rollups.fold(database)
    assert (await learner.expects(200, "GET", STATS))["totalSessions"] == 0


async def test_a_streak_that_ended_is_shown_as_the_longest_one_only(
    learner: Learner, database: Database
) -> None:
    for days_ago, current in ((1, 4), (3, 0)):
        async with database.acquire() as connection:
            await connection.execute(
                "update users set streak = 4, longest_streak = 4, last_practice_at = now() - $1::interval",
                timedelta(days=days_ago),
            )
        stats = await learner.expects(200, "GET", STATS)
        assert (stats["currentStreak"], stats["longestStreak"]) == (current, 4)


@pytest.mark.usefixtures("worker")
async def test_the_worker_folds_a_session_by_itself(learner: Learner) -> None:
    await learner.opens_session()
    async with time_limit():
        while not (await learner.expects(200, "GET", STATS))["totalSessions"]:
            continue


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Africa/Cairo", "Europe/Berlin", "Asia/Beirut"])
def test_a_day_begins_at_local_midnight_or_when_clocks_skip_it(zone: str) -> None:
    """Every quarter of an hour of a year lies within the day that its local date names."""
    period = Period(date(2024, 1, 1), date(2024, 12, 31), ZoneInfo(zone))
    bounds = [*period.day_starts(), period.end()]
    days = list(period.days())
    assert bounds == sorted(set(bounds))
    for day, begin, end in zip(days, bounds, bounds[1:], strict=False):
        assert begin.astimezone(period.zone).date() == day
        assert (end - timedelta(seconds=1)).astimezone(period.zone).date() == day
        assert begin.minute % 15 == 0


def test_a_period_is_the_last_30_days_by_default() -> None:
    now = datetime(2026, 5, 20, 23, tzinfo=UTC)
    assert period_of(None, None, ZoneInfo("UTC"), now).first == date(2026, 4, 21)
    assert period_of(None, None, ZoneInfo("Asia/Tokyo"), now).last == date(2026, 5, 21)
    assert len(period_of(date(2025, 5, 21), None, ZoneInfo("UTC"), now)) == 365
    with pytest.raises(InvalidInput):
        period_of(date(2025, 5, 1), None, ZoneInfo("UTC"), now)


def test_a_trend_compares_the_later_half_of_the_days_with_the_earlier() -> None:
    def day(total: int, count: int = 1) -> Counter[str]:
        return Counter({"pace_sum": total, "pace_count": count})

    assert trend_of([day(50), Counter(), day(70)], "pace") == 20
    assert trend_of([day(50), day(99), day(45)], "pace") == -5
    assert trend_of([day(100, 2), day(60), day(70), day(90)], "pace") == 26.67
    assert str(trend_of([day(1_001, 1_000), day(1)], "pace")) == "0.0"
    assert trend_of([day(50)], "pace") is None
    assert trend_of([], "pace") is None
