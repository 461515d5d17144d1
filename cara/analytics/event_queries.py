"""SQL of raw events: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from cara.analytics.arrivals import Arrival, believed_time
from cara.postgres.database import Connection, Record

_WRITERS_LOCK = 0x0CA7A_E0E
"""The advisory lock that writers hold while a month turns."""


_INSERT_EVENTS = """
    with arrived as (
        select arrival.*
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[])
            as arrival (user_id, id, event_type, metadata, occurred_at)
        join users on users.id = arrival.user_id
    ), fresh as materialized (
        select *
        from arrived
        where not exists (
            select
            from analytics_events as earlier
            where earlier.user_id = arrived.user_id and earlier.id = arrived.id
        )
    ), batch as (
        insert into pending_event_batches (events, created_at)
        select count(*), $6 from fresh having count(*) > 0
        returning id
    )
    insert into analytics_events (user_id, id, event_type, metadata, occurred_at, created_at, batch)
    select fresh.user_id, fresh.id, event_type, metadata, occurred_at, $6, batch.id
    from fresh, batch
    order by fresh.user_id, fresh.id
    on conflict do nothing
    returning user_id, id, event_type, metadata, occurred_at, created_at
"""


async def insert_events(
    connection: Connection, arrivals: Sequence[Arrival], received_at: datetime
) -> list[Record]:
    """Stores what is new, as one batch for the roll-ups; returns the new rows.

    Of two copies in one month the primary key of the partition keeps one; a copy of another month is looked
    for, a probe into each partition's key. Rows go in in the order of their key,
    so that two writers with the same events wait for each other and never deadlock. Events of an account
    that is gone are dropped.
    """
    return await connection.fetch(
        _INSERT_EVENTS,
        [arrival.user_id for arrival in arrivals],
        [arrival.event_id for arrival in arrivals],
        [arrival.event_type for arrival in arrivals],
        [arrival.metadata for arrival in arrivals],
        [believed_time(arrival.occurred_at, received_at) for arrival in arrivals],
        received_at,
    )


async def let_writers_pass_singly(connection: Connection) -> None:
    """Keeps other writers that call this too out, until the transaction ends."""
    await connection.execute("select pg_advisory_xact_lock($1)", _WRITERS_LOCK)


async def create_partition(connection: Connection, day: date) -> None:
    """Makes the partition of the day's month, if it is missing."""
    await connection.execute("select create_analytics_partition($1)", day)


async def event_of_user(connection: Connection, user_id: UUID, event_id: UUID) -> Record | None:
    """The stored copy of an event."""
    return await connection.fetchrow(
        """
        select user_id, id, event_type, metadata, occurred_at, created_at
        from analytics_events
        where user_id = $1 and id = $2
        """,
        user_id,
        event_id,
    )
