"""SQL of rebuilding: one function a statement. Days are days in UTC, both ends included.

`date.min` and `date.max` stand for minus infinity and infinity, here as in PostgreSQL.
"""

from __future__ import annotations

from datetime import date

from cara.analytics.rollup_queries import FEATURES_OF_EVENT, QUARTER_COLUMNS, QUARTER_SUMS
from cara.postgres.database import Connection, Record, one_row
from cara.practice.schemas import FEATURE_TYPES

STATEMENT_SECONDS = 3_600
"""The pool's own limit is for requests."""


async def rest_triggers(connection: Connection) -> None:
    """Until the transaction ends, nothing is derived from what changes: the rebuild derives it itself."""
    await connection.execute("select set_config('cara.rebuilding', 'on', true)")


async def hold_all_accounts(connection: Connection) -> None:
    """Lets nobody delete an account until the transaction ends."""
    await connection.execute(
        "select count(*) from (select from users order by id for key share) as held",
        timeout=STATEMENT_SECONDS,
    )


async def take_turn_with_derived(connection: Connection) -> None:
    """As the triggers do before they change what is derived."""
    await connection.execute("select take_turn_with_derived_rollups()")


async def make_room(connection: Connection) -> None:
    """A table for the counts, which goes with the transaction."""
    await connection.execute(
        """
        create temporary table rebuilt_days (user_id uuid, feature_type text, day date, events bigint)
        on commit drop
        """
    )


async def batch_bounds(connection: Connection) -> Record:
    """The first and the last batch that any event belongs to."""
    return await one_row(
        connection,
        "select coalesce(min(batch), 0) as first, coalesce(max(batch), -1) as last from analytics_events",
    )


async def count_batches(connection: Connection, first: int, last: int, from_day: date, to_day: date) -> None:
    """Counts the folded events of these batches that happened on those days."""
    await connection.execute(
        f"""
        insert into rebuilt_days
        select user_id, feature_type, (occurred_at at time zone 'UTC')::date, count(*)
        from analytics_events
        cross join lateral {FEATURES_OF_EVENT.format(features="$5")}
        where batch between $1 and $2 and feature_type is not null
          and created_at >= ($3::date - 1)::timestamp at time zone 'UTC'
          and (occurred_at at time zone 'UTC')::date between $3 and $4
          and not exists (
              select from pending_event_batches as pending where pending.id = analytics_events.batch
          )
        group by 1, 2, 3
        """,  # noqa: S608 - the fragment is a constant
        first,
        last,
        from_day,
        to_day,
        FEATURE_TYPES,
        timeout=STATEMENT_SECONDS,
    )


async def clear_learner_days(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute(
        "delete from learner_days where day between $1 and $2", from_day, to_day, timeout=STATEMENT_SECONDS
    )


async def fill_learner_days(connection: Connection) -> None:
    """Days of learners as they were counted, of those who still have an account."""
    await connection.execute(
        """
        insert into learner_days (user_id, feature_type, day, events)
        select user_id, feature_type, day, sum(events)
        from rebuilt_days
        where exists (select from users where users.id = rebuilt_days.user_id)
        group by 1, 2, 3
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
    """The whole weeks that the days touch."""
    await connection.execute(
        """
        insert into learner_weeks (user_id, week)
        select distinct user_id, date_trunc('week', day)::date
        from learner_days
        where feature_type = '' and day >= date_trunc('week', $1::date)
          and day < date_trunc('week', $2::date) + interval '7 days'
        """,
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def clear_quarters(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute(
        """
        delete from learner_quarters
        where quarter >= $1::date::timestamp at time zone 'UTC'
          and quarter < ($2::date + 1)::timestamp at time zone 'UTC'
        """,
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def fill_quarters(connection: Connection, from_day: date, to_day: date) -> None:
    await connection.execute(
        f"""
        insert into learner_quarters ({QUARTER_COLUMNS})
        select user_id, quarter_of(created_at), feature_type, {QUARTER_SUMS}
        from sessions
        where created_at >= $1::date::timestamp at time zone 'UTC'
          and created_at < ($2::date + 1)::timestamp at time zone 'UTC'
        group by 1, 2, 3
        """,  # noqa: S608 - the fragments are constants
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
            select (quarter at time zone 'UTC')::date as day, feature_type, sessions, completed,
                   0 as users, 0 as events
            from learner_quarters
            where quarter >= $1::date::timestamp at time zone 'UTC'
              and quarter < ($2::date + 1)::timestamp at time zone 'UTC'
            union all
            select day, feature_type, 0, 0, 1, events from learner_days where day between $1 and $2
        ) as parts
        group by 1, 2
        """,
        from_day,
        to_day,
        timeout=STATEMENT_SECONDS,
    )


async def clear_returns(connection: Connection) -> None:
    await connection.execute("delete from feature_returns")


async def fill_returns(connection: Connection) -> None:
    """All days: an earlier one may lead to one of those that were rebuilt."""
    await connection.execute(
        """
        insert into feature_returns (day, feature_type, next_day, users)
        select day, feature_type, next_day, count(*)
        from (
            select day, feature_type,
                   coalesce(lead(day) over (partition by user_id, feature_type order by day), 'infinity')
                       as next_day
            from learner_days
        ) as returns
        group by 1, 2, 3
        """,
        timeout=STATEMENT_SECONDS,
    )


async def clear_cohorts(connection: Connection) -> None:
    await connection.execute("delete from cohort_weeks")


async def fill_cohorts(connection: Connection) -> None:
    """All cohorts: one week more or less can move a learner to another."""
    await connection.execute(
        """
        insert into cohort_weeks (cohort, week, users)
        select cohort, week, count(*)
        from (select week, min(week) over (partition by user_id) as cohort from learner_weeks) as weeks
        group by 1, 2
        """,
        timeout=STATEMENT_SECONDS,
    )
