"""SQL that adoption is read by: of roll-ups only. Days are days in UTC, both ends included.

Every function but the export exists for one learner and for everybody, with the same columns.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from asyncpg.cursor import Cursor

from cara.postgres.database import Connection, Record

_SUMS = """
    day, feature_type, sum(sessions)::int as sessions, sum(completed)::int as completed,
    coalesce(sum(users) filter (where feature_type = ''), 0)::int as active_users,
    coalesce(sum(events) filter (where feature_type = ''), 0)::int as events
"""


_FIRST_AND_LAST_USE = """
    least(first_session, case when first_day < coalesce((first_session at time zone 'UTC')::date, 'infinity')
                              then first_day::timestamp at time zone 'UTC' end) as first_used_at,
    greatest(last_session, case when last_day > coalesce((last_session at time zone 'UTC')::date, '-infinity')
                                then last_day::timestamp at time zone 'UTC' end) as last_used_at
"""


async def users_of_everybody(
    connection: Connection, first: date, last: date, features: tuple[str, ...]
) -> list[Record]:
    """Distinct users by feature ('' for any activity) of the period, of its last day, and of the 7 and 30
    days that end with it: each is counted on the day after which they came no more until the last one.

    One look into the index for each day and feature.
    """
    return await connection.fetch(
        """
        select feature_type,
               coalesce(sum(users) filter (where day >= $1), 0)::int as users,
               coalesce(sum(users) filter (where day = $2), 0)::int as daily,
               coalesce(sum(users) filter (where day > $2 - 7), 0)::int as weekly,
               coalesce(sum(users) filter (where day > $2 - 30), 0)::int as monthly
        from (select generate_series(least($1::date, $2::date - 29), $2::date, '1 day')::date as day) as days
        cross join unnest($3::text[]) as feature (feature_type)
        cross join lateral (
            select sum(users) as users
            from feature_returns as known
            where known.day = days.day and known.feature_type = feature.feature_type and known.next_day > $2
        ) as gone
        group by feature_type
        """,
        first,
        last,
        features,
    )


async def users_of_learner(connection: Connection, user_id: UUID, first: date, last: date) -> list[Record]:
    """The same for a single learner: ones and zeros."""
    return await connection.fetch(
        """
        select feature_type,
               bool_or(day >= $2)::int as users,
               bool_or(day = $3)::int as daily,
               bool_or(day > $3 - 7)::int as weekly,
               bool_or(day > $3 - 30)::int as monthly
        from learner_days
        where user_id = $1 and day between least($2, $3 - 29) and $3
        group by feature_type
        """,
        user_id,
        first,
        last,
    )


async def sums_of_everybody(connection: Connection, first: date, last: date) -> list[Record]:
    """Sessions and completed ones by day, and again by feature; the other of the two is null.

    Active users and events, which feature '' counts, are those of the day.
    """
    return await connection.fetch(
        f"""
        select {_SUMS}
        from feature_days
        where day between $1 and $2
        group by grouping sets ((day), (feature_type))
        """,  # noqa: S608 - the fragment is the one above
        first,
        last,
    )


async def sums_of_learner(connection: Connection, user_id: UUID, first: date, last: date) -> list[Record]:
    """The same for a single learner."""
    return await connection.fetch(
        f"""
        select {_SUMS}
        from (
            select (quarter at time zone 'UTC')::date as day, feature_type, sessions, completed,
                   0 as users, 0 as events
            from learner_quarters
            where user_id = $1 and quarter >= $2::date::timestamp at time zone 'UTC'
              and quarter < ($3::date + 1)::timestamp at time zone 'UTC'
            union all
            select day, feature_type, 0, 0, 1, events
            from learner_days
            where user_id = $1 and day between $2 and $3
        ) as parts
        group by grouping sets ((day), (feature_type))
        """,  # noqa: S608 - the fragment is the one above
        user_id,
        first,
        last,
    )


async def first_and_last_use_of_everybody(connection: Connection, features: tuple[str, ...]) -> list[Record]:
    """When each feature was used for the first and for the last time; all of it is found by indexes.

    Of sessions the moment is known. Where only events tell of an earlier or later day, it is their day's
    first instant (UTC).
    """
    return await connection.fetch(
        f"""
        select feature_type, {_FIRST_AND_LAST_USE}
        from unnest($1::text[]) as feature (feature_type)
        cross join lateral (
            select (select min(first_used_at) from learner_quarters as known
                    where known.feature_type = feature.feature_type
                      and quarter = (select min(quarter) from learner_quarters as oldest
                                     where oldest.feature_type = feature.feature_type)) as first_session,
                   (select max(last_used_at) from learner_quarters as known
                    where known.feature_type = feature.feature_type
                      and quarter = (select max(quarter) from learner_quarters as newest
                                     where newest.feature_type = feature.feature_type)) as last_session
        ) as sessions
        cross join lateral (
            select (select day from feature_days as oldest
                    where oldest.feature_type = feature.feature_type and users > 0
                    order by day limit 1) as first_day,
                   (select day from feature_days as newest
                    where newest.feature_type = feature.feature_type and users > 0
                    order by day desc limit 1) as last_day
        ) as events
        """,  # noqa: S608 - the fragment is the one above
        features,
    )


async def first_and_last_use_of_learner(connection: Connection, user_id: UUID) -> list[Record]:
    """The same for a single learner."""
    return await connection.fetch(
        f"""
        select feature_type, {_FIRST_AND_LAST_USE}
        from (
            select feature_type, min(first_used_at) as first_session, max(last_used_at) as last_session
            from learner_quarters
            where user_id = $1
            group by feature_type
        ) as sessions
        full join (
            select feature_type, min(day) as first_day, max(day) as last_day
            from learner_days
            where user_id = $1
            group by feature_type
        ) as events using (feature_type)
        """,  # noqa: S608 - the fragment is the one above
        user_id,
    )


async def cohorts_of_everybody(connection: Connection, first_week: date, last_week: date) -> list[Record]:
    """Users by the week of their first activity and the week in which they were active."""
    return await connection.fetch(
        """
        select cohort, week, users
        from cohort_weeks
        where cohort between $1 and $2 and week <= $2
        order by cohort, week
        """,
        first_week,
        last_week,
    )


async def cohort_of_learner(
    connection: Connection, user_id: UUID, first_week: date, last_week: date
) -> list[Record]:
    """The same for a single learner."""
    return await connection.fetch(
        """
        select cohort, week, 1 as users
        from (select week, min(week) over () as cohort from learner_weeks where user_id = $1) as weeks
        where cohort between $2 and $3 and week <= $3
        order by cohort, week
        """,
        user_id,
        first_week,
        last_week,
    )


async def export_rows(connection: Connection, first: date, last: date, features: tuple[str, ...]) -> Cursor:
    """A cursor over every day and feature of the period, those without a row too."""
    return await connection.cursor(
        """
        select day::date::text, feature_type, coalesce(sessions, 0), coalesce(completed, 0),
               coalesce(users, 0), coalesce(events, 0)
        from generate_series($1::date, $2::date, interval '1 day') as series (day)
        cross join unnest($3::text[]) with ordinality as feature (feature_type, place)
        left join feature_days using (day, feature_type)
        order by series.day, place
        """,
        first,
        last,
        features,
    )
