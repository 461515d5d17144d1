"""Feature adoption: of the caller, or of all learners; as a report, and as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from cara.analytics import adoption_queries, rollup_queries
from cara.analytics.periods import UTC_ZONE, Period, midnight, period_of
from cara.analytics.report_schemas import (
    ActiveUsers,
    Adoption,
    AdoptionQuery,
    Cohort,
    DayAdoption,
    FeatureAdoption,
)
from cara.postgres.database import Connection, Record
from cara.practice.schemas import FEATURE_TYPES, FeatureType
from cara.web.downloads import Document
from cara.web.guard import Caller

ANY_ACTIVITY = ""
COHORT_WEEKS = 12
DAY_COUNTS = ("active_users", "sessions", "completed", "events")

EXPORT_COLUMNS = ("day", "featureType", "sessions", "completed", "users", "events")
EXPORT_EXAMPLE = f"{','.join(EXPORT_COLUMNS)}\r\n2026-01-31,conversation,14,9,8,52\r\n"
EXPORT_MAX_DAYS = 3_660
EXPORT_PAGE_ROWS = 500


@dataclass(frozen=True)
class _Records:
    """The rows that a report is made of, by feature or by day."""

    users: dict[str, Record]
    days: dict[date, Record]
    features: dict[str, Record]
    uses: dict[str, Record]
    cohorts: Sequence[Record]


async def adoption_of(
    connection: Connection, caller: Caller, query: AdoptionQuery, now: datetime
) -> Adoption:
    """Returns the adoption of the caller, or of all learners, which only administrators may see.

    Raises:
        InvalidInput: `from` and `to` do not form a period.
    """
    period = period_of(query.from_, query.to, UTC_ZONE, now)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        as_of = await rollup_queries.fresh_as_of(connection)
        records = await _read(connection, period, caller.user_id if query.scope == "me" else None)
    active = _active(records.users.get(ANY_ACTIVITY))
    return Adoption(
        features=_features(records),
        active_users=active,
        stickiness=ratio(active.daily, active.monthly),
        daily=_daily(records.days, period),
        retention=cohorts_of(records.cohorts, _monday(period.last)),
        as_of=as_of,
    )


async def _read(connection: Connection, period: Period, user_id: UUID | None) -> _Records:
    span = period.first, period.last
    weeks = _monday(period.last) - timedelta(weeks=COHORT_WEEKS - 1), _monday(period.last)
    if user_id is None:
        users = await adoption_queries.users_of_all(connection, *span, (ANY_ACTIVITY, *FEATURE_TYPES))
        sums = await adoption_queries.sums_of_all(connection, *span)
        uses = await adoption_queries.uses_of_all(connection, FEATURE_TYPES)
        cohorts = await adoption_queries.cohorts_of_all(connection, *weeks)
    else:
        users = await adoption_queries.users_of_learner(connection, user_id, *span)
        sums = await adoption_queries.sums_of_learner(connection, user_id, *span)
        uses = await adoption_queries.uses_of_learner(connection, user_id)
        cohorts = await adoption_queries.cohort_of_learner(connection, user_id, *weeks)
    days = {row["day"]: row for row in sums if row["day"]}
    features = _by_feature(row for row in sums if row["day"] is None)
    return _Records(_by_feature(users), days, features, _by_feature(uses), cohorts)


def _by_feature(rows: Iterable[Record]) -> dict[str, Record]:
    return {row["feature_type"]: row for row in rows}


def _active(row: Record | None) -> ActiveUsers:
    names = ("daily", "weekly", "monthly")
    return ActiveUsers(**{name: row[name] if row else 0 for name in names})


def _features(records: _Records) -> list[FeatureAdoption]:
    """Returns every feature, used or not."""
    return [_feature(feature_type, records) for feature_type in FEATURE_TYPES]


def _feature(feature_type: FeatureType, records: _Records) -> FeatureAdoption:
    active, users = records.users.get(ANY_ACTIVITY), records.users.get(feature_type)
    sums, uses = records.features.get(feature_type), records.uses.get(feature_type)
    sessions, completed = (sums["sessions"], sums["completed"]) if sums else (0, 0)
    return FeatureAdoption(
        feature_type=feature_type,
        sessions=sessions,
        completed=completed,
        completion_rate=ratio(completed, sessions) if sessions else None,
        users=users["users"] if users else 0,
        adoption_rate=ratio(users["users"] if users else 0, active["users"] if active else 0),
        first_used_at=_first_used_at(uses) if uses else None,
        last_used_at=_last_used_at(uses) if uses else None,
    )


def _first_used_at(uses: Record) -> datetime | None:
    """Returns the first session, or the midnight (UTC) of an earlier day of which only events are known."""
    session_at: datetime | None = uses["first_session_at"]
    day: date | None = uses["first_day"]
    if day and (session_at is None or day < session_at.date()):
        return midnight(day, UTC_ZONE)
    return session_at


def _last_used_at(uses: Record) -> datetime | None:
    """Returns the last session, or the midnight (UTC) of a later day of which only events are known."""
    session_at: datetime | None = uses["last_session_at"]
    day: date | None = uses["last_day"]
    if day and (session_at is None or day > session_at.date()):
        return midnight(day, UTC_ZONE)
    return session_at


def _daily(days: dict[date, Record], period: Period) -> list[DayAdoption]:
    """Returns one entry a day, including days without a row."""
    return [
        DayAdoption(day=day, **{name: days[day][name] if day in days else 0 for name in DAY_COUNTS})
        for day in period.days()
    ]


def cohorts_of(rows: Sequence[Record], last_week: date) -> list[Cohort]:
    """Returns one entry a cohort, with a number for every week from its first one to the last week."""
    found: dict[date, dict[date, int]] = defaultdict(dict)
    for row in rows:
        found[row["cohort"]][row["week"]] = row["users"]
    return [_cohort(cohort, weeks, last_week) for cohort, weeks in found.items()]


def _cohort(cohort: date, weeks: dict[date, int], last_week: date) -> Cohort:
    later = (last_week - cohort).days // 7
    active = [weeks.get(cohort + timedelta(weeks=number), 0) for number in range(later + 1)]
    return Cohort(
        week=cohort, users=active[0], active=active, retention=[ratio(users, active[0]) for users in active]
    )


def ratio(part: int, whole: int) -> float:
    """Returns the share, rounded to four places; 0 if the whole is 0."""
    return round(part / whole, 4) if whole else 0.0


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def adoption_document(period: Period) -> Document:
    """Names the exported table of a period."""
    return Document(f"adoption-{period.first}-{period.last}.csv", "text/csv; charset=utf-8")


async def adoption_lines(connection: Connection, period: Period) -> AsyncGenerator[bytes]:
    """Yields one line for each day and feature of the period, unused ones with zeros; '' is any activity.

    Reads rows through a cursor inside the caller's transaction, `EXPORT_PAGE_ROWS` at a time.
    """
    yield _csv_lines([EXPORT_COLUMNS])
    features = (ANY_ACTIVITY, *FEATURE_TYPES)
    cursor = await adoption_queries.export_rows(connection, period.first, period.last, features)
    while page := await cursor.fetch(EXPORT_PAGE_ROWS):
        yield _csv_lines(tuple(row) for row in page)


def _csv_lines(rows: Iterable[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
