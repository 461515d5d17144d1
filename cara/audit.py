"""The audit trail: who did what with an account, from where."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from cara.postgres.database import Connection, Record, new_id
from cara.web.client_info import ClientInfo

Action = Literal[
    "registered",
    "signed_in",
    "sign_in_failed",
    "sign_in_refused",
    "registration_refused",
    "reauthenticated",
    "reauthentication_failed",
    "refreshed",
    "refresh_reused",
    "refresh_mixed_owners",
    "family_ended_for_room",
    "signed_out",
    "signed_out_everywhere",
    "password_changed",
    "password_change_failed",
    "exported",
    "deleted",
    "made_admin",
    "quota_set",
    "admin_read",
]

SYSTEM = ClientInfo()
"""The client of what is done at a terminal rather than through a request."""


async def record(
    connection: Connection,
    action: Action,
    client: ClientInfo,
    user_id: UUID | None = None,
    **details: str | int | bool,
) -> None:
    """Writes one entry, in the connection's transaction if there is one.

    An entry that must be kept although the request is refused belongs on a connection of its own. The
    statement locks the user against deletion, or finds that the user is gone and names nobody: no entry
    outlives its account under its name.
    """
    await connection.execute(
        """
        insert into audit_log (id, user_id, action, address, user_agent, request_id, details)
        values ($1, (select id from users where id = $2 for key share), $3, $4, $5, $6, $7)
        """,
        new_id(),
        user_id,
        action,
        client.address,
        client.user_agent,
        client.request_id,
        details,
    )


async def page_of_entries(
    connection: Connection, user_id: UUID, after: UUID | None, limit: int
) -> tuple[list[Record], UUID | None]:
    """Returns a user's entries after the given one, newest first, and the cursor of the next page, if any."""
    rows = await _entries_of_user(connection, user_id, after, limit + 1)
    return rows[:limit], rows[limit - 1]["id"] if len(rows) > limit else None


async def _entries_of_user(
    connection: Connection, user_id: UUID, after: UUID | None, limit: int
) -> list[Record]:
    """Walks the index (user_id, created_at)."""
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
    """Deletes every entry that names the user."""
    await connection.execute("delete from audit_log where user_id = $1", user_id)


async def delete_entries_before(connection: Connection, moment: datetime, limit: int) -> int:
    """Deletes at most `limit` of the oldest entries; returns how many there were."""
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
