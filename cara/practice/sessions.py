"""The rules of practice sessions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from cara.errors import Conflict, NotFound, Outdated
from cara.postgres.database import Connection, Record, new_id
from cara.practice import key_queries, list_queries, queries
from cara.practice.list_queries import Filter
from cara.practice.schemas import NewSession, SessionsQuery, stored_goal
from cara.users.progress import award_completion
from cara.web.cursors import decode_cursor, encode_cursor
from cara.web.idempotency import IdempotencyConflict, hash_of_request

KEY_RETENTION = timedelta(days=30)
"""How long the key of a request that opened a session is remembered, at least."""


class SessionNotFound(NotFound):
    detail = "There is no such practice session."


class OpenedSessionDeleted(NotFound):
    detail = (
        "The session that this Idempotency-Key opened has been deleted. Another session needs another key."
    )


class SessionCompleted(Conflict):
    code = "session_completed"
    detail = "A completed session stays completed."


async def open_session(connection: Connection, user_id: UUID, new: NewSession, key: str | None) -> Record:
    """Creates a session of the learner; of requests with one key at the same moment one creates it.

    Raises:
        IdempotencyConflict, OpenedSessionDeleted: as `session_of_key`.
    """
    if key is None:
        return await _insert_session(connection, user_id, new_id(), new)
    session_id = new_id()
    async with connection.transaction():
        if await key_queries.insert_key(connection, user_id, key, hash_of_request(new), session_id):
            return await _insert_session(connection, user_id, session_id, new)
    opened = await session_of_key(connection, user_id, new, key)
    assert opened is not None, "a key is remembered for longer than a request takes"
    return opened


async def session_of_key(connection: Connection, user_id: UUID, new: NewSession, key: str) -> Record | None:
    """Returns the session that the same request opened under this key, as it is now; None if none did.

    Raises:
        IdempotencyConflict: the key was used for another request.
        OpenedSessionDeleted: the session is gone: whoever repeats the request must not bring it back.
    """
    known = await key_queries.key_of_user(connection, user_id, key)
    if known is None:
        return None
    if known["request_hash"] != hash_of_request(new):
        raise IdempotencyConflict
    session = await queries.session_of_user(connection, user_id, known["session_id"])
    if session is None:
        raise OpenedSessionDeleted
    return session


async def _insert_session(connection: Connection, user_id: UUID, session_id: UUID, new: NewSession) -> Record:
    goal = stored_goal(new.goal) if new.goal else None
    return await queries.insert_session(
        connection, user_id, session_id, new.feature_type, new.title, new.description, goal, new.practiced_at
    )


async def change_session(
    connection: Connection,
    user_id: UUID,
    session_id: UUID,
    changes: dict[str, Any],
    *,
    expected_versions: Collection[int] | None = None,
    locked: Record | None = None,
    moves_streak: bool = True,
) -> Record:
    """Applies the changes in the transaction of the caller; the first completion awards XP, and a streak day.

    A transcript that replaces another one takes its duration away, unless the changes have one. `locked` is
    the session's row from `lock_session` or `lock_talk`, if the transaction has locked it.

    Raises:
        SessionNotFound: the learner has no such session.
        Outdated: the session has none of the expected versions.
        SessionCompleted: the change would undo a completion.
    """
    session = locked or await queries.lock_session(connection, user_id, session_id)
    if session is None:
        raise SessionNotFound
    if expected_versions is not None and session["version"] not in expected_versions:
        raise Outdated
    if session["completed"] and changes.get("completed") is False:
        raise SessionCompleted
    if not changes:
        unchanged = await queries.session_of_user(connection, user_id, session_id)
        assert unchanged is not None, "its row is locked"
        return unchanged
    if "transcript" in changes:
        replaced = await queries.is_replaced_by(connection, user_id, session_id, changes["transcript"])
        changes = _without_old_document(changes, replaced=replaced)
    completed = changes.get("completed", session["completed"])
    changed = await queries.update_session(connection, user_id, session_id, changes, completed=completed)
    if changed["completed"] and not session["completed"]:
        await award_completion(
            connection,
            user_id,
            score=changed["score"],
            duration_seconds=changed["duration_seconds"],
            completed_at=changed["completed_at"],
            moves_streak=moves_streak,
        )
    return changed


def _without_old_document(changes: dict[str, Any], *, replaced: bool) -> dict[str, Any]:
    """Adds to a new transcript that what was known of the old one does not hold for it.

    A duration that the session had before any transcript is that of the practice, and stays.
    """
    forgotten = ["transcript_format", "learner_label", *(["duration_seconds"] if replaced else [])]
    return {**dict.fromkeys(forgotten), **changes}


async def delete_session(
    connection: Connection, user_id: UUID, session_id: UUID, *, expected_versions: Collection[int] | None
) -> list[UUID]:
    """Deletes a session and its feedback; returns its jobs of which Redis may still hold events.

    Raises:
        SessionNotFound: the learner has no such session.
        Outdated: the session has none of the expected versions.
    """
    job_ids = await queries.delete_session(connection, user_id, session_id, expected_versions)
    if job_ids is not None:
        return job_ids
    if await queries.version_of_session(connection, user_id, session_id) is None:
        raise SessionNotFound
    raise Outdated


async def page_of_sessions(
    connection: Connection, user_id: UUID, query: SessionsQuery
) -> tuple[list[Record], int, str | None]:
    """Returns one page, the number of all matching sessions, and the cursor of the next page, if any."""
    wanted = Filter(query.feature_type, query.completed, query.from_, query.to)
    before = decode_cursor(query.cursor) if query.cursor else None
    rows, total = await list_queries.page_of_user(
        connection, user_id, wanted, before, query.limit + 1, query.offset
    )
    page = rows[: query.limit]
    has_more = len(rows) > query.limit
    next_cursor = encode_cursor(page[-1]["practiced_at"], page[-1]["id"]) if has_more else None
    return page, total, next_cursor
