"""SQL of learners as every feature knows them: one function a statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cara.postgres.database import Connection, Record, one_row


async def caller_by_id(connection: Connection, user_id: UUID) -> Record | None:
    """What every request needs to know of its caller."""
    return await connection.fetchrow(
        "select id, is_admin, timezone, daily_token_quota, token_generation from users where id = $1",
        user_id,
    )


async def learner_by_id(connection: Connection, user_id: UUID) -> Record | None:
    """The learner's profile and progress."""
    return await connection.fetchrow(
        """
        select id, email, name, role, timezone, level, xp, streak, longest_streak, last_practice_at,
               created_at
        from users
        where id = $1
        """,
        user_id,
    )


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
