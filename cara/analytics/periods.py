"""Periods of whole days, in a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cara.errors import FieldProblem, InvalidInput

DEFAULT_DAYS = 30
MAX_DAYS = 366
UTC_ZONE = ZoneInfo("UTC")
"""Reports of several learners count days in UTC."""

MONTH_END_MARGIN = timedelta(hours=1)
"""More than the clocks of web processes differ, and more than a transaction lasts."""


@dataclass(frozen=True)
class Period:
    """Successive days of a time zone, both ends included."""

    first: date
    last: date
    zone: ZoneInfo

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def days(self) -> Iterator[date]:
        """Returns every day of the period."""
        return (self.first + timedelta(days=number) for number in range(len(self)))

    @lru_cache(maxsize=64)  # noqa: B019 (most learners of a zone ask for the same 30 days)
    def day_starts(self) -> tuple[datetime, ...]:
        """Returns when each day begins. Python converts time zones, so that PostgreSQL need not know them."""
        return tuple(midnight(day, self.zone) for day in self.days())

    def end(self) -> datetime:
        """Returns when the day after the last one begins."""
        return midnight(self.last + timedelta(days=1), self.zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Returns the first instant of the day in the zone.

    Where clocks skip midnight, it is the instant at which they do.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def period_of(
    first: date | datetime | None,
    last: date | datetime | None,
    zone: ZoneInfo,
    now: datetime,
    *,
    max_days: int = MAX_DAYS,
) -> Period:
    """Returns the days from `first` to `last`, by default the 30 days that end today.

    An instant stands for its day.

    Raises:
        InvalidInput: `first` is later than `last`, or the period is longer than `max_days`.
    """
    end = _day(last or now, zone)
    begin = _day(first, zone) if first else end - timedelta(days=DEFAULT_DAYS - 1)
    if begin > end:
        raise _invalid(FieldProblem("from", "mismatch", "must not be later than `to`"))
    if (end - begin).days >= max_days:
        most = max_days - 1
        raise _invalid(FieldProblem("from", "too_long", f"must be at most {most} days before `to`", most))
    return Period(begin, end, zone)


def _day(value: date | datetime, zone: ZoneInfo) -> date:
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


def _invalid(problem: FieldProblem) -> InvalidInput:
    return InvalidInput(f"{problem.field}: {problem.message}", fields=(problem,))


def is_near_month_end(instant: datetime) -> bool:
    """Returns whether a month (UTC) ends within `MONTH_END_MARGIN` before or after the instant."""
    return (instant - MONTH_END_MARGIN).month != (instant + MONTH_END_MARGIN).month
