"""Deletes accounts with all their data, and what accounts leave behind once it has expired."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from cara import audit
from cara.accounts import queries, refresh_queries
from cara.jobs import queries as jobs
from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Connection, Database
from cara.postgres.errors import DatabaseConflict
from cara.practice import key_queries
from cara.practice.sessions import KEY_RETENTION
from cara.users import queries as users
from cara.web.client_info import ClientInfo

DELETION_SECONDS = 15.0
"""A learner may have hundreds of thousands of events."""

MAX_ATTEMPTS = 3

BATCH_ROWS = 5_000
"""How many rows one statement of the purge deletes at most, so that none holds locks for long."""

BATCH_SECONDS = 15.0


async def delete_account(
    database: Database, job_notifier: JobNotifier, user_id: UUID, request_id: str | None
) -> None:
    """Deletes the user and all their data; what the audit trail keeps names nobody (`docs/audit.md`).

    `request_id` is that of the user's request; None says that an operator deletes the account at a terminal.
    Transactions that work for the user lock session, job and quota in this order, and so does this one. Rows
    that are inserted meanwhile can still cause a deadlock, which PostgreSQL breaks: hence the attempts.

    Raises:
        DatabaseConflict: the last attempt ended in a deadlock too.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            async with database.transaction(seconds=DELETION_SECONDS) as connection:
                job_ids = await _delete(connection, user_id, request_id)
            break
        except DatabaseConflict:
            if attempt == MAX_ATTEMPTS:
                raise
    if job_ids:
        await job_notifier.deleted(job_ids)


async def _delete(connection: Connection, user_id: UUID, request_id: str | None) -> list[UUID]:
    """Returns the user's jobs of which Redis may still hold events."""
    await jobs.lock_work_of_user(connection, user_id)
    job_ids = await jobs.recent_jobs_of_user(connection, user_id)
    if await users.delete_user(connection, user_id):
        await audit.anonymize(connection, user_id)
        client = ClientInfo(request_id=request_id)
        await audit.record(connection, "deleted", client, account=audit.pseudonym(user_id))
    return job_ids


class Purged(NamedTuple):
    """How many rows were deleted."""

    audit_entries: int = 0
    refresh_tokens: int = 0
    refresh_families: int = 0
    sign_in_failures: int = 0
    session_keys: int = 0


async def purge_expired(database: Database, *, now: datetime, audit_days: int) -> Purged:
    """Deletes audit entries older than so many days, and what has expired of all that `Purged` counts."""
    total = Purged()
    while True:
        async with database.acquire(seconds=BATCH_SECONDS) as connection:
            deleted = Purged(
                await audit.delete_entries_before(connection, now - timedelta(days=audit_days), BATCH_ROWS),
                await refresh_queries.delete_expired_tokens(connection, now, BATCH_ROWS),
                await refresh_queries.delete_expired_families(connection, now, BATCH_ROWS),
                await queries.delete_expired_failures(connection, BATCH_ROWS),
                await key_queries.delete_keys_before(connection, now - KEY_RETENTION, BATCH_ROWS),
            )
        total = Purged(*(before + more for before, more in zip(total, deleted, strict=True)))
        if max(deleted) < BATCH_ROWS:
            return total
