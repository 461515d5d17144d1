"""SQL of raw events: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from cara.analytics.schemas import IncomingEvent, clamp_timestamp
from cara.postgres.database import Connection, Record

_WRITERS_LOCK = 0x0CA7A_E0E
"""The advisory lock that writers hold around the end of a month."""

_INSERT_EVENTS = """
    with incoming as (
        select event.user_id, event.id, event.event_type, event.metadata, event.occurred_at, event.number
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::json[], $5::timestamptz[]) with ordinality
            as event (user_id, id, event_type, metadata, occurred_at, number)
        join users on users.id = event.user_id
    ), fresh as materialized (
        select user_id, id, event_type, metadata, occurred_at, number
        from incoming
        where not exists (
            select
            from analytics_events as earlier
            where earlier.user_id = incoming.user_id and earlier.id = incoming.id
        )
    ), batch as (
        insert into pending_event_batches (events, created_at)
        select count(*), $6 from fresh having count(*) > 0
        returning id
    )
    insert into analytics_events (user_id, id, event_type, metadata, occurred_at, created_at, batch)
    select fresh.user_id, fresh.id, event_type, metadata, occurred_at, $6, batch.id
    from fresh, batch
    order by fresh.user_id, fresh.id, fresh.number
    on conflict do nothing
    returning user_id, id
"""


async def insert_events(
    connection: Connection, events: Sequence[IncomingEvent], received_at: datetime
) -> list[Record]:
    """Stores the events that are new, as one batch for the roll-ups; returns the keys of these.

    Of two copies in one month the primary key of the partition keeps one, of those in `events` the first; for
    a copy in another month the statement probes the key of each partition. Rows are inserted in the order of
    their key, so that two writers with the same events wait for each other and never deadlock. Events of
    deleted accounts are dropped.
    """
    user_ids, ids, types, metadata, occurred_at = zip(*events, strict=True)
    clamped = [clamp_timestamp(instant, received_at) for instant in occurred_at]
    return await connection.fetch(_INSERT_EVENTS, user_ids, ids, types, metadata, clamped, received_at)


async def serialize_writers(connection: Connection) -> None:
    """Keeps other writers that call this from writing until the transaction ends."""
    await connection.execute("select pg_advisory_xact_lock($1)", _WRITERS_LOCK)


async def create_partition(connection: Connection, day: date) -> None:
    """Creates the partition of the day's month, if it is missing."""
    await connection.execute("select create_analytics_partition($1)", day)


async def event_of_user(connection: Connection, user_id: UUID, event_id: UUID) -> Record | None:
    """Returns the event as it was first stored."""
    return await connection.fetchrow(
        """
        select user_id, id, event_type, metadata, occurred_at, created_at
        from analytics_events
        where user_id = $1 and id = $2
        """,
        user_id,
        event_id,
    )


async def partition_names(connection: Connection) -> list[str]:
    """Returns the partitions that exist, oldest first."""
    rows = await connection.fetch(
        """
        select child.relname as name
        from pg_inherits
        join pg_class as child on child.oid = pg_inherits.inhrelid
        where pg_inherits.inhparent = 'analytics_events'::regclass
        order by child.relname
        """
    )
    return [row["name"] for row in rows]


async def lock_partition(connection: Connection, name: str) -> None:
    """Waits until no other statement uses the partition, and keeps all from using it: as dropping it does.

    The table that it is a partition of is locked first, by which reads of all partitions come to it.
    """
    await connection.execute(f'lock table only analytics_events, "{name}" in access exclusive mode')


async def drop_partition(connection: Connection, name: str) -> None:
    """Drops a partition by a name that `partition_names` returned."""
    await connection.execute(f'drop table "{name}"')
