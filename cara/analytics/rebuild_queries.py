"""SQL of rebuilding: one function a statement. Days are days in UTC, both ends included.

The rules by which one table follows from another are SQL functions of the migration `0006_rollups`.
The statements here apply them to all rows. `date.min` and `date.max` stand for minus infinity and infinity,
as in PostgreSQL.
"""

from __future__ import annotations

from datetime import date

from cara.postgres.database import Connection, Record, one_row

STATEMENT_SECONDS = 3_600
"""The limit of the pool is meant for requests."""


async def suspend_triggers(connection: Connection) -> None:
    """Keeps the triggers from deriving anything until the transaction ends: the rebuild fills all tables."""
    await connection.execute("select set_config('cara.rebuilding', 'on', true)")


async def lock_all_accounts(connection: Connection) -> None:
    """Keeps all accounts from being deleted until the transaction ends."""
    await connection.execute(
        "select count(*) from (select from users order by id for key share) as locked",
        timeout=STATEMENT_SECONDS,
    )


async def lock_derived_rollups(connection: Connection) -> None:
    """Takes the lock that the triggers take before they change the tables of all learners."""
    await connection.execute("select lock_derived_rollups()")


async def create_temp_table(connection: Connection) -> None:
    """Creates the table for the counted events, which PostgreSQL drops with the transaction."""
    await connection.execute(
        """
        create temporary table rebuilt_days (user_id uuid, feature_type text, day date, events bigint)
        on commit drop
        """
    )


async def batch_bounds(connection: Connection) -> Record:
    """Returns the first and the last batch that any event belongs to."""
    return await one_row(
        connection,
        "select coalesce(min(batch), 0) as first, coalesce(max(batch), -1) as last from analytics_events",
    )


async def count_batches(connection: Connection, first: int, last: int, from_day: date, to_day: date) -> None:
    """Counts the folded events of these batches that happened on those days."""
    await connection.execute(
        """
        insert into rebuilt_days (user_id, feature_type, day, events)
        select user_id, feature_type, day, count(*)
        from event_days
        where batch between $1 and $2 and created_at >= utc_midnight($3::date - 1) and day between $3 and $4
          and not exists (select from pending_event_batches as pending where pending.id = event_days.batch)
        group by user_id, feature_type, day
        """,
        first,
        last,
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def clear_learner_days(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute(
        "delete from learner_days where day between $1 and $2", from_day, to_day, timeout=STATEMENT_SECONDS
    )


async def fill_learner_days(connection: Connection) -> None:
    """Sums the counted events of learners who still have an account."""
    await connection.execute(
        """
        insert into learner_days (user_id, feature_type, day, events)
        select user_id, feature_type, day, sum(events)
        from rebuilt_days
        where exists (select from users where users.id = rebuilt_days.user_id)
        group by user_id, feature_type, day
        """,
        timeout=STATEMENT_SECONDS,
    )


async def clear_learner_weeks(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute(
        "delete from learner_weeks where week between date_trunc('week', $1::date)::date and $2",
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def fill_learner_weeks(connection: Connection, from_day: date, to_day: date) -> None:
    """Fills the whole weeks that the days touch."""
    await connection.execute(
        """
        insert into learner_weeks (user_id, week)
        select weeks.user_id, weeks.week
        from (
            select array_agg(learner_days) as days
            from learner_days
            where feature_type = '' and day >= date_trunc('week', $1::date)
              and day < date_trunc('week', $2::date) + interval '7 days'
            group by user_id
        ) as learner
        cross join lateral weeks_of_days(learner.days) as weeks
        """,
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def clear_quarter_hours(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute(
        """
        delete from learner_quarter_hours
        where quarter_hour >= utc_midnight($1) and quarter_hour < utc_midnight($2::date + 1)
        """,
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def fill_quarter_hours(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute(
        """
        insert into learner_quarter_hours (
            user_id, quarter_hour, feature_type, sessions, completed, scored, score_sum, duration_seconds,
            clarity_count, clarity_sum, pace_count, pace_sum, confidence_count, confidence_sum,
            tone_count, tone_sum,
            words_per_minute_count, words_per_minute_sum,
            fillers_per_100_words_count, fillers_per_100_words_sum,
            hedges_per_100_words_count, hedges_per_100_words_sum,
            pauses_per_minute_count, pauses_per_minute_sum,
            first_used_at, last_used_at
        )
        select computed.user_id, quarter_hour, feature_type, sessions, completed, scored, score_sum,
               duration_seconds, clarity_count, clarity_sum, pace_count, pace_sum,
               confidence_count, confidence_sum, tone_count, tone_sum,
               words_per_minute_count, words_per_minute_sum,
               fillers_per_100_words_count, fillers_per_100_words_sum,
               hedges_per_100_words_count, hedges_per_100_words_sum,
               pauses_per_minute_count, pauses_per_minute_sum,
               first_used_at, last_used_at
        from users
        cross join lateral quarter_hours_of_sessions(
            users.id, utc_midnight($1), utc_midnight($2::date + 1)
        ) as computed
        """,
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def clear_feature_days(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute("delete from feature_days where day between $1 and $2", from_day, to_day)


async def fill_feature_days(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute(
        """
        insert into feature_days (day, feature_type, sessions, completed, users, events)
        select day, feature_type, sum(sessions), sum(completed), sum(users), sum(events)
        from (
            select counted.day, counted.feature_type, sessions, completed, users, events
            from (
                select array_agg(learner_quarter_hours) as quarter_hours
                from learner_quarter_hours
                where quarter_hour >= utc_midnight($1) and quarter_hour < utc_midnight($2::date + 1)
                group by user_id
            ) as learner
            cross join lateral feature_days_of_quarter_hours(learner.quarter_hours) as counted
            union all
            select counted.day, counted.feature_type, sessions, completed, users, events
            from (
                select array_agg(learner_days) as days
                from learner_days
                where day between $1 and $2
                group by user_id
            ) as learner
            cross join lateral feature_days_of_days(learner.days) as counted
        ) as contributions
        group by day, feature_type
        """,
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def clear_next_activity_days(connection: Connection) -> None:
    await connection.execute("delete from next_activity_days", timeout=STATEMENT_SECONDS)


async def fill_next_activity_days(connection: Connection) -> None:
    """Fills all days: an earlier day may lead to one of those that were rebuilt."""
    await connection.execute(
        """
        insert into next_activity_days (day, feature_type, next_day, users)
        select followed.day, followed.feature_type, followed.next_day, sum(followed.users)
        from (select array_agg(learner_days) as days from learner_days group by user_id) as learner
        cross join lateral next_activity_of_days(learner.days) as followed
        group by followed.day, followed.feature_type, followed.next_day
        """,
        timeout=STATEMENT_SECONDS,
    )


async def clear_cohort_weeks(connection: Connection) -> None:
    await connection.execute("delete from cohort_weeks", timeout=STATEMENT_SECONDS)


async def fill_cohort_weeks(connection: Connection) -> None:
    """Fills all cohorts: one week more or less can move a learner to another cohort."""
    await connection.execute(
        """
        insert into cohort_weeks (cohort, week, users)
        select counted.cohort, counted.week, sum(counted.users)
        from (select array_agg(learner_weeks) as weeks from learner_weeks group by user_id) as learner
        cross join lateral cohorts_of_weeks(learner.weeks) as counted
        group by counted.cohort, counted.week
        """,
        timeout=STATEMENT_SECONDS,
    )
