"""The arithmetic of progress, and streaks across time zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cara.accounts.standing import level_for, xp_to_next_level
from cara.database import Database
from cara.practice.progress import Streak, award_completion, experience_for, streak_after
from tests.learners import Learner

UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("score", "duration", "xp"),
    [(None, None, 10), (0, 0, 10), (80, 59, 18), (85, 60, 10 + 8 + 1), (100, 9_999, 10 + 10 + 20)],
)
def test_experience_is_ten_and_a_tenth_of_the_score_and_the_minutes(
    score: float | None, duration: int | None, xp: int
) -> None:
    assert experience_for(score, duration) == xp


@pytest.mark.parametrize(("xp", "level"), [(0, 1), (99, 1), (100, 2), (399, 2), (400, 3), (900, 4)])
def test_level_n_needs_a_hundred_times_the_square_of_n_less_one(xp: int, level: int) -> None:
    assert level_for(xp) == level
    assert level_for(xp + xp_to_next_level(xp)) == level + 1
    assert level_for(xp + xp_to_next_level(xp) - 1) == level


def test_a_streak_grows_by_days_in_a_row_and_a_missed_day_ends_it() -> None:
    streak = Streak()
    first = datetime(2026, 3, 1, 9, tzinfo=UTC)
    for hours in (0, 10, 24):
        streak = streak_after(streak, first + timedelta(hours=hours), UTC_ZONE)
    assert streak == Streak(2, 2, date(2026, 3, 2), first)
    later = first + timedelta(days=3)
    assert streak_after(streak, later, UTC_ZONE) == Streak(1, 2, date(2026, 3, 4), later)


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
