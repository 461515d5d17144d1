"""SQL of adoption, which reads roll-ups only. Days are days in UTC, both ends included.

Queries exist for one learner and for all learners, with the same columns. What the rows of one learner
contribute is computed by the SQL functions that maintain the tables of all learners.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from asyncpg.cursor import Cursor

from cara.postgres.database import Connection, Record


async def users_of_all(
    connection: Connection, first: date, last: date, features: tuple[str, ...]
) -> list[Record]:
    """Returns distinct users by feature ('' for any activity).

    Counts those of the period, of its last day, and of the 7 and 30 days that end with it: each user once, on
    their last day of activity. Reads the index once for each day and feature.
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
            from next_activity_days as known
            where known.day = days.day and known.feature_type = feature.feature_type and known.next_day > $2
        ) as last_active
        group by feature_type
        """,
        first,
        last,
        features,
    )


async def users_of_learner(connection: Connection, user_id: UUID, first: date, last: date) -> list[Record]:
    """Returns the same for one learner: ones and zeros."""
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


async def sums_of_all(connection: Connection, first: date, last: date) -> list[Record]:
    """Sessions and completed sessions by day, and again by feature; the other of the two is null.

    Active users and events, which feature '' counts, are those of the day.
    """
    return await connection.fetch(
        """
        select day, feature_type, sum(sessions)::int as sessions, sum(completed)::int as completed,
               coalesce(sum(users) filter (where feature_type = ''), 0)::int as active_users,
               coalesce(sum(events) filter (where feature_type = ''), 0)::int as events
        from feature_days
        where day between $1 and $2
        group by grouping sets ((day), (feature_type))
        """,
        first,
        last,
    )


async def sums_of_learner(connection: Connection, user_id: UUID, first: date, last: date) -> list[Record]:
    """Returns the same for one learner."""
    return await connection.fetch(
        """
        select day, feature_type, sum(sessions)::int as sessions, sum(completed)::int as completed,
               coalesce(sum(users) filter (where feature_type = ''), 0)::int as active_users,
               coalesce(sum(events) filter (where feature_type = ''), 0)::int as events
        from (
            select day, feature_type, sessions, completed, users, events
            from feature_days_of_quarter_hours(array(
                select known
                from learner_quarter_hours as known
                where user_id = $1
                  and quarter_hour >= utc_midnight($2) and quarter_hour < utc_midnight($3::date + 1)
            ))
            union all
            select day, feature_type, sessions, completed, users, events
            from feature_days_of_days(array(
                select known from learner_days as known where user_id = $1 and day between $2 and $3
            ))
        ) as contributions
        group by grouping sets ((day), (feature_type))
        """,
        user_id,
        first,
        last,
    )


async def uses_of_all(connection: Connection, features: tuple[str, ...]) -> list[Record]:
    """Returns the first and last session and the first and last day with an event of each feature.

    Finds all of them by an index.
    """
    return await connection.fetch(
        """
        select feature_type, first_session_at, last_session_at, first_day, last_day
        from unnest($1::text[]) as feature (feature_type)
        cross join lateral (
            select min(first_used_at) as first_session_at
            from learner_quarter_hours as known
            where known.feature_type = feature.feature_type
              and quarter_hour = (select min(quarter_hour) from learner_quarter_hours as oldest
                                  where oldest.feature_type = feature.feature_type)
        ) as first_session
        cross join lateral (
            select max(last_used_at) as last_session_at
            from learner_quarter_hours as known
            where known.feature_type = feature.feature_type
              and quarter_hour = (select max(quarter_hour) from learner_quarter_hours as newest
                                  where newest.feature_type = feature.feature_type)
        ) as last_session
        cross join lateral (
            select (select day from feature_days as oldest
                    where oldest.feature_type = feature.feature_type and users > 0
                    order by day limit 1) as first_day,
                   (select day from feature_days as newest
                    where newest.feature_type = feature.feature_type and users > 0
                    order by day desc limit 1) as last_day
        ) as events
        """,
        features,
    )


async def uses_of_learner(connection: Connection, user_id: UUID) -> list[Record]:
    """Returns the same for one learner."""
    return await connection.fetch(
        """
        select feature_type, first_session_at, last_session_at, first_day, last_day
        from (
            select feature_type, min(first_used_at) as first_session_at, max(last_used_at) as last_session_at
            from learner_quarter_hours
            where user_id = $1
            group by feature_type
        ) as sessions
        full join (
            select feature_type, min(day) as first_day, max(day) as last_day
            from learner_days
            where user_id = $1
            group by feature_type
        ) as events using (feature_type)
        """,
        user_id,
    )


async def cohorts_of_all(connection: Connection, first_week: date, last_week: date) -> list[Record]:
    """Returns users by the week of their first activity and the week in which they were active."""
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
    """Returns the same for one learner."""
    return await connection.fetch(
        """
        select cohort, week, users
        from cohorts_of_weeks(array(select known from learner_weeks as known where user_id = $1))
        where cohort between $2 and $3 and week <= $3
        order by cohort, week
        """,
        user_id,
        first_week,
        last_week,
    )


async def export_rows(connection: Connection, first: date, last: date, features: tuple[str, ...]) -> Cursor:
    """Returns a cursor over every day and feature of the period, including those without a row."""
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
