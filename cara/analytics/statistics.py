"""A learner's own statistics.

They are read from sums by quarter of an hour. Days differ between time zones, so sums by day would be right
in one zone only; all zones in use differ from UTC by whole quarters of an hour, some (India, Nepal,
Newfoundland) not by whole hours. A learner has at most one such row for each session, so the cost does not
depend on the number of events and of other learners.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cara.analytics import rollup_queries, statistics_queries
from cara.analytics.periods import Period, period_of
from cara.analytics.report_schemas import DayStatistics, FeatureStatistics, Statistics, StatisticsQuery, Trend
from cara.postgres.database import Connection, Record
from cara.practice.schemas import FEATURE_TYPES
from cara.users.progress import streak_at
from cara.web.guard import Caller

SCORES = ("clarity", "pace", "confidence", "tone")
RATES = ("words_per_minute", "fillers_per_100_words", "hedges_per_100_words", "pauses_per_minute")

Sums = Counter[str]


async def statistics_of(
    connection: Connection, caller: Caller, query: StatisticsQuery, now: datetime
) -> Statistics:
    """Returns the statistics of the caller.

    Raises:
        InvalidInput: `from` and `to` do not form a period.
    """
    zone = ZoneInfo(query.tz or caller.timezone)
    period = period_of(query.from_, query.to, zone, now)
    day_starts = period.day_starts()
    counted_from = day_starts[0] if query.from_ else None
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        as_of = await rollup_queries.fresh_as_of(connection)
        rows = await statistics_queries.statistics_of_learner(
            connection, caller.user_id, counted_from, day_starts, period.end()
        )
    return Statistics(
        **_totals(rows),
        **_progress(caller.learner, now),
        **_series(rows, period),
        timezone=zone.key,
        as_of=as_of,
    )


def _progress(user: Record, now: datetime) -> dict[str, Any]:
    """Returns the stored progress, with the streak as of the current date."""
    zone = ZoneInfo(user["timezone"])
    return {
        "current_streak": streak_at(now, zone, user["streak"], user["last_practice_at"]),
        "longest_streak": user["longest_streak"],
        "level": user["level"],
        "xp": user["xp"],
    }


def _totals(rows: Sequence[Record]) -> dict[str, Any]:
    total = _sum(rows)
    return {
        "total_sessions": total["sessions"],
        "completed_sessions": total["completed"],
        "average_score": mean(total["score_sum"], total["scored"]),
        "total_duration_seconds": _seconds(total),
        "by_feature": [
            FeatureStatistics(
                feature_type=feature_type,
                **_members(_sum(row for row in rows if row["feature_type"] == feature_type)),
            )
            for feature_type in FEATURE_TYPES
        ],
    }


def _series(rows: Sequence[Record], period: Period) -> dict[str, Any]:
    by_day: dict[int, Sums] = {number: Counter() for number in range(1, len(period) + 1)}
    for row in rows:
        if row["day_number"]:
            _add(by_day[row["day_number"]], row)
    days = list(by_day.values())
    return {
        "daily": [
            DayStatistics(day=day, **_members(sums), **_rates(sums))
            for day, sums in zip(period.days(), days, strict=True)
        ],
        "trend": Trend(**{measure: trend_of(days, measure) for measure in (*SCORES, *RATES)}),
    }


def trend_of(days: Sequence[Sums], measure: str) -> float | None:
    """Returns the mean of the later half of the days with the measure, minus that of the earlier half.

    The trend is in the unit of the measure: scores in points. Days count by their sessions that have the
    measure. With an odd number of days the one in the middle is left out; with fewer than two there is no
    trend.
    """
    measured = [sums for sums in days if sums[f"{measure}_count"]]
    half = len(measured) // 2
    if not half:
        return None
    earlier, later = _sum(measured[:half]), _sum(measured[-half:])
    return round(_mean(later, measure) - _mean(earlier, measure), 2) + 0.0  # and never -0.0


def mean(total: float, count: int) -> float | None:
    """Returns the mean, rounded to hundredths; None if there is nothing to count."""
    return round(total / count, 2) if count else None


def _mean(sums: Sums, measure: str) -> float:
    return sums[f"{measure}_sum"] / sums[f"{measure}_count"]


def _members(sums: Sums) -> dict[str, Any]:
    return {
        "sessions": sums["sessions"],
        "completed": sums["completed"],
        "average_score": mean(sums["score_sum"], sums["scored"]),
        "duration_seconds": _seconds(sums),
    }


def _rates(sums: Sums) -> dict[str, float | None]:
    """Returns the mean of each rate over the sessions that have it, each of which counts once."""
    return {rate: mean(sums[f"{rate}_sum"], sums[f"{rate}_count"]) for rate in RATES}


def _seconds(sums: Sums) -> float:
    """Returns the practised seconds, to the microsecond: sums are exact in PostgreSQL, and not quite here."""
    return round(sums["duration_seconds"], 6)


def _sum(parts: Iterable[Record | Sums]) -> Sums:
    total: Sums = Counter()
    for part in parts:
        _add(total, part)
    return total


def _add(total: Sums, part: Record | Sums) -> None:
    for name, value in part.items():
        if name not in ("day_number", "feature_type"):
            total[name] += value
