"""HTTP of feedback jobs."""

import re
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import BeforeValidator, Field

from cara.feedback import inspection_routes
from cara.feedback.events.broker import JobEventBroker, TooManyStreams
from cara.feedback.events.schemas import JOB_EVENTS
from cara.feedback.events.stream import open_job_stream
from cara.feedback.events.tickets import EVENTS_TICKET, Ticket, TicketInvalid, TicketIssuer
from cara.feedback.inspection import LearnerNotKnown, NothingSaid, TooShort, TranscriptUnreadable
from cara.feedback.schemas import EventsQuery, FeedbackJob, FeedbackRequest, JobAccepted, JobPage, JobsQuery
from cara.feedback.work import requests
from cara.feedback.work.requests import FeedbackRequests, JobNotFound, TranscriptChanges, TranscriptMissing
from cara.jobs.notifier import JobNotifier, final_number
from cara.postgres.database import Connection, Database, Record
from cara.practice.sessions import SessionNotFound
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.quota.quota import Quota
from cara.redis.queue import RollupNotifier
from cara.web.context import CALLER_ID
from cara.web.entity_tags import IfNoneMatch
from cara.web.guard import Authenticator, Caller, Claims, bearer_token, confirmed_caller
from cara.web.handlers import Header
from cara.web.idempotency import IdempotencyConflict, IdempotencyKey
from cara.web.models import ApiResponse
from cara.web.rate_limits import RateLimits
from cara.web.routing import BEARER, Route
from cara.web.storage_limit import StorageLimitReached

MAX_WAIT_SECONDS = 30

JobId = Annotated[UUID, Field(description="The `jobId` of a job of yours.")]
LastEventId = Annotated[
    Annotated[int, Field(ge=0, lt=2**53)] | None, BeforeValidator(lambda sent: sent or None)
]
"""Empty is none: some readers of streams send an empty field before they have an id."""

PREFER = Header("Prefer", "`wait=20` waits for the result for up to so many seconds, 30 at most.")
LAST_EVENT_ID = Header("Last-Event-ID", "The id of the last event that was received.")


async def generate_feedback(
    caller: Caller,
    feedback_requests: FeedbackRequests,
    job_notifier: JobNotifier,
    rollup_notifier: RollupNotifier,
    broker: JobEventBroker,
    tickets: TicketIssuer,
    body: FeedbackRequest,
    idempotency_key: IdempotencyKey,
    prefer: Annotated[str | None, PREFER],
) -> ApiResponse[FeedbackJob] | ApiResponse[JobAccepted]:
    """Ask for feedback on a session.

    A transcript may be a file as people have them: WebVTT, SubRip, CHAT, the JSON of a speech recognizer, an
    export of a meeting or a chat, or plain text. Only the learner is judged. What cannot be judged is refused
    before anything is spent: `learner_unknown` lists the speakers, one of whom `learnerLabel` then names.

    A worker writes the feedback: follow the job at `eventsUrl`, or ask for its status at `statusUrl`. Asking
    again while it is under way gets the same job, which goes by the `durationSeconds` of the first request:
    others are stored with the session, and count for the next job. `Prefer: wait=20` answers with the
    finished job if it is done by then.
    """
    requested = await feedback_requests.create(caller, body, idempotency_key)
    job_id = requested.job["id"]
    rollup_notifier.wake()
    if requested.new:
        await job_notifier.enqueued(job_id)
    wait = _wait_seconds(prefer)
    if wait and (done := await broker.finished_within(caller.claims, job_id, wait)):
        return ApiResponse(done, status=200, headers={"Preference-Applied": f"wait={wait}"})
    accepted = _accepted(requested.job, tickets.events_url(caller, job_id))
    return ApiResponse(accepted, headers={"Location": accepted.status_url, "Retry-After": "1"})


async def list_jobs(
    caller: Caller, connection: Connection, tickets: TicketIssuer, query: JobsQuery
) -> JobPage:
    """List your feedback jobs, newest first, without the feedback.

    `sessionId` asks for the jobs of one session, `status` for those in one status. The list is empty for a
    session that is not yours. A live job comes with the address of its events, as after a reload of the page.
    """
    page = await requests.page_of_jobs(connection, caller.user_id, query)
    return page.model_copy(update={"jobs": [tickets.with_events_url(caller, job) for job in page.jobs]})


async def read_job(
    caller: Caller, connection: Connection, tickets: TicketIssuer, id: JobId, if_none_match: IfNoneMatch
) -> ApiResponse[FeedbackJob]:
    """Read a job: how far it is, or what came of it.

    Wait for `Retry-After` before asking again. With the `ETag` of the last response in `If-None-Match`, a
    job that is no further is a 304. The tag depends on the job alone: while the answer is 304, the
    `eventsUrl` that came with an earlier answer works on.
    """
    job = await requests.read_job(connection, caller.user_id, id)
    if job is None:
        raise JobNotFound
    tag = f'"{job.attempts}-{job.stage}-{job.progress}-{job.status}"'
    headers = {"ETag": tag} | ({} if job.finished_at else {"Retry-After": "1"})
    if if_none_match and if_none_match.match(tag):
        return ApiResponse(None, status=304, headers=headers)
    return ApiResponse(tickets.with_events_url(caller, job), headers=headers)


