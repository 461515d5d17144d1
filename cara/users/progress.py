"""XP, levels and streaks: how they are computed, and what a completed session adds to them."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cara.postgres.database import Connection, Record
from cara.users import queries

COMPLETION_XP = 10
MAX_MINUTES_XP = 20
LEVEL_STEP_XP = 100


@dataclass(frozen=True)
class Streak:
    """Days in a row with a completed session, the longest run of them, and its first and last completion.

    Days are calendar days in the learner's time zone. Completions are instants: their day depends on it.
    """

    days: int = 0
    longest: int = 0
    last_at: datetime | None = None
    started_at: datetime | None = None


def level_for(xp: int) -> int:
    """Returns the level that so much XP reaches: level n needs 100·(n-1)² XP."""
    return math.isqrt(xp // LEVEL_STEP_XP) + 1


def xp_to_next_level(xp: int) -> int:
    """Returns the XP missing to the next level."""
    return LEVEL_STEP_XP * level_for(xp) ** 2 - xp


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """Returns the calendar day of an instant in a time zone."""
    return instant.astimezone(zone).date()


def streak_at(now: datetime, zone: ZoneInfo, days: int, last_practice_at: datetime | None) -> int:
    """Returns the streak as of now, given its days at the last completion: a missed day has ended it.

    Both days are those of the learner's current time zone, so that traveling does not end a streak.
    """
    if last_practice_at is None or day_of(now, zone) - day_of(last_practice_at, zone) > timedelta(days=1):
        return 0
    return days


def with_current_progress(user: Record, now: datetime | None = None) -> dict[str, Any]:
    """Returns the columns of a user with the streak as of now, and the XP missing to the next level."""
    now, zone = now or datetime.now(UTC), ZoneInfo(user["timezone"])
    return {
        **user,
        "streak": streak_at(now, zone, user["streak"], user["last_practice_at"]),
        "xp_to_next_level": xp_to_next_level(user["xp"]),
    }


def experience_for(score: float | None, duration_seconds: float | None) -> int:
    """Returns the XP of a completed session: 10 + score/10 + minutes practised (at most 20), as integers."""
    minutes = min(int((duration_seconds or 0) // 60), MAX_MINUTES_XP)
    return COMPLETION_XP + round((score or 0) / 10) + minutes


def streak_after(streak: Streak, completed_at: datetime, zone: ZoneInfo) -> Streak:
    """Returns the streak after a session was completed, in the learner's current time zone.

    A day that is not later than the last one adds nothing; after a missed day a streak of one day starts.
    Both days are those of the same zone, so that traveling neither gains nor loses a day. A streak never has
    more days than a single zone could have had since it started, so that chasing midnights gains none.
    """
    if streak.last_at is None or streak.started_at is None:
        return Streak(1, max(1, streak.longest), completed_at, completed_at)
    days_later = day_of(completed_at, zone) - day_of(streak.last_at, zone)
    if days_later > timedelta(days=1):
        return Streak(1, max(1, streak.longest), completed_at, completed_at)
    grows = days_later == timedelta(days=1) and streak.days < _most_days(completed_at - streak.started_at)
    days = streak.days + int(grows)
    return Streak(days, max(days, streak.longest), max(completed_at, streak.last_at), streak.started_at)


def _most_days(elapsed: timedelta) -> int:
    """Returns how many calendar days one zone can have in that time, with an hour for daylight saving."""
    return (elapsed + timedelta(hours=1)) // timedelta(days=1) + 2


async def award_completion(
    connection: Connection,
    user_id: UUID,
    *,
    score: float | None,
    duration_seconds: float | None,
    completed_at: datetime,
    moves_streak: bool = True,
) -> None:
    """Updates XP, level and streak for one completed session, inside the transaction that completes it.

    What is too short to be compared with other practice gives XP, and leaves the streak as it is.
    """
    user = await queries.lock_progress(connection, user_id)
    xp = user["xp"] + experience_for(score, duration_seconds)
    zone = ZoneInfo(user["timezone"])
    before = Streak(
        user["streak"], user["longest_streak"], user["last_practice_at"], user["streak_started_at"]
    )
    streak = streak_after(before, completed_at, zone) if moves_streak else before
    await queries.save_progress(connection, user_id, xp, level_for(xp), *astuple(streak))
