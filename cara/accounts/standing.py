"""Where a learner stands: the plain arithmetic of levels, and what a streak is worth today."""

from __future__ import annotations

import math
from datetime import date, timedelta

LEVEL_STEP_XP = 100


def level_for(xp: int) -> int:
    """The level that so much XP has reached: level n needs 100·(n-1)² XP."""
    return math.isqrt(xp // LEVEL_STEP_XP) + 1


def xp_to_next_level(xp: int) -> int:
    """XP still missing to the next level."""
    return LEVEL_STEP_XP * level_for(xp) ** 2 - xp


def streak_on(today: date, days: int, last_day: date | None) -> int:
    """The streak as it stands today, from what it was on its last day: a missed day has ended it."""
    if last_day is None or today - last_day > timedelta(days=1):
        return 0
    return days
