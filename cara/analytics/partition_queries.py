"""SQL of the partitions of raw events: one function a statement."""

from __future__ import annotations

from datetime import date

from cara.postgres.database import Connection


async def partition_names(connection: Connection) -> list[str]:
    """The partitions that exist, oldest first."""
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


async def drop_partition(connection: Connection, name: str) -> None:
    """Drops a partition by a name that `partition_names` gave."""
    await connection.execute(f'drop table "{name}"')


async def waits_to_be_folded(connection: Connection, before: date) -> bool:
    """Whether events that were received before this day (UTC) are not in the roll-ups yet."""
    waits: bool = await connection.fetchval(
        """
        select exists (
            select from pending_event_batches where created_at < $1::date::timestamp at time zone 'UTC'
        )
        """,
        before,
    )
    return waits


async def recomputable_from(connection: Connection) -> date:
    """The first day whose events are all still there; `date.min` while none were dropped."""
    day: date = await connection.fetchval("select recomputable_from from rollup_limits")
    return day


async def limit_recomputing(connection: Connection, first_day: date) -> None:
    """Notes that events of days before this one are gone."""
    await connection.execute(
        "update rollup_limits set recomputable_from = greatest(recomputable_from, $1)", first_day
    )
