"""Feedback jobs in the web process: requested, with what they may cost reserved; read; cancelled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from cara.errors import Conflict, FieldProblem, InvalidInput, NotFound
from cara.feedback import queries
from cara.feedback.assessment.prompt import (
    MAX_OUTPUT_TOKENS,
    MORE_OUTPUT_TOKENS,
    upper_estimate_of_judge_prompt,
)
from cara.feedback.schemas import Feedback, FeedbackJob, FeedbackRequest, JobProblem
from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.observability.metrics import JOBS_ENDED
from cara.postgres.database import Connection, Record, new_id
from cara.practice import queries as practice
from cara.practice import sessions
from cara.practice.sessions import SessionNotFound
from cara.quota.quota import Quota
from cara.web.guard import Caller

REQUEST_TYPE = "feedback"
KEEP_RESERVATION_SECONDS = 3_600
"""A reservation expires after this time unless the sweeper prolongs it for a live job."""


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
class RequestedJob:
    """The job for a request (id, status, created_at), and whether it was created for this request."""

    job: Record
    new: bool


async def request_feedback(
    connection: Connection, quota: Quota, caller: Caller, request: FeedbackRequest, key: str | None
) -> RequestedJob:
    """Returns the job of the same Idempotency-Key, else the live job for the same transcript, else a new one.

    Belongs in a transaction. The session is locked: of two requests at the same moment one creates the job,
    and the other finds it. A request that is repeated under its key changes nothing, whatever has become of
    the job. Two requests with the same transcript share a job, whatever duration they give.

    Raises:
        SessionNotFound: the session does not exist, or belongs to another user.
        TranscriptMissing: there is no transcript to judge.
        QuotaExceeded, TooLongForQuota: the tokens of today, or of any day, do not suffice.
        IdempotencyConflict: the key was used for another request.
    """
    session = await practice.lock_session(connection, caller.user_id, request.session_id)
    if session is None:
        raise SessionNotFound
    request_hash = _hash_of_request(request)
    if key and (known := await queries.key_of_user(connection, caller.user_id, key)):
        if known["request_hash"] != request_hash:
            raise IdempotencyConflict
        job = await jobs.job_of_user(connection, caller.user_id, known["job_id"])
        assert job is not None, "a key is deleted with its job"
        return RequestedJob(job, new=False)
    session = await _store_request(connection, session, request)
    requested = await _live_or_new_job(connection, quota, caller, session)
    job_id = requested.job["id"]
    if key and not await queries.insert_key(connection, caller.user_id, key, request_hash, job_id):
        raise IdempotencyConflict
    return requested


async def _store_request(connection: Connection, session: Record, request: FeedbackRequest) -> Record:
    """Stores the request's transcript and duration, if given, in the locked session; returns the session."""
    given = request.model_dump(include={"transcript", "duration_seconds"}, exclude_none=True)
    changes = {name: value for name, value in given.items() if session[name] != value}
    if changes:
        session = await sessions.change_session(connection, session["user_id"], session["id"], changes)
    if not (session["transcript"] or "").strip():
        raise TranscriptMissing
    return session


async def _live_or_new_job(
    connection: Connection, quota: Quota, caller: Caller, session: Record
) -> RequestedJob:
    """Returns the live job for the transcript of the locked session, else a new one with its reservation."""
    user_id = caller.user_id
    transcript_hash = hashlib.sha256(session["transcript"].encode()).digest()
    if live := await jobs.live_job_of_transcript(connection, user_id, session["id"], transcript_hash):
        return RequestedJob(live, new=False)
    reservation_id, _ = await reserve_attempt(connection, quota, user_id, session, caller.daily_token_quota)
    job = await jobs.insert_job(connection, user_id, new_id(), session, transcript_hash, reservation_id)
    return RequestedJob(job, new=True)


async def reserve_attempt(
    connection: Connection,
    quota: Quota,
    user_id: UUID,
    judged: Record,
    own_limit: int | None,
    *,
    more_output: bool = False,
) -> tuple[UUID, int | None]:
    """Reserves the most that one attempt to judge the transcript can cost.

    `judged` has feature_type and transcript. Returns the reservation's id and the output limit in tokens:
    None for the default, or with `more_output` a higher one, as far as today's tokens allow.

    Raises:
        QuotaExceeded, TooLongForQuota: the tokens of today, or of any day, do not suffice.
    """
    least, most = MAX_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS
    if more_output:
        least, most = (MAX_OUTPUT_TOKENS + MORE_OUTPUT_TOKENS) // 2, MORE_OUTPUT_TOKENS
    prompt_tokens = upper_estimate_of_judge_prompt(judged["feature_type"], judged["transcript"])
    reserved = await quota.reserve(
        connection,
        user_id,
        prompt_tokens + least,
        prompt_tokens + most,
        REQUEST_TYPE,
        own_limit=own_limit,
        keep_seconds=KEEP_RESERVATION_SECONDS,
        feature_type=judged["feature_type"],
    )
    return reserved.id, reserved.tokens - prompt_tokens if more_output else None


def _hash_of_request(request: FeedbackRequest) -> bytes:
    """Identifies a request by what was sent, independently of what has become of the session."""
    return hashlib.sha256(request.model_dump_json().encode()).digest()


async def cancel_job(connection: Connection, quota: Quota, user_id: UUID, job_id: UUID) -> FeedbackJob:
    """Cancels a queued job at once, and asks the worker of a running one to stop; belongs in a transaction.

    Raises:
        JobNotFound: the job does not exist, or belongs to another user.
    """
    left = await transitions.cancel_job(connection, user_id, job_id)
    if left and left["status"] == "cancelled":
        await quota.settle(connection, user_id, left["reservation_id"], REQUEST_TYPE, None)
        JOBS_ENDED.labels("cancelled").inc()
    job = await read_job(connection, user_id, job_id)
    if job is None:
        raise JobNotFound
    return job


async def read_job(connection: Connection, user_id: UUID, job_id: UUID) -> FeedbackJob | None:
    """Returns the job as clients see it, with its feedback if it succeeded."""
    job = await jobs.job_of_user(connection, user_id, job_id)
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
    """Returns feedback as clients see it, from its row."""
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
