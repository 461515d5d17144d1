"""Feature adoption: of the caller, or of everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from cara.analytics import adoption_queries
from cara.analytics.periods import ZONE_OF_EVERYBODY, Period, period_of
from cara.analytics.report_schemas import (
    ActiveUsers,
    Adoption,
    AdoptionQuery,
    Cohort,
    DayAdoption,
    FeatureAdoption,
)
from cara.analytics.rollup_queries import shown_until
from cara.errors import Forbidden
from cara.postgres.database import Connection, Record
from cara.practice.schemas import FEATURE_TYPES, FeatureType
from cara.web.guard import Caller

ANY_ACTIVITY = ""
COHORT_WEEKS = 12
DAY_COUNTS = ("active_users", "sessions", "completed", "events")


class AdministratorsOnly(Forbidden):
    detail = "Only administrators may see everybody's adoption."


@dataclass(frozen=True)
class _Records:
    """What the roll-ups say."""

    users: dict[str, Record]
    days: dict[date, Record]
    features: dict[str, Record]
    uses: dict[str, Record]
    cohorts: Sequence[Record]


async def adoption_of(
    connection: Connection, caller: Caller, query: AdoptionQuery, now: datetime
) -> Adoption:
    """The adoption that was asked for.

    Raises:
        AdministratorsOnly: everybody's, by somebody else.
        InvalidInput: the period is none.
    """
    if query.scope == "all":
        require_admin(caller)
    period = period_of(query.from_, query.to, ZONE_OF_EVERYBODY, now)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        as_of = await shown_until(connection)
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


def require_admin(caller: Caller) -> None:
    """Raises AdministratorsOnly unless the caller is one."""
    if not caller.is_admin:
        raise AdministratorsOnly


async def _read(connection: Connection, period: Period, user_id: UUID | None) -> _Records:
    span = period.first, period.last
    weeks = _monday(period.last) - timedelta(weeks=COHORT_WEEKS - 1), _monday(period.last)
    if user_id is None:
        users = await adoption_queries.users_of_everybody(connection, *span, (ANY_ACTIVITY, *FEATURE_TYPES))
        sums = await adoption_queries.sums_of_everybody(connection, *span)
        uses = await adoption_queries.first_and_last_use_of_everybody(connection, FEATURE_TYPES)
        cohorts = await adoption_queries.cohorts_of_everybody(connection, *weeks)
    else:
        users = await adoption_queries.users_of_learner(connection, user_id, *span)
        sums = await adoption_queries.sums_of_learner(connection, user_id, *span)
        uses = await adoption_queries.first_and_last_use_of_learner(connection, user_id)
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
    """Every feature, used or not."""
    return [_feature(feature_type, records) for feature_type in FEATURE_TYPES]


def _feature(feature_type: FeatureType, records: _Records) -> FeatureAdoption:
    everybody, users = records.users.get(ANY_ACTIVITY), records.users.get(feature_type)
    sums, uses = records.features.get(feature_type), records.uses.get(feature_type)
    sessions, completed = (sums["sessions"], sums["completed"]) if sums else (0, 0)
    return FeatureAdoption(
        feature_type=feature_type,
        sessions=sessions,
        completed=completed,
        completion_rate=ratio(completed, sessions) if sessions else None,
        users=users["users"] if users else 0,
        adoption_rate=ratio(users["users"] if users else 0, everybody["users"] if everybody else 0),
        first_used_at=uses["first_used_at"] if uses else None,
        last_used_at=uses["last_used_at"] if uses else None,
    )


def _daily(days: dict[date, Record], period: Period) -> list[DayAdoption]:
    """One entry a day, also for those without a row."""
    return [
        DayAdoption(day=day, **{name: days[day][name] if day in days else 0 for name in DAY_COUNTS})
        for day in period.days()
    ]


def cohorts_of(rows: Sequence[Record], last_week: date) -> list[Cohort]:
    """One entry a cohort, with a number for every week from its own to the last one."""
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
    """The share, to four places; nothing of nothing is 0."""
    return round(part / whole, 4) if whole else 0.0


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
