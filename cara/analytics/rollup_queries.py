"""SQL of folding: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cara.postgres.database import Connection, Record
from cara.practice.schemas import FEATURE_TYPES

FEATURES_OF_EVENT = """
    (values (''), (case when metadata ->> 'featureType' = any({features}::text[])
                        then metadata ->> 'featureType' end)) as feature (feature_type)
"""
"""What an event counts for: for being active at all, and for the feature that it names, if it is one."""

QUARTER_COLUMNS = """
    user_id, quarter, feature_type, sessions, completed, scored, score_sum, duration_seconds,
    clarity_count, clarity_sum, pace_count, pace_sum, confidence_count, confidence_sum, tone_count, tone_sum,
    first_used_at, last_used_at
"""

QUARTER_SUMS = """
    count(*), count(*) filter (where completed), count(score), coalesce(sum(score), 0),
    coalesce(sum(duration_seconds), 0), count(clarity), coalesce(sum(clarity), 0), count(pace),
    coalesce(sum(pace), 0), count(confidence), coalesce(sum(confidence), 0), count(tone),
    coalesce(sum(tone), 0), min(created_at), max(created_at)
"""
"""The sessions of one quarter, in the order of `QUARTER_COLUMNS`. They belong to when they were created."""


async def take_batches(connection: Connection, events: int, batches: int) -> list[Record]:
    """The oldest batches, taken from those that wait: they count as folded if this transaction commits.

    At least one, if there is any; then as many as hold about so many events.
    """
    return await connection.fetch(
        """
        delete from pending_event_batches
        where id in (
            select id
            from (
                select id, sum(events) over (order by id) - events as events_before
                from (select id, events from pending_event_batches order by id limit $2) as oldest
            ) as counted
            where events_before < $1
        )
        returning id, created_at, events
        """,
        events,
        batches,
    )


async def fold_events(
    connection: Connection, batches: Sequence[int], earliest: datetime, latest: datetime
) -> None:
    """Adds the events of the batches to the learners' days.

    `earliest` and `latest` bound when the batches were received, and so the partitions. Accounts are held
    first, so that none is deleted meanwhile; what was received from one that is gone goes too.
    """
    await connection.execute(
        f"""
        with counted as materialized (
            select user_id, feature_type, (occurred_at at time zone 'UTC')::date as day, count(*) as events
            from analytics_events
            cross join lateral {FEATURES_OF_EVENT.format(features="$4")}
            where batch = any($1::bigint[]) and created_at between $2 and $3 and feature_type is not null
            group by 1, 2, 3
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
        """,  # noqa: S608 - the fragment is the one above
        batches,
        earliest,
        latest,
        FEATURE_TYPES,
    )


async def take_stale_quarters(connection: Connection, limit: int) -> list[Record]:
    """Quarters that must be computed again; their marks are gone if this transaction commits."""
    return await connection.fetch(
        """
        with taken as (
            delete from stale_learner_quarters
            where id in (select id from stale_learner_quarters order by id limit $1)
            returning user_id, quarter, feature_type
        )
        select distinct user_id, quarter, feature_type from taken
        """,
        limit,
    )


async def hold_accounts(connection: Connection, stale: Sequence[Record]) -> None:
    """Lets nobody delete the accounts of these quarters until the transaction ends."""
    await connection.execute(
        "select from users where id = any($1::uuid[]) order by id for key share",
        [row["user_id"] for row in stale],
    )


async def drop_empty_quarters(connection: Connection, stale: Sequence[Record]) -> None:
    """Removes those of the quarters that hold no session any more."""
    await connection.execute(
        """
        delete from learner_quarters as known
        using unnest($1::uuid[], $2::timestamptz[], $3::text[]) as stale (user_id, quarter, feature_type)
        where known.user_id = stale.user_id and known.quarter = stale.quarter
          and known.feature_type = stale.feature_type
          and not exists (
              select
              from sessions
              where sessions.user_id = stale.user_id and sessions.created_at >= stale.quarter
                and sessions.created_at < stale.quarter + interval '15 minutes'
                and sessions.feature_type = stale.feature_type
          )
        """,
        *_columns(stale),
    )


async def compute_quarters(connection: Connection, stale: Sequence[Record]) -> None:
    """Computes the quarters from their sessions, whatever stood there before: safe to repeat."""
    await connection.execute(
        f"""
        insert into learner_quarters as known ({QUARTER_COLUMNS})
        select sessions.user_id, stale.quarter, sessions.feature_type, {QUARTER_SUMS}
        from unnest($1::uuid[], $2::timestamptz[], $3::text[]) as stale (user_id, quarter, feature_type)
        join sessions
          on sessions.user_id = stale.user_id and sessions.created_at >= stale.quarter
         and sessions.created_at < stale.quarter + interval '15 minutes'
         and sessions.feature_type = stale.feature_type
        group by 1, 2, 3
        order by 1, 2, 3
        on conflict (user_id, quarter, feature_type) do update
        set sessions = excluded.sessions, completed = excluded.completed, scored = excluded.scored,
            score_sum = excluded.score_sum, duration_seconds = excluded.duration_seconds,
            clarity_count = excluded.clarity_count, clarity_sum = excluded.clarity_sum,
            pace_count = excluded.pace_count, pace_sum = excluded.pace_sum,
            confidence_count = excluded.confidence_count, confidence_sum = excluded.confidence_sum,
            tone_count = excluded.tone_count, tone_sum = excluded.tone_sum,
            first_used_at = excluded.first_used_at, last_used_at = excluded.last_used_at
        """,  # noqa: S608 - the fragments are those above
        *_columns(stale),
    )


async def shown_until(connection: Connection) -> datetime:
    """When the oldest change was made that no roll-up shows yet; now, when they show everything."""
    moment: datetime = await connection.fetchval(
        """
        select least(
            (select created_at from pending_event_batches order by id limit 1),
            (select created_at from stale_learner_quarters order by id limit 1),
            statement_timestamp()
        )
        """
    )
    return moment


def _columns(stale: Sequence[Record]) -> tuple[list[UUID], list[datetime], list[str]]:
    return (
        [row["user_id"] for row in stale],
        [row["quarter"] for row in stale],
        [row["feature_type"] for row in stale],
    )
