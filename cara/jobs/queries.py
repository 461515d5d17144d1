"""SQL of feedback jobs: one function a statement."""

from __future__ import annotations

from uuid import UUID

from cara.postgres.database import Connection


async def lock_work_of_user(connection: Connection, user_id: UUID) -> None:
    """Locks the user's sessions, jobs and quota, in the order in which everything else locks them."""
    for table in ("sessions", "feedback_jobs", "quota_days"):
        await connection.execute(f"select from {table} where user_id = $1 for update", user_id)


async def recent_jobs_of_user(connection: Connection, user_id: UUID) -> list[UUID]:
    """Returns the jobs that are live or ended within two hours: Redis keeps events of no others."""
    rows = await connection.fetch(
        """
        select id
        from feedback_jobs
        where user_id = $1 and (finished_at is null or finished_at > now() - interval '2 hours')
        """,
        user_id,
    )
    return [row["id"] for row in rows]
