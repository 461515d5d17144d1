"""HTTP of practice sessions."""

import re
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field

from cara.errors import Outdated
from cara.jobs import queries as jobs
from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Connection, Database, Record
from cara.practice import queries, sessions
from cara.practice.schemas import (
    NewSession,
    PracticeSession,
    SessionChanges,
    SessionPage,
    SessionsQuery,
    SessionSummary,
)
from cara.practice.sessions import SessionCompleted, SessionNotFound
from cara.redis.queue import RollupNotifier
from cara.web.guard import Caller
from cara.web.handlers import Header
from cara.web.json_body import BODY_BYTES
from cara.web.models import ApiResponse
from cara.web.routing import Route
from cara.web.storage_limit import StorageLimit, StorageLimitReached

SessionId = Annotated[UUID, Field(description="The `id` of a session of yours.")]

IF_MATCH = Header("If-Match", "The ETag of what was read: refused when it has changed since.")


async def open_session(
    request: web.Request,
    caller: Caller,
    connection: Connection,
    rollup_notifier: RollupNotifier,
    storage: StorageLimit,
    body: NewSession,
) -> ApiResponse[PracticeSession]:
    """Open a practice session.

    It belongs to the day on which it is opened.
    """
    await storage.count(caller.user_id, request[BODY_BYTES])
    session = await sessions.open_session(connection, caller.user_id, body)
    rollup_notifier.wake()
    return _session_response(session, {"Location": f"/api/sessions/{session['id']}"})


async def list_sessions(caller: Caller, connection: Connection, query: SessionsQuery) -> SessionPage:
    """List your sessions, newest first, without transcripts and feedback.

    Page by `offset`, or by `cursor` where sessions may be added meanwhile: `nextCursor` leads on.
    """
    page, total, next_cursor = await sessions.page_of_sessions(connection, caller.user_id, query)
    return SessionPage(
        sessions=[SessionSummary.model_validate(dict(row)) for row in page],
        total=total,
        limit=query.limit,
        offset=query.offset,
        next_cursor=next_cursor,
    )


async def read_session(caller: Caller, connection: Connection, id: SessionId) -> ApiResponse[PracticeSession]:
    """Read one session with its transcript, its feedback and its live feedback job.

    While a job for feedback on it is under way, `liveJobId` names that.
    """
    session = await queries.session_of_user(connection, caller.user_id, id)
    if session is None:
        raise SessionNotFound
    live_job = await jobs.live_job_of_session(connection, caller.user_id, id)
    return _session_response(session, live_job=live_job)


async def change_session(
    request: web.Request,
    caller: Caller,
    connection: Connection,
    rollup_notifier: RollupNotifier,
    storage: StorageLimit,
    id: SessionId,
    body: SessionChanges,
    if_match: Annotated[str | None, IF_MATCH],
) -> ApiResponse[PracticeSession]:
    """Change a session.

    Members that are left out stay as they are, null clears them. `completed: true` awards XP and moves the
    streak, once. With `If-Match` it is refused when the session has changed since.
    """
    version = _expected_version(if_match)
    await storage.count(caller.user_id, request[BODY_BYTES])
    async with connection.transaction():
        session = await sessions.change_session(
            connection, caller.user_id, id, body.provided(), expected_version=version
        )
        live_job = await jobs.live_job_of_session(connection, caller.user_id, id)
    rollup_notifier.wake()
    return _session_response(session, live_job=live_job)


async def delete_session(
    caller: Caller,
    database: Database,
    job_notifier: JobNotifier,
    rollup_notifier: RollupNotifier,
    id: SessionId,
) -> None:
    """Delete a session and its feedback.

    A job for feedback on it ends. XP and streak stay.
    """
    async with database.acquire() as connection:
        job_ids = await queries.delete_session(connection, caller.user_id, id)
    if job_ids is None:
        raise SessionNotFound
    rollup_notifier.wake()
    if job_ids:
        await job_notifier.deleted(job_ids)


def _session_response(
    session: Record, headers: dict[str, str] | None = None, live_job: UUID | None = None
) -> ApiResponse[PracticeSession]:
    model = PracticeSession.model_validate({**session, "live_job_id": live_job})
    return ApiResponse(model, headers={"ETag": f'"{session["version"]}"', **(headers or {})})


def _expected_version(if_match: str | None) -> int | None:
    """Returns the version that If-Match (RFC 9110) requires.

    Raises:
        Outdated: the tag is not one of a session: it matches no version.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tag = re.fullmatch(r'\s*"(\d{1,9})"\s*', if_match)
    if tag is None:
        raise Outdated
    return int(tag[1])


ROUTES = [
    Route(
        "POST",
        "/api/sessions",
        open_session,
        tag="Sessions",
        status=201,
        errors=(StorageLimitReached,),
        headers={201: ("Location", "ETag")},
    ),
    Route("GET", "/api/sessions", list_sessions, tag="Sessions"),
    Route(
        "GET",
        "/api/sessions/{id}",
        read_session,
        tag="Sessions",
        errors=(SessionNotFound,),
        headers={200: ("ETag",)},
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
        errors=(SessionNotFound,),
    ),
]
