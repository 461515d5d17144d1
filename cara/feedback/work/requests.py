"""Feedback jobs in the web process: requested, with what they may cost reserved; read; cancelled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from cara.errors import Conflict, FieldProblem, InvalidInput, NotFound
from cara.feedback import queries
from cara.feedback.assessment.prompt import MATERIAL_TOKENS, bare_judge_call
from cara.feedback.inspection import read_judgeable_talk
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
from cara.practice.schemas import MAX_TRANSCRIPT_CHARACTERS
from cara.practice.sessions import SessionNotFound
from cara.quota.counting import count_if_close
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.quota.quota import Quota
from cara.transcripts.talk import Talk
from cara.transcripts.utterances import TranscriptFormat
from cara.web.cursors import decode_cursor, encode_cursor
from cara.web.guard import Caller
from cara.web.idempotency import IdempotencyConflict, hash_of_request
from cara.web.json_body import MANY_CHARACTERS, read_text
from cara.web.storage_limit import StorageLimit

_MAX_READINGS = 3
"""How often a transcript is read that changes meanwhile, such as that of a dialogue that goes on."""


class JobNotFound(NotFound):
    detail = "There is no such feedback job."


class TranscriptMissing(InvalidInput):
    detail = "The session has no transcript yet: send one along."

    def __init__(self) -> None:
        super().__init__(
            fields=(FieldProblem("transcript", "required", "is required: the session has none yet"),)
        )


class TranscriptSentTwice(InvalidInput):
    detail = "Send either transcript or utterances."

    def __init__(self) -> None:
        super().__init__(
            fields=(FieldProblem("utterances", "not_allowed", "must not be sent beside transcript"),)
        )


class UtterancesTooLong(InvalidInput):
    def __init__(self, characters: int) -> None:
        message = f"must have at most {MAX_TRANSCRIPT_CHARACTERS:,} characters as JSON, not {characters:,}"
        super().__init__(
            f"utterances {message}",
            fields=(FieldProblem("utterances", "too_long", message, MAX_TRANSCRIPT_CHARACTERS),),
        )


class TranscriptChanges(Conflict):
    code = "transcript_changes"
    detail = "The transcript of the session keeps changing. Please ask again when it is complete."


@dataclass(frozen=True)
class RequestedJob:
    """The job for a request (id, status, created_at), and whether it was created for this request."""

    job: Record
    new: bool


@dataclass(frozen=True)
class ReadRequest:
    """A request whose transcript was read: what was said and by whom, and what its judgement may cost."""

    request: FeedbackRequest
    key: str | None
    transcript: str
    format: TranscriptFormat | None
    learner_label: str | None
    talk: Talk
    feature_type: str
    prompt_tokens: int

    @property
    def from_session(self) -> bool:
        """Whether the transcript is the one that the session had."""
        return self.request.transcript is None and self.request.utterances is None

    @property
    def learner_labels(self) -> list[str] | None:
        """The labels of the learner, as the job keeps them."""
        return sorted(label for label in self.talk.learners if label is not None) or None

    @property
    def hash(self) -> bytes:
        """Identifies what is judged: the transcript, and how it was understood."""
        understood = [self.format, self.learner_labels]
        return hashlib.sha256(to_json([self.transcript, *understood])).digest()

    @property
    def changes(self) -> dict[str, Any]:
        """The columns of the session that the request sets."""
        given = {
            "transcript": self.transcript,
            "transcript_format": self.format,
            "learner_label": self.learner_label,
        }
        duration = self.request.duration_seconds
        return given if duration is None else {**given, "duration_seconds": duration}


class _TranscriptChanged(Exception):
    """The session got another transcript while this one was read."""


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
        with the same transcript and learner share a job, whatever duration they give. What cannot be judged
        is refused before anything is stored or spent.

        Raises:
            SessionNotFound: the session does not exist, or belongs to another user.
            TranscriptMissing: there is no transcript to judge.
            TranscriptSentTwice, UtterancesTooLong: the request is not valid.
            TranscriptUnreadable, LearnerNotKnown, NothingSaid, TooShort: it cannot be judged.
            QuotaExceeded, TooLongForQuota: the tokens of today, or of any day, do not suffice.
            StorageLimitReached: today's storage does not suffice: a job keeps a copy of its transcript.
            IdempotencyConflict: the key was used for another request.
            TranscriptChanges: the session got other transcripts in the meantime, again and again.
        """
        for _ in range(_MAX_READINGS):
            read = await self._read(caller, request, key)
            if isinstance(read, RequestedJob):
                return read
            try:
                return await self._create_counted(caller, read)
            except _TranscriptChanged:
                continue
        raise TranscriptChanges

    async def _read(
        self, caller: Caller, request: FeedbackRequest, key: str | None
    ) -> ReadRequest | RequestedJob:
        """Reads the request's transcript, else the session's; returns the job of the key if there is one."""
        async with self._database.acquire() as connection:
            session = await practice.talk_of_session(connection, caller.user_id, request.session_id)
            if session is None:
                raise SessionNotFound
            if key and (job := await _job_of_key(connection, caller, request, key)):
                return job
        return await read_text(
            lambda: _read_request(request, key, session, caller.learner["name"]),
            _characters(request, session),
            str(caller.user_id),
        )

    async def _create_counted(self, caller: Caller, read: ReadRequest) -> RequestedJob:
        """Creates the job; if the estimate of its prompt does not fit the quota, with Gemini's own count."""
        try:
            return await self._create(caller, read)
        except (QuotaExceeded, TooLongForQuota) as refusal:
            call = bare_judge_call(read.feature_type, read.talk)
            counted = await count_if_close(self._gemini, call, refusal) + MATERIAL_TOKENS
        return await self._create(caller, replace(read, prompt_tokens=counted))

    async def _create(self, caller: Caller, read: ReadRequest) -> RequestedJob:
        """Finds or creates the job in one transaction.

        The session is locked: of two requests at the same moment one creates the job, and the other finds it.
        """
        request, key = read.request, read.key
        async with self._database.transaction() as connection:
            session = await practice.lock_talk(connection, caller.user_id, request.session_id)
            if session is None:
                raise SessionNotFound
            if key and (job := await _job_of_key(connection, caller, request, key)):
                return job
            if read.from_session and session["transcript"] != read.transcript:
                raise _TranscriptChanged
            stored = await _store_request(connection, session, read)
            requested = await self._live_or_new_job(connection, caller, stored, read)
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
        self, connection: Connection, caller: Caller, session: Record, read: ReadRequest
    ) -> RequestedJob:
        """Returns the live job for the transcript of the locked session, else a new one."""
        user_id = caller.user_id
        if live := await jobs.live_job_of_transcript(connection, user_id, session["id"], read.hash):
            return RequestedJob(live, new=False)
        reservation_id = await self._reservations.reserve(
            connection, user_id, read.feature_type, read.prompt_tokens, caller.daily_token_quota
        )
        job = await jobs.insert_job(
            connection,
            user_id,
            new_id(),
            session,
            read.format,
            read.learner_labels,
            read.hash,
            reservation_id,
            read.prompt_tokens,
        )
        return RequestedJob(job, new=True)


