"""Deleting an account, with everything that is stored of it."""

from __future__ import annotations

from uuid import UUID

from cara import audit
from cara.accounts import queries
from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Connection, Database, DatabaseBusy
from cara.web.client_info import ClientInfo

ATTEMPTS = 3


async def delete_account(
    database: Database, job_notifier: JobNotifier, user_id: UUID, request_id: str | None
) -> None:
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
    await job_notifier.deleted(job_ids)


async def _delete(connection: Connection, user_id: UUID, request_id: str | None) -> list[UUID]:
    """The user's jobs of which a story may still be kept."""
    await queries.lock_work_of_user(connection, user_id)
    job_ids = await queries.recent_jobs_of_user(connection, user_id)
    if await queries.delete_user(connection, user_id):
        await audit.delete_entries_of_user(connection, user_id)
        await audit.record(connection, "deleted", ClientInfo(request_id=request_id))
    return job_ids
