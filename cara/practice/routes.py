"""HTTP of practice sessions."""

import re
from collections.abc import Collection
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field

from cara.errors import Outdated
from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Connection, Database, Record
from cara.practice import queries, sessions
from cara.practice.schemas import (
    NewSession,
    PracticeSession,
    SessionChanges,
    SessionPage,
    SessionsQuery,
    practice_session,
    session_summary,
)
from cara.practice.sessions import OpenedSessionDeleted, SessionCompleted, SessionNotFound
from cara.redis.queue import RollupNotifier
from cara.web.entity_tags import EntityTags, IfMatch, IfNoneMatch
from cara.web.guard import Caller
from cara.web.idempotency import IdempotencyConflict, IdempotencyKey
from cara.web.json_body import BODY_BYTES
from cara.web.models import ApiResponse
from cara.web.routing import Route
from cara.web.storage_limit import StorageLimit, StorageLimitReached

_TAG = re.compile(r"([1-9][0-9]{0,9})(?:-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
"""An entity tag: the version of the session, and the live job that the answer names beside it."""

SessionId = Annotated[UUID, Field(description="The `id` of a session of yours.")]


async def open_session(
    request: web.Request,
    caller: Caller,
    connection: Connection,
    rollup_notifier: RollupNotifier,
    storage: StorageLimit,
    body: NewSession,
    idempotency_key: IdempotencyKey,
) -> ApiResponse[PracticeSession]:
    """Open a practice session.

    The same `Idempotency-Key` with the same body is answered by the session that it opened, as it is now; 404
    says that this session has been deleted. A key is remembered for 30 days.
    """
    if idempotency_key and (
        opened := await sessions.session_of_key(connection, caller.user_id, body, idempotency_key)
    ):
        return _session_response(opened, location=True)
    await storage.count(caller.user_id, request[BODY_BYTES], rows=2 if idempotency_key else 1)
    session = await sessions.open_session(connection, caller.user_id, body, idempotency_key)
    rollup_notifier.wake()
    return _session_response(session, location=True)


async def list_sessions(
    caller: Caller, connection: Connection, query: SessionsQuery
) -> ApiResponse[SessionPage]:
    """List your sessions, newest practice first, without transcripts and feedback.

    Page by `offset`, or by `cursor` where sessions may be added meanwhile: `nextCursor` leads on.
    """
    page, total, next_cursor = await sessions.page_of_sessions(connection, caller.user_id, query)
    return ApiResponse(
        {
            "sessions": [session_summary(session) for session in page],
            "total": total,
            "limit": query.limit,
            "offset": query.offset,
            "nextCursor": next_cursor,
        }
    )


async def read_session(
    caller: Caller, connection: Connection, id: SessionId, if_none_match: IfNoneMatch
) -> ApiResponse[PracticeSession]:
    """Read one session with its transcript, its feedback and its live feedback job.

    While a job for feedback on it is under way, `liveJobId` names that. With the `ETag` of the last response
    in `If-None-Match`, a session that has not changed is a 304.
    """
    if if_none_match:
        version = await queries.version_of_session(connection, caller.user_id, id)
        if version and if_none_match.match(tag := _tag(version)):
            return ApiResponse(None, status=304, headers={"ETag": tag})
    session = await queries.session_of_user(connection, caller.user_id, id)
    if session is None:
        raise SessionNotFound
    return _session_response(session)


async def change_session(
    request: web.Request,
    caller: Caller,
    connection: Connection,
    rollup_notifier: RollupNotifier,
    storage: StorageLimit,
    id: SessionId,
    body: SessionChanges,
    if_match: IfMatch,
) -> ApiResponse[PracticeSession]:
    """Change a session.

    Members that are left out stay as they are, null clears them. But a transcript that replaces another one
    takes its `durationSeconds` away, unless they are sent along. `completed: true` awards XP and moves the
    streak, once. With `If-Match` it is refused when the session has changed since.
    """
    versions = _expected_versions(if_match)
    await storage.count(caller.user_id, request[BODY_BYTES])
    async with connection.transaction():
        session = await sessions.change_session(
            connection, caller.user_id, id, body.provided(), expected_versions=versions
        )
    rollup_notifier.wake()
    return _session_response(session)


async def delete_session(
    caller: Caller,
    database: Database,
    job_notifier: JobNotifier,
    rollup_notifier: RollupNotifier,
    id: SessionId,
    if_match: IfMatch,
) -> None:
    """Delete a session and its feedback.

    A job for feedback on it ends. XP and streak stay.
    """
    versions = _expected_versions(if_match)
    async with database.acquire() as connection:
        job_ids = await sessions.delete_session(connection, caller.user_id, id, expected_versions=versions)
    rollup_notifier.wake()
    if job_ids:
        await job_notifier.deleted(job_ids)


def _session_response(session: Record, *, location: bool = False) -> ApiResponse[PracticeSession]:
    headers = {"ETag": _tag(session)}
    if location:
        headers["Location"] = f"/api/sessions/{session['id']}"
    return ApiResponse(practice_session(session), headers=headers)


def _tag(session: Record) -> str:
    """Returns the entity tag of an answer: a job begins and ends without changing the version."""
    version, live_job = session["version"], session["live_job_id"]
    return f'"{version}-{live_job}"' if live_job else f'"{version}"'


def _expected_versions(if_match: EntityTags | None) -> Collection[int] | None:
    """Returns the versions that If-Match names, whatever jobs were live then; None if any will do.

    Raises:
        Outdated: the field is malformed.
    """
    if if_match is None or if_match.anything:
        return None
    if not if_match.opaque:
        raise Outdated("If-Match must hold the ETag as it was received, with its quotation marks, or `*`.")
    return [int(tag[1]) for tag in map(_TAG.fullmatch, if_match.opaque) if tag]


ROUTES = [
    Route(
        "POST",
        "/api/sessions",
        open_session,
        tag="Sessions",
        status=201,
        errors=(StorageLimitReached, IdempotencyConflict, OpenedSessionDeleted),
        headers={201: ("Location", "ETag")},
    ),
    Route("GET", "/api/sessions", list_sessions, tag="Sessions"),
    Route(
        "GET",
        "/api/sessions/{id}",
        read_session,
        tag="Sessions",
        responses={200: PracticeSession, 304: None},
        headers={200: ("ETag",), 304: ("ETag",)},
        errors=(SessionNotFound,),
    ),
    Route(
        "PATCH",
        "/api/sessions/{id}",
        change_session,
        tag="Sessions",
        headers={200: ("ETag",)},
        errors=(SessionNotFound, Outdated, SessionCompleted, StorageLimitReached),
    ),
    Route(
        "DELETE",
        "/api/sessions/{id}",
        delete_session,
        tag="Sessions",
        status=204,
        errors=(SessionNotFound, Outdated),
    ),
]
