"""SQL of feedback and of idempotency keys: one function a statement."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cara.postgres.database import Connection, Record, one_row


async def insert_key(
    connection: Connection, user_id: UUID, key: str, request_hash: bytes, job_id: UUID
) -> bool:
    """Remembers which job was the response to the request under this key; False when the key is taken."""
    inserted: bool | None = await connection.fetchval(
        """
        insert into feedback_keys (user_id, key, request_hash, job_id)
        values ($1, $2, $3, $4)
        on conflict do nothing
        returning true
        """,
        user_id,
        key,
        request_hash,
        job_id,
    )
    return inserted is not None


async def key_of_user(connection: Connection, user_id: UUID, key: str) -> Record | None:
    """Returns the job_id that was the response under this key, and the request_hash."""
    return await connection.fetchrow(
        "select job_id, request_hash from feedback_keys where user_id = $1 and key = $2", user_id, key
    )


async def insert_feedback(
    connection: Connection, user_id: UUID, session_id: UUID, job_id: UUID, feedback: dict[str, Any]
) -> None:
    """Saves the feedback of a job that succeeds in this transaction."""
    overview, breakdown = feedback["overview"], feedback["breakdown"]
    await connection.execute(
        """
        insert into feedback
            (user_id, session_id, job_id, score, score_change, summary, communication, content,
             measures, highlights, action_items, model, prompt_version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        user_id,
        session_id,
        job_id,
        overview["score"],
        overview["scoreChange"],
        overview["summary"],
        breakdown["communication"],
        breakdown["content"],
        feedback["measures"],
        feedback["highlights"],
        feedback["actionItems"],
        feedback["model"],
        feedback["promptVersion"],
    )


async def feedback_of_job(connection: Connection, user_id: UUID, job_id: UUID) -> Record | None:
    """Returns the feedback that the job wrote; None unless it succeeded."""
    return await connection.fetchrow(
        """
        select score, score_change, summary, communication, content, measures, highlights, action_items,
               model, prompt_version
        from feedback
        where user_id = $1 and job_id = $2
        """,
        user_id,
        job_id,
    )


async def known_to_judge(
    connection: Connection, user_id: UUID, session_id: UUID, feature_type: str
) -> Record:
    """Returns the goal of the session, and the action items of the learner's latest feedback on the feature.

    That of the session itself does not count. Both are None where there is none.
    """
    return await one_row(
        connection,
        """
        select (select goal from sessions where user_id = $1 and id = $2) as goal,
               (
                   select action_items
                   from feedback
                   where user_id = $1
                     and job_id = (
                         select id
                         from feedback_jobs
                         where user_id = $1 and feature_type = $3 and session_id <> $2
                           and status = 'succeeded'
                         order by created_at desc, id desc
                         limit 1
                     )
               ) as action_items
        """,
        user_id,
        session_id,
        feature_type,
    )
