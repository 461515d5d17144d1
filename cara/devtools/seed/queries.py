"""SQL of seeding, which alone writes into the past: one function a statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cara.devtools.seed.practice import PastSession
from cara.postgres.database import Connection


async def join_in_the_past(connection: Connection, user_id: UUID, joined_at: datetime) -> None:
    await connection.execute("update users set created_at = $2 where id = $1", user_id, joined_at)


async def insert_past_session(
    connection: Connection, user_id: UUID, session_id: UUID, past: PastSession
) -> None:
    """A completed session. It counts as changed now, so that roll-ups find it."""
    await connection.execute(
        """
        insert into sessions
            (user_id, id, feature_type, title, duration_seconds, score, clarity, pace, confidence,
             transcript, completed, completed_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, true, $11, $12)
        """,
        user_id,
        session_id,
        past.feature_type,
        past.title,
        past.duration_seconds,
        past.scores["overall"],
        past.scores["clarity"],
        past.scores["pace"],
        past.scores["confidence"],
        past.transcript,
        past.completed_at,
        past.started_at,
    )
