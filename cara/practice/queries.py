"""SQL of practice sessions: one function a statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from cara.postgres.database import Connection, Record, one_row

_LIVE_JOB = """
    (select feedback_jobs.id
     from feedback_jobs
     where feedback_jobs.user_id = sessions.user_id and session_id = sessions.id
       and status in ('queued', 'running')
     order by feedback_jobs.created_at desc
     limit 1) as live_job_id
"""
_COLUMNS = f"""
    id, user_id, feature_type, title, description, goal, duration_seconds, score, completed, completed_at,
    clarity, pace, confidence, tone, transcript, feedback_json, version, practiced_at, created_at, updated_at,
    {_LIVE_JOB}
"""
"""A session with the newest of its jobs that has not ended."""

_SESSION = f"select {_COLUMNS} from sessions where user_id = $1 and id = $2"  # noqa: S608 - see above
_TAG = f"select version, {_LIVE_JOB} from sessions where user_id = $1 and id = $2"  # noqa: S608 - see above
_INSERT = f"""
    insert into sessions (user_id, id, feature_type, title, description, goal, practiced_at)
    values ($1, $2, $3, $4, $5, $6, coalesce($7, now()))
    returning {_COLUMNS}
"""  # noqa: S608 - see above


async def insert_session(
    connection: Connection,
    user_id: UUID,
    session_id: UUID,
    feature_type: str,
    title: str | None,
    description: str | None,
    goal: dict[str, Any] | None,
    practiced_at: datetime | None,
) -> Record:
    """Inserts a session; without a time of its own it is practised now."""
    return await one_row(
        connection,
        _INSERT,
        user_id,
        session_id,
        feature_type,
        title,
        description,
        goal,
        practiced_at,
    )


async def session_of_user(connection: Connection, user_id: UUID, session_id: UUID) -> Record | None:
    """Returns the session with its live job, both of one moment."""
    return await connection.fetchrow(_SESSION, user_id, session_id)


async def version_of_session(connection: Connection, user_id: UUID, session_id: UUID) -> Record | None:
    """Returns version and live job alone; None if the learner has no such session."""
    return await connection.fetchrow(_TAG, user_id, session_id)


async def lock_session(connection: Connection, user_id: UUID, session_id: UUID) -> Record | None:
    """Locks the session against other changes until the transaction ends; returns what these depend on."""
    return await connection.fetchrow(
        "select version, completed from sessions where user_id = $1 and id = $2 for update",
        user_id,
        session_id,
    )


_TALK = """
    select user_id, id, feature_type, transcript, transcript_format, learner_label, duration_seconds,
           version, completed
    from sessions
    where user_id = $1 and id = $2
"""


async def talk_of_session(connection: Connection, user_id: UUID, session_id: UUID) -> Record | None:
    """Returns what feedback on the session depends on."""
    return await connection.fetchrow(_TALK, user_id, session_id)


async def lock_talk(connection: Connection, user_id: UUID, session_id: UUID) -> Record | None:
    """Locks the session like `lock_session`; returns the same as `talk_of_session`."""
    return await connection.fetchrow(_TALK + "for update", user_id, session_id)


async def hold_session(connection: Connection, user_id: UUID, session_id: UUID) -> None:
    """Locks the session like `lock_session`, without reading it: transcripts are long."""
    await connection.execute(
        "select from sessions where user_id = $1 and id = $2 for update", user_id, session_id
    )


_CHANGEABLE = (
    "title",
    "description",
    "goal",
    "duration_seconds",
    "score",
    "clarity",
    "pace",
    "confidence",
    "tone",
    "words_per_minute",
    "fillers_per_100_words",
    "hedges_per_100_words",
    "pauses_per_minute",
    "fluent_words",
    "transcript",
    "feedback_json",
    "transcript_format",
    "learner_label",
)
_CHANGES = ", ".join(
    f"{column} = case when '{column}' = any($4) then ${place} else {column} end"
    for place, column in enumerate(_CHANGEABLE, 5)
)
_UPDATE = f"""
    update sessions
    set {_CHANGES},
        completed = $3, completed_at = case when $3 then coalesce(completed_at, now()) end,
        version = version + 1, updated_at = now()
    where user_id = $1 and id = $2
    returning {_COLUMNS}
