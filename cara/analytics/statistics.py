"""A learner's own statistics.

They are read from sums by quarter of an hour. Days differ between time zones, so sums by day would be right
in one zone only; all zones in use differ from UTC by whole quarters of an hour, some (India, Nepal,
Newfoundland) not by whole hours. A learner has at most one such row for each session, so the cost does not
depend on the number of events and of other learners.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic.alias_generators import to_camel

from cara.analytics import statistics_queries
from cara.analytics.periods import period_of
from cara.analytics.report_schemas import StatisticsQuery
from cara.postgres.database import Connection, Record
from cara.practice.schemas import FEATURE_TYPES
from cara.users.progress import streak_at
from cara.web.guard import Caller
from cara.web.members import Members

SCORES = ("clarity", "pace", "confidence", "tone")
RATES = ("words_per_minute", "fillers_per_100_words", "hedges_per_100_words", "pauses_per_minute")

_RATES: Final = [(to_camel(rate), f"{rate}_sum", f"{rate}_count") for rate in RATES]
_TRENDS: Final = [(to_camel(measure), measure) for measure in (*SCORES, *RATES)]
_NO_SESSIONS: Final[Members] = {"sessions": 0, "completed": 0, "averageScore": None, "durationSeconds": 0}
_NO_RATES: Final[Members] = {name: None for name, _, _ in _RATES}


async def statistics_of(
    connection: Connection, caller: Caller, query: StatisticsQuery, now: datetime
) -> Members:
    """Returns the members of `Statistics`: the statistics of the caller.

    Raises:
        InvalidInput: `from` and `to` do not form a period.
    """
    zone = ZoneInfo(query.tz or caller.timezone)
    period = period_of(query.from_, query.to, zone, now)
    day_starts = period.day_starts()
    rows = await statistics_queries.statistics_of_learner(
        connection, caller.user_id, day_starts[0] if query.from_ else None, day_starts, period.end()
    )
    features = {row["feature_type"]: row for row in rows if row["feature_type"]}
    days = {row["day_number"]: row for row in rows if row["day_number"]}
    (total,) = [row for row in rows if row["feature_type"] is None and row["day_number"] is None]
    return {
        **_totals(total),
        **_progress(caller.learner, now),
        "byFeature": [_feature(feature_type, features.get(feature_type)) for feature_type in FEATURE_TYPES],
        "daily": [_day(day, days.get(number)) for number, day in enumerate(period.days(), 1)],
        "trend": {name: trend_of(list(days.values()), measure) for name, measure in _TRENDS},
        "timezone": zone.key,
        "asOf": total["as_of"],
    }


def _totals(total: Record) -> Members:
    return {
        "totalSessions": total["sessions"] or 0,
        "completedSessions": total["completed"] or 0,
        "averageScore": mean(total["score_sum"], total["scored"]),
        "totalDurationSeconds": _seconds(total["duration_seconds"] or 0.0),
    }


def _progress(learner: Record, now: datetime) -> Members:
    """Returns the stored progress, with the streak as of the current date."""
    zone = ZoneInfo(learner["timezone"])
    return {
        "currentStreak": streak_at(now, zone, learner["streak"], learner["last_practice_at"]),
        "longestStreak": learner["longest_streak"],
        "level": learner["level"],
        "xp": learner["xp"],
    }


def _feature(feature_type: str, row: Record | None) -> Members:
    return {"featureType": feature_type, **(_sessions(row) if row else _NO_SESSIONS)}


def _day(day: date, row: Record | None) -> Members:
    if row is None:
        return {"day": day, **_NO_SESSIONS, **_NO_RATES}
    return {
        "day": day,
        **_sessions(row),
        **{name: mean(row[total], row[count]) for name, total, count in _RATES},
    }


def _sessions(row: Record) -> Members:
    return {
        "sessions": row["sessions"],
        "completed": row["completed"],
        "averageScore": mean(row["score_sum"], row["scored"]),
        "durationSeconds": _seconds(row["duration_seconds"]),
    }


def trend_of(days: Sequence[Any], measure: str) -> float | None:
    """Returns the mean of the later half of the days with the measure, minus that of the earlier half.

    Each day has sum and count of the measure under `{measure}_sum` and `{measure}_count`. The trend is in the
    unit of the measure: scores in points. Days count by their sessions that have the measure. With an odd
    number of days the one in the middle is left out; with fewer than two there is no trend.
    """
    total, count = f"{measure}_sum", f"{measure}_count"
    measured = [(day[total], day[count]) for day in days if day[count]]
    half = len(measured) // 2
    if not half:
        return None
    return round(_mean(measured[-half:]) - _mean(measured[:half]), 2) + 0.0  # and never -0.0


def _mean(parts: Sequence[tuple[float, int]]) -> float:
    return sum(total for total, _ in parts) / sum(count for _, count in parts)


def mean(total: float | None, count: int | None) -> float | None:
    """Returns the mean, rounded to hundredths; None if there is nothing to count."""
    return round(total / count, 2) if total is not None and count else None


def _seconds(seconds: float) -> float:
    """Returns seconds to the microsecond, a whole number without a fraction."""
    rounded = round(seconds, 6)
    return int(rounded) if rounded.is_integer() else rounded
