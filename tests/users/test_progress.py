"""The arithmetic of progress, and streaks across time zones."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from cara.postgres.database import Connection, Database
from cara.users.progress import Streak, award_completion, experience_for, streak_after, with_current_progress
from tests.learners import Learner
from tests.waiting import until_blocked

UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("score", "duration", "xp"),
    [(None, None, 10), (0, 0, 10), (80, 59.9, 18), (85, 60, 10 + 8 + 1), (100, 9_999, 10 + 10 + 20)],
)
def test_experience_is_ten_and_a_tenth_of_the_score_and_the_minutes(
    score: float | None, duration: float | None, xp: int
) -> None:
    assert experience_for(score, duration) == xp


def test_a_streak_grows_by_days_in_a_row_and_a_missed_day_ends_it() -> None:
    streak = Streak()
    first = datetime(2026, 3, 1, 9, tzinfo=UTC)
    for hours in (0, 10, 24):
        streak = streak_after(streak, first + timedelta(hours=hours), UTC_ZONE)
    assert streak == Streak(2, 2, first + timedelta(days=1), first)
    later = first + timedelta(days=3)
    assert streak_after(streak, later, UTC_ZONE) == Streak(1, 2, later, later)


def test_a_late_completion_sets_nothing_back() -> None:
    streak = Streak(3, 3, datetime(2026, 3, 3, 9, tzinfo=UTC), datetime(2026, 3, 1, 9, tzinfo=UTC))
    assert streak_after(streak, datetime(2026, 3, 2, 9, tzinfo=UTC), UTC_ZONE) == streak


async def practised(database: Database, learner: Learner, zone: str, *moments: datetime) -> tuple[int, int]:
    """Streak and longest streak of a learner in the zone after completions at the moments."""
    async with database.transaction() as connection:
        await connection.execute("update users set timezone = $1", zone)
        user_id = await connection.fetchval("select id from users")
        for moment in moments:
            await award_completion(
                connection, user_id, score=None, duration_seconds=None, completed_at=moment
            )
        row = await connection.fetchrow("select streak, longest_streak from users")
    return row["streak"], row["longest_streak"]


@pytest.mark.parametrize(
    ("zone", "before_midnight", "after_midnight"),
    [
        # NZDT is UTC+13 in November, HST is UTC-10 all year.
        (
            "Pacific/Auckland",
            datetime(2026, 11, 10, 10, 59, tzinfo=UTC),
            datetime(2026, 11, 10, 11, 1, tzinfo=UTC),
        ),
        (
            "Pacific/Honolulu",
            datetime(2026, 11, 10, 9, 59, tzinfo=UTC),
            datetime(2026, 11, 10, 10, 1, tzinfo=UTC),
        ),
    ],
)
async def test_two_completions_around_the_learners_midnight_are_two_days(
    learner: Learner, database: Database, zone: str, before_midnight: datetime, after_midnight: datetime
) -> None:
    assert await practised(database, learner, zone, before_midnight, after_midnight) == (2, 2)


async def test_the_same_two_completions_are_one_day_in_utc(learner: Learner, database: Database) -> None:
    moments = datetime(2026, 11, 10, 10, 59, tzinfo=UTC), datetime(2026, 11, 10, 11, 1, tzinfo=UTC)
    assert await practised(database, learner, "UTC", *moments) == (1, 1)


async def test_the_day_of_23_hours_breaks_no_streak(learner: Learner, database: Database) -> None:
    """In Berlin the clocks go forward on 29 March 2026; at 23:30 the next day is 23 hours on, not 24."""
    days = [datetime(2026, 3, day, hour, 30, tzinfo=UTC) for day, hour in ((28, 22), (29, 21), (30, 21))]
    assert await practised(database, learner, "Europe/Berlin", *days) == (3, 3)


async def test_a_change_of_zone_gains_no_day(learner: Learner, database: Database) -> None:
    noon = datetime(2026, 11, 10, 12, tzinfo=UTC)
    # 11 November in Auckland, still 10 November in Honolulu.
    assert await practised(database, learner, "Pacific/Auckland", noon) == (1, 1)
    assert await practised(database, learner, "Pacific/Honolulu", noon) == (1, 1)
    assert await practised(database, learner, "Pacific/Auckland", noon) == (1, 1)


async def test_chasing_midnights_around_the_world_gains_no_day(learner: Learner, database: Database) -> None:
    """Three calendar days within two hours: the last of them is not counted yet."""
    honolulu = [datetime(2026, 11, 10, 9, 59, tzinfo=UTC), datetime(2026, 11, 10, 10, 1, tzinfo=UTC)]
    assert await practised(database, learner, "Pacific/Honolulu", *honolulu) == (2, 2)
    auckland = datetime(2026, 11, 10, 11, 1, tzinfo=UTC)
    assert await practised(database, learner, "Pacific/Auckland", auckland) == (2, 2)


async def test_flying_across_the_date_line_gains_no_day(learner: Learner, database: Database) -> None:
    """11 o'clock of 10 November in Honolulu is 10 o'clock of 11 November in Auckland."""
    landing = datetime(2026, 11, 10, 21, tzinfo=UTC)
    assert await practised(database, learner, "Pacific/Honolulu", landing) == (1, 1)
    assert await practised(database, learner, "Pacific/Auckland", landing + timedelta(minutes=1)) == (1, 1)


@pytest.mark.parametrize("hour", range(0, 24, 3))
@pytest.mark.parametrize(
    "zones", [("Pacific/Honolulu", "Pacific/Auckland"), ("Pacific/Auckland", "Pacific/Honolulu")]
)
def test_practising_every_24_hours_keeps_the_streak_across_a_flight(
    zones: tuple[str, str], hour: int
) -> None:
    first = datetime(2026, 11, 10, hour, tzinfo=UTC)
    streak, days = Streak(), []
    for number, zone in enumerate((zones[0], zones[0], zones[1], zones[1])):
        streak = streak_after(streak, first + timedelta(days=number), ZoneInfo(zone))
        days.append(streak.days)
    assert days == [1, 2, 3, 4]


def test_the_day_of_25_hours_is_one_day() -> None:
    """In Berlin the clocks go back on 25 October 2026: from 0:30 to 23:30 it is 24 hours, not 23."""
    half_past_midnight = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
    streak, days = Streak(), []
    for hours in (0, 2, 3, 24, 25):
        streak = streak_after(streak, half_past_midnight + timedelta(hours=hours), ZoneInfo("Europe/Berlin"))
        days.append(streak.days)
    assert days == [1, 1, 1, 1, 2]


@pytest.mark.parametrize(("seconds_apart", "days"), [(-1, 2), (0, 1)])
async def test_only_midnight_in_the_current_zone_counts(
    learner: Learner, database: Database, seconds_apart: int, days: int
) -> None:
    """At midnight in Auckland it is one o'clock in Honolulu."""
    midnight = datetime(2026, 11, 10, 11, tzinfo=UTC)
    before = midnight + timedelta(seconds=seconds_apart)
    assert await practised(database, learner, "Pacific/Honolulu", before) == (1, 1)
    assert await practised(database, learner, "Pacific/Auckland", midnight) == (days, days)


