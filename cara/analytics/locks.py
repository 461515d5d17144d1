"""The locks under which roll-ups and partitions change."""

from __future__ import annotations

from cara.postgres.database import Connection

_ROLLUPS = 0x0CA7A_F01D


async def wait_at_most(connection: Connection, seconds: float) -> None:
    """Bounds every wait for a lock in this transaction.

    What comes later raises asyncpg.LockNotAvailableError when it waits longer.
    """
    await connection.execute("select set_config('lock_timeout', $1, true)", f"{int(seconds * 1000)}ms")


async def take_turn(connection: Connection) -> None:
    """Only one transaction at a time folds or rebuilds: this one, until it ends."""
    await connection.execute("select pg_advisory_xact_lock($1)", _ROLLUPS)
