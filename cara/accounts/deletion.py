"""Deleting an account, with everything that is stored of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from cara.accounts import audit, audit_queries, queries
from cara.accounts.visitors import Visitor
from cara.database import Connection, Database, DatabaseBusy

ATTEMPTS = 3


class Stories(Protocol):
    """What is told of jobs beside the database, for a while; the feedback feature provides it."""

    async def forget(self, job_ids: Sequence[UUID]) -> None:
        """Empties the stories of jobs that were deleted; never fails, and never waits long."""


async def delete_account(database: Database, stories: Stories, user_id: UUID, request_id: str | None) -> None:
    """Deletes the user and all that is stored of them; what stays is one entry that an account was deleted.

    Whoever works for the user at the same moment locks session, job and quota in this order, and so does
    this. What comes into being in between can still make PostgreSQL end one of the two: hence the attempts.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.transaction() as connection:
                job_ids = await _delete(connection, user_id, request_id)
            break
        except DatabaseBusy:
            if attempt == ATTEMPTS:
                raise
    await stories.forget(job_ids)


async def _delete(connection: Connection, user_id: UUID, request_id: str | None) -> list[UUID]:
    """The user's jobs of which a story may still be kept."""
    await queries.lock_work_of_user(connection, user_id)
    job_ids = await queries.recent_jobs_of_user(connection, user_id)
    if await queries.delete_user(connection, user_id):
        await audit_queries.delete_entries_of_user(connection, user_id)
        await audit.record(connection, "deleted", Visitor(request_id=request_id))
    return job_ids
