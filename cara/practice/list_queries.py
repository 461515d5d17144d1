"""SQL of lists of practice sessions: one function a statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cara.postgres.database import Connection, Record


async def sessions_of_user(
    connection: Connection,
    user_id: UUID,
    feature_type: str | None,
    completed: bool | None,
    practiced_from: datetime | None,
    practiced_to: datetime | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
    offset: int,
) -> list[Record]:
    """Returns a page, newest practice first, without transcripts and feedback.

    Reads the index (user_id, practiced_at, id).
    """
    return await connection.fetch(
        """
        select id, user_id, feature_type, title, description, goal, duration_seconds, score, completed,
               completed_at, clarity, pace, confidence, tone, words_per_minute, fillers_per_100_words,
               hedges_per_100_words, pauses_per_minute, practiced_at, created_at, updated_at
        from sessions
        where user_id = $1
          and ($2::text is null or feature_type = $2)
          and ($3::boolean is null or completed = $3)
          and ($4::timestamptz is null or practiced_at >= $4)
          and ($5::timestamptz is null or practiced_at < $5)
          and ($6::timestamptz is null or (practiced_at, id) < ($6, $7::uuid))
        order by practiced_at desc, id desc
        limit $8 offset $9
        """,
        user_id,
        feature_type,
        completed,
        practiced_from,
        practiced_to,
        *(before or (None, None)),
        limit,
        offset,
    )


async def count_sessions_of_user(
    connection: Connection,
    user_id: UUID,
    feature_type: str | None,
    completed: bool | None,
    practiced_from: datetime | None,
    practiced_to: datetime | None,
) -> int:
    count: int = await connection.fetchval(
        """
        select count(*)
        from sessions
        where user_id = $1
          and ($2::text is null or feature_type = $2)
          and ($3::boolean is null or completed = $3)
          and ($4::timestamptz is null or practiced_at >= $4)
          and ($5::timestamptz is null or practiced_at < $5)
        """,
        user_id,
        feature_type,
        completed,
        practiced_from,
        practiced_to,
    )
    return count
