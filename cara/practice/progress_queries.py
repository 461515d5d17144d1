"""SQL of what a learner has gained: XP, level, streak."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cara.database import Connection, Record, one_row


async def lock_progress(connection: Connection, user_id: UUID) -> Record:
    """The learner's progress, held until the transaction ends: completions come one after another."""
    return await one_row(
        connection,
        """
        select xp, streak, longest_streak, last_practice_at, streak_started_at, timezone
        from users
        where id = $1
        for no key update
        """,
        user_id,
    )


async def save_progress(
    connection: Connection,
    user_id: UUID,
    xp: int,
    level: int,
    streak: int,
    longest_streak: int,
    last_practice_at: datetime | None,
    streak_started_at: datetime | None,
) -> None:
    await connection.execute(
        """
        update users
        set xp = $2, level = $3, streak = $4, longest_streak = $5, last_practice_at = $6,
            streak_started_at = $7, updated_at = now()
        where id = $1
        """,
        user_id,
        xp,
        level,
        streak,
        longest_streak,
        last_practice_at,
        streak_started_at,
    )
