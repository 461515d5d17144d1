"""XP, levels and streaks: plain arithmetic, and what a completed session does to them."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from cara.postgres.database import Connection
from cara.users import queries

COMPLETION_XP = 10
MAX_MINUTES_XP = 20
LEVEL_STEP_XP = 100


@dataclass(frozen=True)
class Streak:
    """Days in a row with a completed session, the record, and when the first and the last was completed.

    Days are calendar days in the learner's time zone. Instants are kept, for these have a day in any zone.
    """

    days: int = 0
    longest: int = 0
    last_at: datetime | None = None
    started_at: datetime | None = None


def level_for(xp: int) -> int:
    """The level that so much XP has reached: level n needs 100·(n-1)² XP."""
    return math.isqrt(xp // LEVEL_STEP_XP) + 1


def xp_to_next_level(xp: int) -> int:
    """XP still missing to the next level."""
    return LEVEL_STEP_XP * level_for(xp) ** 2 - xp


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day of a moment in a time zone."""
    return moment.astimezone(zone).date()


def streak_at(now: datetime, zone: ZoneInfo, days: int, last_practice: datetime | None) -> int:
    """The streak as it stands now, from what the last practice made it: a missed day has ended it.

    Both days are told in the time zone that is the learner's now, so that a journey ends no streak.
    """
    if last_practice is None or day_of(now, zone) - day_of(last_practice, zone) > timedelta(days=1):
        return 0
    return days


def experience_for(score: float | None, duration_seconds: int | None) -> int:
    """XP of a completed session: 10 + score/10 + minutes practised (at most 20), whole numbers each."""
    minutes = min((duration_seconds or 0) // 60, MAX_MINUTES_XP)
    return COMPLETION_XP + round((score or 0) / 10) + minutes


def streak_after(streak: Streak, completed_at: datetime, zone: ZoneInfo) -> Streak:
    """The streak once a session was completed at the moment, in the time zone that is the learner's now.

    A day that is not later than the last one adds nothing, a missed day begins anew. Both days are told in
    the same zone, so that who travels neither gains nor loses one. Nor has a streak ever more days than one
    zone could have given it since it began, so that chasing midnights gains none.
    """
    if streak.last_at is None or streak.started_at is None:
        return Streak(1, max(1, streak.longest), completed_at, completed_at)
    later = day_of(completed_at, zone) - day_of(streak.last_at, zone)
    if later > timedelta(days=1):
        return Streak(1, max(1, streak.longest), completed_at, completed_at)
    grows = later == timedelta(days=1) and streak.days < _most_days(completed_at - streak.started_at)
    days = streak.days + int(grows)
    return Streak(days, max(days, streak.longest), max(completed_at, streak.last_at), streak.started_at)


def _most_days(elapsed: timedelta) -> int:
    """How many calendar days one zone can touch in the time, an hour of daylight saving allowed for."""
    return (elapsed + timedelta(hours=1)) // timedelta(days=1) + 2


async def award_completion(
    connection: Connection,
    user_id: UUID,
    *,
    score: float | None,
    duration_seconds: int | None,
    completed_at: datetime,
) -> None:
    """Moves XP, level and streak for one completed session, inside the transaction that completes it."""
    user = await queries.lock_progress(connection, user_id)
    xp = user["xp"] + experience_for(score, duration_seconds)
    zone = ZoneInfo(user["timezone"])
    before = Streak(
        user["streak"], user["longest_streak"], user["last_practice_at"], user["streak_started_at"]
    )
    streak = streak_after(before, completed_at, zone)
    await queries.save_progress(connection, user_id, xp, level_for(xp), *astuple(streak))
