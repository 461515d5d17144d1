"""Deleting an account, with everything that is stored of it."""

from __future__ import annotations

from uuid import UUID

from cara.accounts import audit, audit_queries, queries
from cara.accounts.visitors import Visitor
from cara.database import Connection, Database, DatabaseBusy

ATTEMPTS = 3


async def delete_account(database: Database, user_id: UUID, request_id: str | None) -> None:
    """Deletes the user and all their rows; what stays is one entry that an account was deleted.

    Whoever works for the user at the same moment locks session, job and quota in this order, and so does
    this. What comes into being in between can still make PostgreSQL end one of the two: hence the attempts.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.transaction() as connection:
                await _delete(connection, user_id, request_id)
            return
        except DatabaseBusy:
            if attempt == ATTEMPTS:
                raise


async def _delete(connection: Connection, user_id: UUID, request_id: str | None) -> None:
    await queries.lock_work_of_user(connection, user_id)
    if not await queries.delete_user(connection, user_id):
        return
    await audit_queries.delete_entries_of_user(connection, user_id)
    await audit.record(connection, "deleted", Visitor(request_id=request_id))
