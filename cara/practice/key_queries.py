"""SQL of the idempotency keys of sessions: one function a statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cara.postgres.database import Connection, Record


async def insert_key(
    connection: Connection, user_id: UUID, key: str, request_hash: bytes, session_id: UUID
) -> bool:
    """Remembers which session the request under this key opens; False when the key is taken.

    Waits for a transaction that inserts the same key: of requests at the same moment one opens the session.
    """
    inserted: bool | None = await connection.fetchval(
        """
        insert into session_keys (user_id, key, request_hash, session_id)
        values ($1, $2, $3, $4)
        on conflict do nothing
        returning true
        """,
        user_id,
        key,
        request_hash,
        session_id,
    )
    return inserted is not None


async def key_of_user(connection: Connection, user_id: UUID, key: str) -> Record | None:
    """Returns the session_id that was opened under this key, and the request_hash."""
    return await connection.fetchrow(
        "select session_id, request_hash from session_keys where user_id = $1 and key = $2", user_id, key
    )


async def delete_keys_before(connection: Connection, before: datetime, limit: int) -> int:
    """Deletes at most `limit` of the keys that were first used before this time; returns how many."""
    deleted = await connection.fetch(
        """
        delete from session_keys
        where ctid = any(array(
            select ctid from session_keys where created_at < $1 order by created_at limit $2
        ))
        returning true
        """,
        before,
        limit,
    )
    return len(deleted)
