"""The audit trail: who did what with an account, from where."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from cara.accounts import audit_queries
from cara.accounts.visitors import Visitor
from cara.database import Connection, Record
from cara.identifiers import new_id

Action = Literal[
    "registered",
    "signed_in",
    "sign_in_failed",
    "refresh_reused",
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

NOBODY = Visitor()
"""For what happens at a terminal rather than through a request."""


async def record(
    connection: Connection,
    action: Action,
    visitor: Visitor,
    user_id: UUID | None = None,
    **details: str | int | bool,
) -> None:
    """Writes one entry, on the connection's transaction if there is one.

    What must be kept although the request is refused belongs on a connection of its own. An entry for an
    account that is gone by then names nobody.
    """
    await audit_queries.insert_entry(
        connection,
        new_id(),
        user_id,
        action,
        visitor.address,
        visitor.user_agent,
        visitor.request_id,
        details,
    )


async def page_of_entries(
    connection: Connection, user_id: UUID, after: UUID | None, limit: int
) -> tuple[list[Record], UUID | None]:
    """A user's entries, newest first, behind the given one; and what the next page begins behind, if any."""
    rows = await audit_queries.entries_of_user(connection, user_id, after, limit + 1)
    return rows[:limit], rows[limit - 1]["id"] if len(rows) > limit else None
