"""SQL of the audit trail: one function a statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from cara.database import Connection, Record


async def insert_entry(
    connection: Connection,
    entry_id: UUID,
    user_id: UUID | None,
    action: str,
    address: str | None,
    user_agent: str | None,
    request_id: str | None,
    details: Mapping[str, Any],
) -> None:
    """Holds the user against deletion, or finds them gone: no entry outlives its account under its name."""
    await connection.execute(
        """
        insert into audit_log (id, user_id, action, address, user_agent, request_id, details)
        values ($1, (select id from users where id = $2 for key share), $3, $4, $5, $6, $7)
        """,
        entry_id,
        user_id,
        action,
        address,
        user_agent,
        request_id,
        details,
    )


async def entries_of_user(
    connection: Connection, user_id: UUID, after: UUID | None, limit: int
) -> list[Record]:
    """Newest first; walks the index (user_id, created_at)."""
    return await connection.fetch(
        """
        select id, action, host(address) as address, user_agent, request_id, details, created_at
        from audit_log
        where user_id = $1
          and ($2::uuid is null
               or (created_at, id) < (select created_at, id from audit_log where id = $2 and user_id = $1))
        order by created_at desc, id desc
        limit $3
        """,
        user_id,
        after,
        limit,
    )


async def delete_entries_of_user(connection: Connection, user_id: UUID) -> None:
    await connection.execute("delete from audit_log where user_id = $1", user_id)


async def delete_entries_before(connection: Connection, moment: datetime, limit: int) -> int:
    """Deletes the oldest entries, so many at a time; returns how many there were."""
    deleted = await connection.fetch(
        """
        delete from audit_log
        where id in (select id from audit_log where created_at < $1 order by created_at limit $2)
        returning true
        """,
        moment,
        limit,
    )
    return len(deleted)
