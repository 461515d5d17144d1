"""SQL of lists of practice sessions: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
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
               completed_at, clarity, pace, confidence, tone, practiced_at, created_at, updated_at
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


async def measures_of_sessions(
    connection: Connection, user_id: UUID, session_ids: Sequence[UUID]
) -> list[Record]:
    """Returns what lists show of the newest job's feedback, for the sessions that have feedback.

    Reads tables of feedback within one snapshot: which job is newer decides which feedback counts.
    """
    return await connection.fetch(
        """
        select distinct on (feedback.session_id)
               feedback.session_id, words_per_minute, fillers_per_100_words
        from feedback
        join feedback_jobs as jobs on jobs.user_id = feedback.user_id and jobs.id = feedback.job_id
        where feedback.user_id = $1 and feedback.session_id = any($2::uuid[])
        order by feedback.session_id, jobs.created_at desc, jobs.id desc
        """,
        user_id,
        session_ids,
    )
