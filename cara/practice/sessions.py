"""The rules of practice sessions."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cara.errors import Conflict, FieldProblem, InvalidInput, NotFound, Outdated
from cara.postgres.database import Connection, Record, new_id
from cara.practice import queries
from cara.practice.schemas import NewSession, SessionsQuery
from cara.users.progress import award_completion


class SessionNotFound(NotFound):
    detail = "There is no such practice session."


class SessionCompleted(Conflict):
    code = "session_completed"
    detail = "A completed session stays completed."


async def open_session(connection: Connection, user_id: UUID, new: NewSession) -> Record:
    """Creates a session of the learner."""
    return await queries.insert_session(
        connection, user_id, new_id(), new.feature_type, new.title, new.description
    )


async def change_session(
    connection: Connection,
    user_id: UUID,
    session_id: UUID,
    changes: dict[str, Any],
    *,
    expected_version: int | None = None,
) -> Record:
    """Applies the changes in the transaction of the caller; the first completion awards XP.

    Raises:
        SessionNotFound: the learner has no such session.
        Outdated: the session has another version than the expected one.
        SessionCompleted: the change would undo a completion.
    """
    session = await queries.lock_session(connection, user_id, session_id)
    if session is None:
        raise SessionNotFound
    if expected_version is not None and session["version"] != expected_version:
        raise Outdated
    if session["completed"] and changes.get("completed") is False:
        raise SessionCompleted
    if not changes:
        return session
    completed = changes.get("completed", session["completed"])
    changed = await queries.update_session(connection, user_id, session_id, changes, completed=completed)
    if changed["completed"] and not session["completed"]:
        await award_completion(
            connection,
            user_id,
            score=changed["score"],
            duration_seconds=changed["duration_seconds"],
            completed_at=changed["completed_at"],
        )
    return changed


async def page_of_sessions(
    connection: Connection, user_id: UUID, query: SessionsQuery
) -> tuple[list[Record], int, str | None]:
    """Returns one page, the number of all matching sessions, and the cursor of the next page, if any."""
    filters = (query.feature_type, query.completed, query.from_, query.to)
    before = decode_cursor(query.cursor) if query.cursor else None
    rows = await queries.sessions_of_user(
        connection, user_id, *filters, before, query.limit + 1, query.offset
    )
    page = rows[: query.limit]
    total = await queries.count_sessions_of_user(connection, user_id, *filters)
    has_more = len(rows) > query.limit
    next_cursor = encode_cursor(page[-1]["created_at"], page[-1]["id"]) if has_more else None
    return page, total, next_cursor


def encode_cursor(created_at: datetime, session_id: UUID) -> str:
    """Returns an opaque cursor for the sessions after this one."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()}|{session_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Returns the creation time and the id that a cursor holds.

    Raises:
        InvalidInput: `encode_cursor` did not make the cursor.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        created, _, session_id = base64.urlsafe_b64decode(padded.encode("ascii")).decode().partition("|")
        created_at = datetime.fromisoformat(created)
        if created_at.tzinfo is None:
            raise ValueError("no time zone")
        return created_at.astimezone(UTC), UUID(session_id)
    except (ValueError, binascii.Error, OverflowError):
        raise InvalidInput(
            "The cursor is not valid.",
            fields=(FieldProblem("cursor", "format", "must be one that this service has issued"),),
        ) from None
