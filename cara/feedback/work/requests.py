"""Feedback jobs in the web process: requested, with what they may cost reserved; read; cancelled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cara.errors import FieldProblem, InvalidInput, NotFound
from cara.feedback import queries
from cara.feedback.assessment.prompt import MATERIAL_TOKENS, bare_judge_call
from cara.feedback.schemas import FeedbackJob, FeedbackRequest, JobPage, JobsQuery, JobSummary
from cara.feedback.work.reservation import REQUEST_TYPE, AttemptReservations, prompt_tokens_of
from cara.gemini.client import GeminiClient
from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.observability.metrics import JOBS_ENDED
from cara.postgres.database import Connection, Database, Record, new_id
from cara.practice import queries as practice
from cara.practice import sessions
from cara.practice.feedback_schemas import Feedback
from cara.practice.sessions import SessionNotFound
from cara.quota.counting import count_if_close
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.quota.quota import Quota
from cara.web.cursors import decode_cursor, encode_cursor
from cara.web.guard import Caller
from cara.web.idempotency import IdempotencyConflict, hash_of_request
from cara.web.storage_limit import StorageLimit


class JobNotFound(NotFound):
    detail = "There is no such feedback job."


class TranscriptMissing(InvalidInput):
    detail = "The session has no transcript yet: send one along."

    def __init__(self) -> None:
        super().__init__(
            fields=(FieldProblem("transcript", "required", "is required: the session has none yet"),)
        )


@dataclass(frozen=True)
class RequestedJob:
    """The job for a request (id, status, created_at), and whether it was created for this request."""

    job: Record
    new: bool


class FeedbackRequests:
    """Takes requests for feedback, on the learner's quota."""

    def __init__(
        self,
        database: Database,
        reservations: AttemptReservations,
        gemini: GeminiClient,
        storage: StorageLimit,
    ) -> None:
        self._database = database
        self._reservations = reservations
        self._gemini = gemini
        self._storage = storage

    async def create(self, caller: Caller, request: FeedbackRequest, key: str | None) -> RequestedJob:
        """Returns the job of the same key, else the live job for the same transcript, else a new one.

        A request that is repeated under its key changes nothing, whatever has become of the job. Two requests
        with the same transcript share a job, whatever duration they give.

        Raises:
            SessionNotFound: the session does not exist, or belongs to another user.
            TranscriptMissing: there is no transcript to judge.
            QuotaExceeded, TooLongForQuota: the tokens of today, or of any day, do not suffice.
            StorageLimitReached: today's storage does not suffice: a job keeps a copy of its transcript.
            IdempotencyConflict: the key was used for another request.
        """
        try:
            return await self._create(caller, request, key, None)
        except (QuotaExceeded, TooLongForQuota) as refusal:
            counted = await self._count_prompt(caller, request, refusal)
        return await self._create(caller, request, key, counted)

    async def _create(
        self, caller: Caller, request: FeedbackRequest, key: str | None, prompt_tokens: int | None
    ) -> RequestedJob:
        """Finds or creates the job in one transaction.

        The session is locked: of two requests at the same moment one creates the job, and the other finds it.
        """
        async with self._database.transaction() as connection:
            session = await practice.lock_talk(connection, caller.user_id, request.session_id)
            if session is None:
                raise SessionNotFound
            if key and (known := await queries.key_of_user(connection, caller.user_id, key)):
                if known["request_hash"] != hash_of_request(request):
                    raise IdempotencyConflict
                job = await jobs.job_of_user(connection, caller.user_id, known["job_id"])
                assert job is not None, "a key is deleted with its job"
                return RequestedJob(job, new=False)
            stored = await _store_request(connection, session, request)
            requested = await self._live_or_new_job(connection, caller, stored, prompt_tokens)
            job_id = requested.job["id"]
            if key and not await queries.insert_key(
                connection, caller.user_id, key, hash_of_request(request), job_id
            ):
                raise IdempotencyConflict
            # Last, so that what is refused for want of quota does not count; a refusal rolls all of it back.
            await self._count_storage(session, stored, requested, key)
            return requested

    async def _count_storage(
        self, before: Record, stored: Record, requested: RequestedJob, key: str | None
    ) -> None:
        """Counts what a request has stored: the changed session, a job with its transcript, and a key."""
        copies = [stored["transcript"] != before["transcript"], requested.new].count(True)
        rows = [stored is not before, requested.new, key is not None].count(True)
        if rows:
            transcript_bytes = len(stored["transcript"].encode())
            await self._storage.count(stored["user_id"], copies * transcript_bytes, rows=rows)

    async def _live_or_new_job(
        self, connection: Connection, caller: Caller, session: Record, prompt_tokens: int | None
    ) -> RequestedJob:
        """Returns the live job for the transcript of the locked session, else a new one."""
        user_id = caller.user_id
        transcript_hash = hashlib.sha256(session["transcript"].encode()).digest()
        if live := await jobs.live_job_of_transcript(connection, user_id, session["id"], transcript_hash):
            return RequestedJob(live, new=False)
        tokens = prompt_tokens or prompt_tokens_of(session)
        reservation_id = await self._reservations.reserve(
            connection, user_id, session["feature_type"], tokens, caller.daily_token_quota
        )
        job = await jobs.insert_job(
            connection, user_id, new_id(), session, transcript_hash, reservation_id, tokens
        )
        return RequestedJob(job, new=True)

    async def _count_prompt(
        self, caller: Caller, request: FeedbackRequest, refusal: QuotaExceeded | TooLongForQuota
    ) -> int:
        """Returns the tokens of the prompt by Gemini's own count; raises the refusal unless they may fit."""
        async with self._database.acquire() as connection:
            session = await practice.session_of_user(connection, caller.user_id, request.session_id)
        if session is None:
            raise refusal
        transcript = request.transcript or session["transcript"]
        call = bare_judge_call(session["feature_type"], transcript)
        return await count_if_close(self._gemini, call, refusal) + MATERIAL_TOKENS


async def _store_request(connection: Connection, session: Record, request: FeedbackRequest) -> Record:
    """Stores the request's transcript and duration, if given, in the locked session; returns the session."""
    given = request.model_dump(include={"transcript", "duration_seconds"}, exclude_none=True)
    changes = {name: value for name, value in given.items() if session[name] != value}
    if changes:
        session = await sessions.change_session(connection, session["user_id"], session["id"], changes)
    if not (session["transcript"] or "").strip():
        raise TranscriptMissing
    return session


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
    return FeedbackJob(**_summary(job), feedback=_feedback(stored) if stored else None)


async def page_of_jobs(connection: Connection, user_id: UUID, query: JobsQuery) -> JobPage:
    """Returns a page of the learner's jobs, the newest first.

    It is empty for a session that does not exist or belongs to another user, as for one without jobs.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    before = decode_cursor(query.cursor) if query.cursor else None
    rows = await jobs.jobs_of_user(
        connection, user_id, query.session_id, query.status, before, query.limit + 1
    )
    page, more = rows[: query.limit], rows[query.limit :]
    return JobPage(
        jobs=[JobSummary(**_summary(row)) for row in page],
        next_cursor=encode_cursor(page[-1]["created_at"], page[-1]["id"]) if more else None,
    )


def _summary(job: Record) -> dict[str, Any]:
    """Returns the members of a job that every client sees, from its row."""
    return {**job, "job_id": job["id"]}


def _feedback(row: Record) -> Feedback:
    """Returns feedback from its row."""
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