async def test_progress_is_written_with_the_session_that_it_is_for(
    learner: Learner, database: Database
) -> None:
    first, last = datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 2, 9, tzinfo=UTC)
    async with database.transaction() as connection:
        user_id = await connection.fetchval("select id from users")
        for moment in (first, last):
            await award_completion(
                connection, user_id, score=100, duration_seconds=3_600, completed_at=moment
            )
        row = await connection.fetchrow(
            "select xp, level, streak, last_practice_at, streak_started_at, updated_at > created_at as moved"
            " from users"
        )
    assert tuple(row) == (80, 1, 2, last, first, True)


async def test_a_level_rises_with_the_completion_that_reaches_it(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        await connection.execute("update users set xp = 389, level = 2")
    for xp, level in ((399, 2), (409, 3)):
        await learner.opens_session(completed=True)
        user = (await learner.expects(200, "GET", "/api/auth/verify"))["user"]
        assert (user["xp"], user["level"]) == (xp, level)


async def test_a_new_streak_after_a_missed_day_begins_at_its_own_first_completion(
    learner: Learner, database: Database
) -> None:
    """Otherwise the days of the old streak would raise the bound of the new one."""
    old = [datetime(2026, 3, day, 9, tzinfo=UTC) for day in (1, 2, 3)]
    assert await practised(database, learner, "UTC", *old) == (3, 3)
    honolulu = [datetime(2026, 11, 10, 9, 59, tzinfo=UTC), datetime(2026, 11, 10, 10, 1, tzinfo=UTC)]
    assert await practised(database, learner, "Pacific/Honolulu", *honolulu) == (2, 3)
    auckland = datetime(2026, 11, 10, 11, 1, tzinfo=UTC)
    assert await practised(database, learner, "Pacific/Auckland", auckland) == (2, 3)


def test_the_bound_of_a_streak_has_the_hour_that_the_clocks_are_put_forward_by() -> None:
    """From 23:59 of 28 March to 0:01 of 30 March in Berlin are 23 hours and 2 minutes, and three days."""
    streak, days = Streak(), []
    for moment in ("2026-03-28T22:59", "2026-03-29T10:00", "2026-03-29T22:01"):
        at = datetime.fromisoformat(f"{moment}Z")
        streak = streak_after(streak, at, ZoneInfo("Europe/Berlin"))
        days.append(streak.days)
    assert days == [1, 2, 3]


def test_a_late_completion_of_the_day_before_leaves_the_last_one_where_it_was() -> None:
    first, last = datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 3, 9, tzinfo=UTC)
    streak = streak_after(Streak(3, 5, last, first), last - timedelta(days=1), UTC_ZONE)
    assert streak == Streak(3, 5, last, first)
    assert streak_after(streak, last + timedelta(days=1), UTC_ZONE).days == 4