async def _job_of_key(
    connection: Connection, caller: Caller, request: FeedbackRequest, key: str
) -> RequestedJob | None:
    """Returns the job that the same request got under this key; None if the key is new.

    Raises:
        IdempotencyConflict: the key was used for another request.
    """
    known = await queries.key_of_user(connection, caller.user_id, key)
    if known is None:
        return None
    if known["request_hash"] != hash_of_request(request):
        raise IdempotencyConflict
    job = await jobs.job_of_user(connection, caller.user_id, known["job_id"])
    assert job is not None, "a key is deleted with its job"
    return RequestedJob(job, new=False)


def _characters(request: FeedbackRequest, session: Record) -> int:
    """Returns how long the transcript is that has to be read; utterances count as long."""
    if request.utterances is not None:
        return MANY_CHARACTERS + 1
    return len(request.transcript or session["transcript"] or "")


def _sent_transcript(request: FeedbackRequest) -> str | None:
    """Returns the transcript of the request; utterances are one, as JSON.

    Raises:
        TranscriptSentTwice, UtterancesTooLong: the request is not valid.
    """
    if request.utterances is None:
        return request.transcript
    if request.transcript is not None:
        raise TranscriptSentTwice
    sent = [one.model_dump(by_alias=True, exclude_none=True) for one in request.utterances]
    text = to_json(sent).decode()
    if len(text) > MAX_TRANSCRIPT_CHARACTERS:
        raise UtterancesTooLong(len(text))
    return text


def _read_request(
    request: FeedbackRequest, key: str | None, session: Record, learner_name: str
) -> ReadRequest:
    """Reads what is to be judged; what the request does not say is taken from the session."""
    sent = _sent_transcript(request)
    known: Record | dict[str, Any] = session if sent in (None, session["transcript"]) else {}
    text = session["transcript"] if sent is None else sent
    if not (text or "").strip():
        raise TranscriptMissing
    said_format = "utterances" if request.utterances is not None else request.transcript_format
    format = said_format or known.get("transcript_format")
    label = request.learner_label or known.get("learner_label")
    talk = read_judgeable_talk(text, format, label, learner_name)
    feature_type = session["feature_type"]
    tokens = prompt_tokens_of(feature_type, talk)
    return ReadRequest(request, key, text, format, label, talk, feature_type, tokens)


async def _store_request(connection: Connection, session: Record, read: ReadRequest) -> Record:
    """Stores what the locked session has not yet; returns what it has then."""
    changes = {name: value for name, value in read.changes.items() if session[name] != value}
    if "transcript" in changes:
        changes = read.changes  # a new transcript takes away what was known of the old one
    if not changes:
        return session
    return await sessions.change_session(
        connection, session["user_id"], session["id"], changes, locked=session
    )


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
