"""SQL of learners as every feature knows them: one function a statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cara.postgres.database import Connection, Record, one_row


async def quota_of_user(connection: Connection, user_id: UUID) -> Record | None:
    """Returns the learner's own daily quota, which is null if that of the settings applies."""
    return await connection.fetchrow("select daily_token_quota from users where id = $1", user_id)


async def lock_progress(connection: Connection, user_id: UUID) -> Record:
    """Returns the learner's progress and locks the row until the transaction ends: completions take turns."""
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


async def change_profile(
    connection: Connection,
    user_id: UUID,
    name: str | None,
    role: str | None,
    timezone: str | None,
    *,
    change_role: bool,
) -> Record | None:
    """Returns the learner, and as `changed` the names of the columns that have another value than before.

    None leaves name and time zone as they are; the role can be cleared.
    """
    return await connection.fetchrow(
        """
        with before as (
            select id, name, role, timezone from users where id = $1 for no key update
        )
        update users
        set name = coalesce($2, before.name), role = case when $5 then $3 else before.role end,
            timezone = coalesce($4, before.timezone), updated_at = now()
        from before
        where users.id = before.id
        returning users.id, email, users.name, users.role, users.timezone, level, xp, streak, longest_streak,
                  last_practice_at, created_at,
                  array_remove(array[
                      case when users.name <> before.name then 'name' end,
                      case when users.role is distinct from before.role then 'role' end,
                      case when users.timezone <> before.timezone then 'timezone' end
                  ], null) as changed
        """,
        user_id,
        name,
        role,
        timezone,
        change_role,
    )


async def delete_user(connection: Connection, user_id: UUID) -> bool:
    """Deletes the user with every row that refers to them, and their events by a trigger; False if gone."""
    deleted = await connection.fetchval("delete from users where id = $1 returning true", user_id)
    return deleted is not None
