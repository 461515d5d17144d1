"""Periods of whole days, in a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cara.errors import FieldProblem, InvalidInput

DEFAULT_DAYS = 30
MAX_DAYS = 366
ZONE_OF_EVERYBODY = ZoneInfo("UTC")


@dataclass(frozen=True)
class Period:
    """Days in a row, both ends included, as they are in the zone."""

    first: date
    last: date
    zone: ZoneInfo

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def days(self) -> Iterator[date]:
        """Every day, none left out."""
        return (self.first + timedelta(days=number) for number in range(len(self)))

    def beginnings(self) -> list[datetime]:
        """When each day begins. Time zones are Python's, so that PostgreSQL needs to know none."""
        return [beginning_of(day, self.zone) for day in self.days()]

    def end(self) -> datetime:
        """When the day after the last one begins."""
        return beginning_of(self.last + timedelta(days=1), self.zone)


def beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of the day in the zone; where clocks skip midnight, the instant at which they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def period_of(
    first: date | datetime | None,
    last: date | datetime | None,
    zone: ZoneInfo,
    now: datetime,
    *,
    max_days: int = MAX_DAYS,
) -> Period:
    """The days from one to the other, by default the last 30 until today; an instant means its day.

    Raises:
        InvalidInput: they are the wrong way round, or more than `max_days`.
    """
    end = _day(last or now, zone)
    begin = _day(first, zone) if first else end - timedelta(days=DEFAULT_DAYS - 1)
    if begin > end:
        raise _refused("from", "must not be later than `to`")
    if (end - begin).days >= max_days:
        raise _refused("from", f"must be at most {max_days - 1} days before `to`")
    return Period(begin, end, zone)


def _day(moment: date | datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date() if isinstance(moment, datetime) else moment


def _refused(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"{field}: {message}", fields=(FieldProblem(field, message),))
