"""How an attempt ends: each ending is one transaction in which job, quota, feedback and progress move."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asyncpg import ForeignKeyViolationError

from cara.accounts.queries import caller_by_id
from cara.database import Connection, Database, Record
from cara.errors import CaraError
from cara.feedback import queries, transitions
from cara.feedback.events import Publisher
from cara.feedback.jobs import REQUEST_TYPE, ledger_id_of_lost, reserve
from cara.feedback.lease import LeaseLost
from cara.feedback.schemas import Feedback
from cara.gemini.errors import NOTHING_USED, GeminiUsage
from cara.gemini.quota import Charge, Quota, QuotaExceeded
from cara.metrics import JOBS_ENDED, JOBS_RETRIED
from cara.practice import sessions
from cara.practice.queries import lock_session
from cara.queue import Queue

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 900.0
"""When Gemini wants to be left alone for longer, nobody is kept waiting for that."""


class WriteFailed(CaraError):
    code = "internal_error"
    detail = "Something went wrong while the feedback was written."


class GeminiAwayForLong(CaraError):
    """Gemini can be asked again, but not soon."""

    code = "gemini_unavailable"

    def __init__(self, seconds: float) -> None:
        minutes = math.ceil(seconds / 60)
        wait = f"{minutes} minutes" if minutes < 120 else f"{math.ceil(minutes / 60)} hours"
        super().__init__(
            f"Gemini is taking no more requests for now. Please ask for feedback again in {wait}.",
            retry_after_seconds=seconds,
        )


@dataclass
class Attempt:
    """One claim of a job by this worker, and what it has cost so far by Gemini's own count.

    It is `settled` from the moment on from which its cost may stand in the ledger.
    """

    job: Record
    publisher: Publisher
    model: str
    usage: GeminiUsage = NOTHING_USED
    settled: bool = False

    @property
    def key(self) -> tuple[UUID, UUID, int]:
        """What a guarded statement names the attempt by: user, job, and number of the attempt."""
        return self.job["user_id"], self.job["id"], self.job["attempts"]

    def charge(self) -> Charge | None:
        """What goes into the ledger; nothing when Gemini counted nothing."""
        return Charge.of(self.model, self.usage)


class Ending:
    """Ends attempts. When the job is not ours any more, all methods raise LeaseLost and change nothing, but
    for `lose`, which is for just that.
    """

    def __init__(self, database: Database, quota: Quota, queue: Queue, attempts_limit: int) -> None:
        self._database = database
        self._quota = quota
        self._queue = queue
        self._attempts_limit = attempts_limit

    async def succeed(self, attempt: Attempt, feedback: Feedback) -> None:
        """Saves the feedback, completes the session, moves XP and streak, and settles the quota.

        The session keeps the feedback of the newest job that succeeded.
        """
        job = attempt.job
        user_id, session_id = job["user_id"], job["session_id"]
        document = feedback.model_dump(mode="json", by_alias=True)
        async with self._transaction(attempt) as connection:
            await lock_session(connection, user_id, session_id)
            await self._finish(connection, attempt, "succeeded")
            await queries.insert_feedback(connection, user_id, session_id, job["id"], document)
            if not await queries.newer_job_succeeded(connection, job):
                changes = _session_changes(feedback, document)
                await sessions.change_session(connection, user_id, session_id, changes)
        await attempt.publisher.finished()

    async def cancel(self, attempt: Attempt) -> None:
        """Ends a job that the learner does not want any more."""
        async with self._transaction(attempt) as connection:
            await self._finish(connection, attempt, "cancelled")
        await attempt.publisher.finished()

    async def fail(self, attempt: Attempt, error: CaraError) -> None:
        """Ends a job for good, with the reason in words that a person understands."""
        async with self._transaction(attempt) as connection:
            await self._finish(connection, attempt, "failed", error)
        await attempt.publisher.finished()

    async def retry(self, attempt: Attempt, error: CaraError) -> None:
        """Puts the job back for another try after a while, unless the tries are used up.

        Nor is it put back for a Gemini that wants to be left alone for longer than `LONGEST_WAIT_SECONDS`.
        """
        if (error.retry_after_seconds or 0) > LONGEST_WAIT_SECONDS:
            await self.fail(attempt, GeminiAwayForLong(error.retry_after_seconds or 0))
            return
        failures = attempt.job["failures"] + 1
        if failures >= self._attempts_limit:
            await self.fail(attempt, error)
            return
        delay = backoff_seconds(failures, error.retry_after_seconds)
        await self._put_back(attempt, delay_seconds=delay, failed=True)
        JOBS_RETRIED.labels(error.code).inc()
        logger.info("job %s: %s, again in %.1f s", attempt.job["id"], error.code, delay)

    async def hand_back(self, attempt: Attempt) -> None:
        """Puts the job back at once: this worker is going away."""
        await self._put_back(attempt, delay_seconds=0, failed=False)

    async def lose(self, attempt: Attempt) -> None:
        """Lets go of a job that is not ours any more; what Gemini counted is charged, once, and nothing else.

        The reservation belongs to whoever has the job now: the ledger's row has an id of its own.
        """
        job = attempt.job
        if attempt.settled:
            return
        logger.warning("job %s: attempt %d lost its lease", job["id"], job["attempts"])
        if charge := attempt.charge():
            ledger_id = ledger_id_of_lost(job["id"], job["attempts"])
            try:
                async with self._transaction(attempt) as connection:
                    await self._quota.settle(connection, job["user_id"], ledger_id, REQUEST_TYPE, charge)
            except ForeignKeyViolationError:
                logger.info("job %s: the account is gone, and its books with it", job["id"])

    @asynccontextmanager
    async def _transaction(self, attempt: Attempt) -> AsyncIterator[Connection]:
        """A transaction that settles the attempt. Should its commit be cut off, it counts as settled."""
        async with self._database.transaction() as connection:
            yield connection
            attempt.settled = True

    async def _put_back(self, attempt: Attempt, *, delay_seconds: float, failed: bool) -> None:
        user_id, job_id, attempts = attempt.key
        async with self._transaction(attempt) as connection:
            if attempt.usage.total_tokens and not await self._renew_reservation(connection, attempt):
                requeued = None
            else:
                requeued = await transitions.requeue_job(
                    connection, user_id, job_id, attempts, delay_seconds=delay_seconds, failed=failed
                )
                _ensure_ours(requeued)
        if requeued:
            await attempt.publisher.status("queued")
            await self._queue.enqueue_feedback(job_id, attempts=attempts, delay_seconds=delay_seconds)
        else:
            await attempt.publisher.finished()

    async def _renew_reservation(self, connection: Connection, attempt: Attempt) -> bool:
        """Charges what this attempt cost and reserves for the next; False when the quota forbids it."""
        user_id, job_id, attempts = attempt.key
        # Everybody locks session, job, quota in this order. The session, because changing a job twice in one
        # transaction makes PostgreSQL check its reference to the session again.
        await lock_session(connection, user_id, attempt.job["session_id"])
        _ensure_ours(await transitions.hold_job(connection, user_id, job_id, attempts))
        await self._settle(connection, attempt)
        user = await caller_by_id(connection, user_id)
        if user is None:
            raise LeaseLost
        try:
            reservation_id = await reserve(
                connection, self._quota, user_id, attempt.job, user["daily_token_quota"]
            )
        except QuotaExceeded as error:
            finished = await transitions.finish_job(
                connection, user_id, job_id, attempts, "failed", problem_of(error)
            )
            _ensure_ours(finished)
            return False
        await transitions.replace_reservation(connection, user_id, job_id, attempts, reservation_id)
        return True

    async def _finish(
        self, connection: Connection, attempt: Attempt, status: str, error: CaraError | None = None
    ) -> None:
        finished = await transitions.finish_job(
            connection, *attempt.key, status, problem_of(error) if error else None
        )
        _ensure_ours(finished)
        await self._settle(connection, attempt)
        JOBS_ENDED.labels(status).inc()

    async def _settle(self, connection: Connection, attempt: Attempt) -> None:
        job = attempt.job
        await self._quota.settle(
            connection, job["user_id"], job["reservation_id"], REQUEST_TYPE, attempt.charge()
        )


def backoff_seconds(failures: int, retry_after_seconds: float | None) -> float:
    """Exponential back-off with jitter (half to whole of 1, 2, 4 … 60 s), never sooner than was asked for."""
    delay = min(math.ldexp(FIRST_DELAY_SECONDS, failures - 1), LONGEST_DELAY_SECONDS)
    return max(delay * random.uniform(0.5, 1), retry_after_seconds or 0)


def problem_of(error: CaraError) -> dict[str, str]:
    """How an error is kept with the job."""
    return {"code": error.code, "detail": error.detail}


def _ensure_ours(row: Record | None) -> None:
    if row is None:
        raise LeaseLost


def _session_changes(feedback: Feedback, document: dict[str, Any]) -> dict[str, Any]:
    communication = feedback.breakdown.communication
    return {
        "score": feedback.overview.score,
        "clarity": communication.clarity.score,
        "pace": communication.pace.score,
        "confidence": communication.confidence.score,
        "tone": communication.tone.score,
        "feedback_json": document,
        "completed": True,
    }
