"""How long accounts keep what nobody needs any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cara import audit
from cara.accounts import refresh_queries
from cara.postgres.database import Connection, Database

BATCH_ROWS = 5_000
"""So many rows at a time, so that no statement holds locks for long."""

Delete = Callable[[Connection, datetime, int], Awaitable[int]]


@dataclass(frozen=True)
class Forgotten:
    """How many rows went."""

    audit_entries: int
    refresh_tokens: int


async def purge_expired(database: Database, *, now: datetime, audit_days: int) -> Forgotten:
    """Deletes audit entries older than so many days, and refresh tokens that have expired."""
    return Forgotten(
        audit_entries=await _in_batches(
            database, audit.delete_entries_before, now - timedelta(days=audit_days)
        ),
        refresh_tokens=await _in_batches(database, refresh_queries.delete_expired_tokens, now),
    )


async def _in_batches(database: Database, delete: Delete, moment: datetime) -> int:
    total = 0
    while True:
        async with database.acquire() as connection:
            deleted = await delete(connection, moment, BATCH_ROWS)
        total += deleted
        if deleted < BATCH_ROWS:
            return total
