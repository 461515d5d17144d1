"""SQL of folding: one function a statement.

The rules by which one table follows from another are SQL functions of the migration `0006_rollups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from cara.postgres.database import Connection, Record

_ROLLUPS_LOCK = 0x0CA7A_F01D

FRESH_AS_OF = """
    select least(
        (select created_at from pending_event_batches order by id limit 1),
        (select created_at from stale_quarter_hours order by id limit 1),
        statement_timestamp()
    )
"""
"""The time of the oldest change that the roll-ups do not show yet; of the statement, if there is none."""


async def set_lock_timeout(connection: Connection, seconds: float) -> None:
    """Bounds every wait for a lock in this transaction.

    A later statement that waits longer raises asyncpg.LockNotAvailableError.
    """
    await connection.execute("select set_config('lock_timeout', $1, true)", f"{int(seconds * 1000)}ms")


async def lock_rollups(connection: Connection) -> None:
    """Keeps all other transactions from folding, rebuilding and dropping partitions until this one ends."""
    await connection.execute("select pg_advisory_xact_lock($1)", _ROLLUPS_LOCK)


async def take_batches(connection: Connection, events: int, batches: int) -> list[Record]:
    """Deletes the oldest pending batches and returns them: they count as folded if this transaction commits.

    Takes at least one batch, if there is any, then as many as hold about `events` events.
    """
    return await connection.fetch(
        """
        delete from pending_event_batches
        where id = any(array(
            select id
            from (
                select id, sum(events) over (order by id) - events as events_before
                from (select id, events from pending_event_batches order by id limit $2) as oldest
            ) as counted
            where events_before < $1
        ))
        returning id, created_at, events
        """,
        events,
        batches,
    )


async def fold_events(
    connection: Connection, batches: Sequence[int], earliest: datetime, latest: datetime
) -> None:
    """Adds the events of the batches to the learners' days.

    `earliest` and `latest` bound when the batches were received, and so the partitions that are read. The
    statement locks the accounts first, so that none is deleted meanwhile, and deletes the events of accounts
    that are gone.
    """
    await connection.execute(
        """
        with counted as materialized (
            select user_id, feature_type, day, count(*) as events
            from event_days
            where batch = any($1::bigint[]) and created_at between $2 and $3
            group by user_id, feature_type, day
        ), known as materialized (
            select id from users where id in (select user_id from counted) order by id for key share
        ), orphaned as (
            delete from analytics_events
            where user_id in (select user_id from counted where user_id not in (select id from known))
        )
        insert into learner_days as days (user_id, feature_type, day, events)
        select user_id, feature_type, day, events
        from counted
        join known on known.id = counted.user_id
        order by user_id, feature_type, day
        on conflict (user_id, feature_type, day) do update set events = days.events + excluded.events
        """,
        batches,
        earliest,
        latest,
    )


async def take_stale_quarter_hours(connection: Connection, limit: int) -> list[Record]:
    """Deletes marks of stale quarter hours and returns these: they count as folded if this commits."""
    return await connection.fetch(
        """
        with taken as (
            delete from stale_quarter_hours
            where id = any(array(select id from stale_quarter_hours order by id limit $1))
            returning user_id, quarter_hour, feature_type
        )
        select distinct user_id, quarter_hour, feature_type from taken
        """,
        limit,
    )


async def lock_accounts(connection: Connection, stale: Sequence[Record]) -> None:
    """Keeps the accounts of these quarter hours from being deleted until the transaction ends."""
    await connection.execute(
        "select from users where id = any($1::uuid[]) order by id for key share",
        [row["user_id"] for row in stale],
    )


async def delete_empty_quarter_hours(connection: Connection, stale: Sequence[Record]) -> None:
    """Deletes those of the quarter hours that have no session any more."""
    await connection.execute(
        """
        delete from learner_quarter_hours as known
        using unnest($1::uuid[], $2::timestamptz[], $3::text[]) as stale (user_id, quarter_hour, feature_type)
        where known.user_id = stale.user_id and known.quarter_hour = stale.quarter_hour
          and known.feature_type = stale.feature_type
          and not exists (
              select
              from sessions
              where sessions.user_id = stale.user_id and sessions.practiced_at >= stale.quarter_hour
                and sessions.practiced_at < stale.quarter_hour + interval '15 minutes'
                and sessions.feature_type = stale.feature_type
          )
        """,
        *_columns(stale),
    )


async def compute_quarter_hours(connection: Connection, stale: Sequence[Record]) -> None:
    """Computes the quarter hours from their sessions, whatever the rows say: safe to repeat."""
    await connection.execute(
        """
        insert into learner_quarter_hours as known (
            user_id, quarter_hour, feature_type, sessions, completed, scored, score_sum, duration_seconds,
            clarity_count, clarity_sum, pace_count, pace_sum, confidence_count, confidence_sum,
            tone_count, tone_sum,
            words_per_minute_count, words_per_minute_sum,
            fillers_per_100_words_count, fillers_per_100_words_sum,
            hedges_per_100_words_count, hedges_per_100_words_sum,
            pauses_per_minute_count, pauses_per_minute_sum,
            first_used_at, last_used_at
        )
        select computed.user_id, computed.quarter_hour, computed.feature_type, sessions, completed, scored,
               score_sum, duration_seconds, clarity_count, clarity_sum, pace_count, pace_sum,
               confidence_count, confidence_sum, tone_count, tone_sum,
               words_per_minute_count, words_per_minute_sum,
               fillers_per_100_words_count, fillers_per_100_words_sum,
               hedges_per_100_words_count, hedges_per_100_words_sum,
               pauses_per_minute_count, pauses_per_minute_sum,
               first_used_at, last_used_at
        from unnest($1::uuid[], $2::timestamptz[], $3::text[]) as stale (user_id, quarter_hour, feature_type)
        cross join lateral quarter_hours_of_sessions(
            stale.user_id, stale.quarter_hour, stale.quarter_hour + interval '15 minutes'
        ) as computed
        where computed.feature_type = stale.feature_type
        order by computed.user_id, computed.quarter_hour, computed.feature_type
        on conflict (user_id, quarter_hour, feature_type) do update
        set sessions = excluded.sessions, completed = excluded.completed, scored = excluded.scored,
            score_sum = excluded.score_sum, duration_seconds = excluded.duration_seconds,
            clarity_count = excluded.clarity_count, clarity_sum = excluded.clarity_sum,
            pace_count = excluded.pace_count, pace_sum = excluded.pace_sum,
            confidence_count = excluded.confidence_count, confidence_sum = excluded.confidence_sum,
            tone_count = excluded.tone_count, tone_sum = excluded.tone_sum,
            words_per_minute_count = excluded.words_per_minute_count,
            words_per_minute_sum = excluded.words_per_minute_sum,
            fillers_per_100_words_count = excluded.fillers_per_100_words_count,
            fillers_per_100_words_sum = excluded.fillers_per_100_words_sum,
            hedges_per_100_words_count = excluded.hedges_per_100_words_count,
            hedges_per_100_words_sum = excluded.hedges_per_100_words_sum,
            pauses_per_minute_count = excluded.pauses_per_minute_count,
            pauses_per_minute_sum = excluded.pauses_per_minute_sum,
            first_used_at = excluded.first_used_at, last_used_at = excluded.last_used_at
        """,
        *_columns(stale),
    )


async def fresh_as_of(connection: Connection) -> datetime:
    """Returns the time of the oldest change that the roll-ups do not show yet; now, if there is none."""
    fresh: datetime = await connection.fetchval(FRESH_AS_OF)
    return fresh


async def has_pending_events(connection: Connection, before: date) -> bool:
    """Returns whether events that were received before this day (UTC) are not in the roll-ups yet."""
    pending: bool = await connection.fetchval(
        "select exists (select from pending_event_batches where created_at < utc_midnight($1))", before
    )
    return pending


async def recomputable_from(connection: Connection) -> date:
    """Returns the first day whose events are all still stored.

    It is `date.min` as long as no partition was dropped.
    """
    day: date = await connection.fetchval("select recomputable_from from rollup_limits")
    return day


async def limit_recomputing(connection: Connection, first_day: date) -> None:
    """Records that events of the days before this one are no longer stored."""
    await connection.execute(
        "update rollup_limits set recomputable_from = greatest(recomputable_from, $1)", first_day
    )


def _columns(stale: Sequence[Record]) -> tuple[list[UUID], list[datetime], list[str]]:
    return (
        [row["user_id"] for row in stale],
        [row["quarter_hour"] for row in stale],
        [row["feature_type"] for row in stale],
    )
