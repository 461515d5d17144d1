"""Where a learner stands: the plain arithmetic of levels, and what a streak is worth today."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

LEVEL_STEP_XP = 100


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