def test_a_shorter_streak_leaves_the_longest_one_as_it_is() -> None:
    last = datetime(2026, 3, 3, 9, tzinfo=UTC)
    ended = streak_after(Streak(3, 7, last, last), last + timedelta(days=9), UTC_ZONE)
    assert (ended.days, ended.longest) == (1, 7)


@pytest.mark.parametrize(("zone", "shown"), [("Pacific/Honolulu", 0), ("Pacific/Auckland", 5)])
def test_the_streak_that_is_shown_is_that_of_the_learners_zone(zone: str, shown: int) -> None:
    """31 hours from 17:00 in Honolulu are the day after the next, from 16:00 in Auckland the next day."""
    last = datetime(2026, 3, 1, 3, tzinfo=UTC)
    user = {"xp": 130, "streak": 5, "last_practice_at": last, "timezone": zone}
    seen = with_current_progress(user, last + timedelta(hours=31))  # type: ignore[arg-type]
    assert (seen["streak"], seen["xp"], seen["xp_to_next_level"]) == (shown, 130, 270)


async def test_a_completion_waits_for_another_one_of_the_same_learner_and_adds_to_it(
    learner: Learner, database: Database
) -> None:
    first, second = datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 2, 9, tzinfo=UTC)
    user_id = UUID(learner.user["id"])

    async def completes(connection: Connection, moment: datetime) -> None:
        await award_completion(connection, user_id, score=50, duration_seconds=None, completed_at=moment)

    async with database.acquire() as other:
        async with database.transaction() as connection:
            await completes(connection, first)
            waiting = asyncio.create_task(completes(other, second))
            await until_blocked(database, waiting)
        await waiting
        row = await other.fetchrow("select xp, streak from users")
    assert tuple(row) == (30, 2)