async def cancel_job(
    caller: Caller,
    database: Database,
    quota: Quota,
    job_notifier: JobNotifier,
    tickets: TicketIssuer,
    id: JobId,
) -> FeedbackJob:
    """Cancel a job.

    A queued one never starts, a running one stops at its next step. What it has cost counts.
    """
    async with database.transaction() as connection:
        job = await requests.cancel_job(connection, quota, caller.user_id, id)
    await job_notifier.cancelled(id, ended=job.finished_at is not None, attempts=job.attempts)
    return tickets.with_events_url(caller, job)


async def follow_job(
    request: web.Request,
    database: Database,
    broker: JobEventBroker,
    tickets: TicketIssuer,
    authenticator: Authenticator,
    limits: RateLimits,
    id: JobId,
    query: EventsQuery,
    last_event_id: Annotated[LastEventId, LAST_EVENT_ID],
) -> web.StreamResponse:
    """Follow a job by server-sent events, from the beginning or behind Last-Event-ID.

    Whoever has the `ticket` of `eventsUrl` needs no other token, for an EventSource can send none. A ticket
    is valid for 15 minutes, and for as long as its job lives and 15 minutes more, but never beyond the end of
    the sign-in that it was issued in. Events:

    - `status`: `{"status", "stage", "progress", "attempt"}`, when an attempt begins or ends, or as of now
    - `progress`: `{"stage", "progress", "attempt"}`, in percent
    - `partial`: `{"part", "text", "offset", "attempt"}`, more of a text while it is written; the offset
      counts the Unicode code points of the part that went before
    - `succeeded`, `failed` or `cancelled`: the job, as reading it answers. One of them comes last, and once.

    Comments keep a quiet stream alive. After the end, 204 tells an EventSource not to come back. A stream
    also ends, without such an event, when its sign-in does: coming back is then answered 401.
    """
    ticket = _ticket(request, tickets, id, query.ticket)
    claims = _claims(request, authenticator, ticket)
    request[CALLER_ID] = claims.user_id
    await _count(request, limits, claims, ticket)
    async with database.acquire() as connection:
        caller = await confirmed_caller(request, authenticator, connection, claims)
        job = await requests.read_job(connection, caller.user_id, id)
    if job is None:
        raise JobNotFound
    if ticket:
        ticket.require_valid(job)
    if job.finished_at and last_event_id == final_number(job.attempts):
        return web.Response(status=204)
    return await open_job_stream(broker, request, claims, job, last_event_id or 0)


def _ticket(request: web.Request, tickets: TicketIssuer, job_id: UUID, sent: str | None) -> Ticket | None:
    """Returns the ticket that was sent, if any.

    Some generated clients send the bearer token as both: then what is no ticket does no harm.
    """
    try:
        return None if sent is None else tickets.read(sent, job_id)
    except TicketInvalid:
        if "Authorization" in request.headers:
            return None
        raise


def _claims(request: web.Request, authenticator: Authenticator, ticket: Ticket | None) -> Claims:
    """Returns the claims of the ticket, else of the bearer token."""
    if ticket is None:
        return authenticator.claims(bearer_token(request))
    authenticator.refuse_ended(ticket.claims)
    return ticket.claims


async def _count(request: web.Request, limits: RateLimits, claims: Claims, ticket: Ticket | None) -> None:
    """Counts the request for its user, or apart from the user's others if its ticket is old.

    Whoever finds an old ticket in a log must not be able to use up its owner's limit.
    """
    if ticket and ticket.is_old:
        await limits.count_expired(request, claims)
    else:
        await limits.count(request, claims)


def _accepted(job: Record, events_url: str) -> JobAccepted:
    return JobAccepted(
        job_id=job["id"],
        status=job["status"],
        status_url=f"/api/gemini/jobs/{job['id']}",
        events_url=events_url,
        created_at=job["created_at"],
    )


def _wait_seconds(prefer: str | None) -> int:
    """Returns the seconds of `wait` in a Prefer field (RFC 7240), at most `MAX_WAIT_SECONDS`; 0 without."""
    wanted = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", prefer or "", re.IGNORECASE)
    return min(int(wanted[1]), MAX_WAIT_SECONDS) if wanted else 0


ROUTES = [
    *inspection_routes.ROUTES,
    Route(
        "POST",
        "/api/gemini/generate-feedback",
        generate_feedback,
        tag="Feedback",
        limit="gemini",
        status=202,
        responses={202: JobAccepted, 200: FeedbackJob},
        headers={202: ("Location", "Retry-After"), 200: ("Preference-Applied",)},
        errors=(
            SessionNotFound,
            TranscriptMissing,
            TranscriptChanges,
            TranscriptUnreadable,
            LearnerNotKnown,
            NothingSaid,
            TooShort,
            StorageLimitReached,
            QuotaExceeded,
            TooLongForQuota,
            IdempotencyConflict,
        ),
    ),
    Route("GET", "/api/gemini/jobs", list_jobs, tag="Feedback"),
    Route(
        "GET",
        "/api/gemini/jobs/{id}",
        read_job,
        tag="Feedback",
        responses={200: FeedbackJob, 304: None},
        headers={200: ("ETag", "Retry-After"), 304: ("ETag", "Retry-After")},
        errors=(JobNotFound,),
    ),
    Route("DELETE", "/api/gemini/jobs/{id}", cancel_job, tag="Feedback", status=202, errors=(JobNotFound,)),
    Route(
        "GET",
        "/api/gemini/jobs/{id}/events",
        follow_job,
        tag="Feedback",
        public=True,
        security=(BEARER, EVENTS_TICKET),
        responses={200: JOB_EVENTS, 204: None},
        errors=(TicketInvalid, JobNotFound, TooManyStreams),
    ),
]
