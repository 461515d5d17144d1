"""The life of a job as the web process sees it: asked for, looked at, cancelled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from cara.errors import Conflict, FieldProblem, InvalidInput, NotFound
from cara.feedback import queries
from cara.feedback.schemas import Feedback, FeedbackJob, FeedbackRequest, JobProblem
from cara.feedback.work.costs import REQUEST_TYPE, reserve
from cara.jobs import transitions
from cara.observability.metrics import JOBS_ENDED
from cara.postgres.database import Connection, Record, new_id
from cara.practice import sessions
from cara.practice.queries import lock_session
from cara.practice.sessions import SessionNotFound
from cara.quota.quota import Quota
from cara.web.guard import Caller


class JobNotFound(NotFound):
    detail = "There is no such feedback job."


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"
    detail = "This Idempotency-Key was used for another request."


class TranscriptMissing(InvalidInput):
    detail = "The session has no transcript yet: send one along."

    def __init__(self) -> None:
        super().__init__(fields=(FieldProblem("transcript", "is missing"),))


@dataclass(frozen=True)
class Asked:
    """The job that answers a request, and whether it was made for it."""

    job: Record
    new: bool


async def ask_for_feedback(
    connection: Connection, quota: Quota, caller: Caller, request: FeedbackRequest, key: str | None
) -> Asked:
    """The job for this request: the one of the same key, the one at work on the same already, or a new one.

    Belongs in a transaction; the session is locked, so that of two requests at the same instant one makes
    the job and the other finds it. A request that is repeated under its key changes nothing, however it was
    answered; the same transcript is the same work, whatever duration is told of it.

    Raises:
        SessionNotFound: no such session, or somebody else's.
        TranscriptMissing: there is nothing to judge.
        QuotaExceeded: today's tokens do not suffice.
        IdempotencyConflict: the key was used for something else.
    """
    session = await lock_session(connection, caller.user_id, request.session_id)
    if session is None:
        raise SessionNotFound
    request_hash = _hash_of_request(request)
    if key and (known := await queries.job_by_key(connection, caller.user_id, key)):
        if known["request_hash"] != request_hash:
            raise IdempotencyConflict
        return Asked(known, new=False)
    asked = await _job_for(connection, quota, caller, await _with_what_was_sent(connection, session, request))
    if key and not await queries.insert_key(connection, caller.user_id, key, request_hash, asked.job["id"]):
        raise IdempotencyConflict
    return asked


async def _job_for(connection: Connection, quota: Quota, caller: Caller, session: Record) -> Asked:
    """The job at work on the transcript of the locked session, or a new one."""
    transcript_hash = hashlib.sha256(session["transcript"].encode()).digest()
    if live := await queries.live_job(connection, caller.user_id, session["id"], transcript_hash):
        return Asked(live, new=False)
    reservation_id = await reserve(connection, quota, caller.user_id, session, caller.daily_token_quota)
    job = await queries.insert_job(
        connection, caller.user_id, new_id(), session, transcript_hash, reservation_id
    )
    return Asked(job, new=True)


async def _with_what_was_sent(connection: Connection, session: Record, request: FeedbackRequest) -> Record:
    """The locked session, with the transcript and duration of the request if they are given."""
    given = request.model_dump(include={"transcript", "duration_seconds"}, exclude_none=True)
    changes = {name: value for name, value in given.items() if session[name] != value}
    if changes:
        session = await sessions.change_session(connection, session["user_id"], session["id"], changes)
    if not (session["transcript"] or "").strip():
        raise TranscriptMissing
    return session


def _hash_of_request(request: FeedbackRequest) -> bytes:
    """Tells one request from another by what was sent, whatever has become of the session since."""
    return hashlib.sha256(request.model_dump_json().encode()).digest()


async def cancel_job(connection: Connection, quota: Quota, user_id: UUID, job_id: UUID) -> FeedbackJob:
    """Cancels a queued job at once, and asks the worker of a running one to stop; in a transaction.

    Raises:
        JobNotFound: no such job, or somebody else's.
    """
    left = await transitions.cancel_job(connection, user_id, job_id)
    if left and left["status"] == "cancelled":
        await quota.settle(connection, user_id, left["reservation_id"], REQUEST_TYPE, None)
        JOBS_ENDED.labels("cancelled").inc()
    job = await job_answer(connection, user_id, job_id)
    if job is None:
        raise JobNotFound
    return job


async def job_answer(connection: Connection, user_id: UUID, job_id: UUID) -> FeedbackJob | None:
    """The job as clients see it, with its feedback when it succeeded."""
    job = await queries.job_of_user(connection, user_id, job_id)
    if job is None:
        return None
    stored = None
    if job["status"] == "succeeded":
        stored = await queries.feedback_of_job(connection, user_id, job_id)
    return FeedbackJob(
        job_id=job["id"],
        session_id=job["session_id"],
        status=job["status"],
        progress=job["progress"],
        stage=job["stage"],
        attempts=job["attempts"],
        created_at=job["created_at"],
        started_at=job["started_at"],
        finished_at=job["finished_at"],
        feedback=feedback_of(stored) if stored else None,
        problem=JobProblem.model_validate(job["problem"]) if job["problem"] else None,
    )


def feedback_of(row: Record) -> Feedback:
    """Feedback as clients see it, from how it is stored."""
    return Feedback.model_validate(
        {
            "overview": {
                "score": row["score"],
                "scoreChange": row["score_change"],
                "summary": row["summary"],
            },
            "breakdown": {"communication": row["communication"], "content": row["content"]},
            "measures": row["measures"],
            "highlights": row["highlights"],
            "actionItems": row["action_items"],
            "model": row["model"],
            "promptVersion": row["prompt_version"],
        }
    )