"""  # noqa: S608 - the columns that stand above


async def update_session(
    connection: Connection, user_id: UUID, session_id: UUID, changes: Mapping[str, Any], *, completed: bool
) -> Record:
    """Writes the changed columns of a locked session; the first completion sets `completed_at`.

    `changes` maps names of columns to their new values. Columns that it does not name stay as they are, and
    long ones among them are not written anew.
    """
    values = [changes.get(column) for column in _CHANGEABLE]
    return await one_row(connection, _UPDATE, user_id, session_id, completed, list(changes), *values)


async def session_context(connection: Connection, user_id: UUID, session_id: UUID) -> Record | None:
    """Returns what the coach has to know of a session, without its transcript."""
    return await connection.fetchrow(
        """
        select id, feature_type, title, description,
               coalesce(char_length(transcript), 0) as transcript_characters
        from sessions
        where user_id = $1 and id = $2
        """,
        user_id,
        session_id,
    )


async def is_replaced_by(
    connection: Connection, user_id: UUID, session_id: UUID, transcript: str | None
) -> bool:
    """Returns whether the session has another transcript than this one; blank ones count as none."""
    replaced: bool | None = await connection.fetchval(
        r"""
        select transcript <> $3 and transcript ~ '\S' and $3 ~ '\S'
        from sessions
        where user_id = $1 and id = $2
        """,
        user_id,
        session_id,
        transcript,
    )
    return bool(replaced)


async def append_to_transcript(
    connection: Connection, user_id: UUID, session_id: UUID, lines: str, max_characters: int
) -> bool:
    """Appends all of the lines or none; False if the session does not exist or has no room for them.

    `lines` are labeled turns. What begins with them is read as such from then on, whatever they say.
    """
    appended = await connection.fetchval(
        """
        update sessions
        set transcript = concat_ws(E'\n', nullif(transcript, ''), $3::text),
            transcript_format = case when transcript <> '' then transcript_format else 'labeled' end,
            version = version + 1, updated_at = now()
        where user_id = $1 and id = $2
          and char_length(concat_ws(E'\n', nullif(transcript, ''), $3::text)) <= $4
        returning true
        """,
        user_id,
        session_id,
        lines,
        max_characters,
    )
    return appended is not None


async def delete_session(
    connection: Connection, user_id: UUID, session_id: UUID, versions: Collection[int] | None = None
) -> list[UUID] | None:
    """None when there was none to delete, else its feedback jobs that live or ended within two hours.

    With `versions` a session of any other version stays.
    One statement reads the jobs and deletes the session, so that no job can come in between.
    """
    job_ids: list[UUID] | None = await connection.fetchval(
        """
        delete from sessions
        where user_id = $1 and id = $2 and ($3::bigint[] is null or version = any($3))
        returning array(
            select id
            from feedback_jobs
            where user_id = $1 and session_id = $2
              and (finished_at is null or finished_at > now() - interval '2 hours')
        )
        """,
        user_id,
        session_id,
        versions,
    )
    return job_ids


async def recent_mean_score(
    connection: Connection,
    user_id: UUID,
    feature_type: str,
    session_id: UUID,
    sessions: int,
    *,
    min_fluent_words: int,
) -> float | None:
    """Returns the mean of the last scored sessions of the feature that were practised before this one.

    Those with feedback on fewer fluent words are left out; scores without feedback count.
    """
    mean: float | None = await connection.fetchval(
        """
        select avg(score)
        from (
            select score
            from sessions
            where user_id = $1 and feature_type = $2 and score is not null
              and (fluent_words is null or fluent_words >= $5)
              and (practiced_at, id) < (select practiced_at, id from sessions where user_id = $1 and id = $3)
            order by practiced_at desc, id desc
            limit $4
        ) as recent
        """,
        user_id,
        feature_type,
        session_id,
        sessions,
        min_fluent_words,
    )
    return mean
