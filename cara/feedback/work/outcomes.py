"""How an attempt ends: each ending is one transaction in which job, quota, feedback and progress move."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from asyncpg import ForeignKeyViolationError

from cara.errors import CaraError
from cara.feedback import queries
from cara.feedback.schemas import FINISHED_STATUSES, Feedback
from cara.feedback.work.attempt import Attempt
from cara.feedback.work.costs import REQUEST_TYPE, reserve, reserve_more_room
from cara.feedback.work.failures import GeminiAwayForLong, backoff_seconds, problem_of
from cara.feedback.work.lease import LeaseLost
from cara.gemini.errors import GeminiOutOfRoom
from cara.jobs import transitions
from cara.observability.metrics import JOBS_ENDED, JOBS_RETRIED
from cara.postgres.database import Connection, Database, Record
from cara.practice import sessions
from cara.practice.queries import hold_session
from cara.quota.quota import Quota, QuotaExceeded, TooLongForQuota
from cara.redis.queue import Queue
from cara.users.queries import caller_by_id

logger = logging.getLogger(__name__)

MOST_ANSWERS = 2
"""After so many judgements that were paid for and could not be used a job fails: a third would be no better.
What a worker cuts short because it is told to stop does not count."""

LONGEST_WAIT_SECONDS = 900.0
"""When Gemini wants to be left alone for longer, nobody is kept waiting for that."""


class Ending:
    """Ends attempts. When the job is not ours any more, all methods raise LeaseLost and change nothing, but
    for `lose`, which is for just that.

    Every ending may be tried again when the database went away within it. Should the first try have been
    written all the same, the next one finds the job not ours, and `lose` tells what was written.
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
            await hold_session(connection, user_id, session_id)
            await self._finish(connection, attempt, "succeeded")
            await queries.insert_feedback(connection, user_id, session_id, job["id"], document)
            if not await queries.newer_job_succeeded(connection, job):
                changes = _session_changes(feedback, document)
                await sessions.change_session(connection, user_id, session_id, changes)
        await self._tell_end(attempt, "succeeded")

    async def cancel(self, attempt: Attempt) -> None:
        """Ends a job that the learner does not want any more."""
        async with self._transaction(attempt) as connection:
            await self._finish(connection, attempt, "cancelled")
        await self._tell_end(attempt, "cancelled")

    async def fail(self, attempt: Attempt, error: CaraError) -> None:
        """Ends a job for good, with the reason in words that a person understands."""
        async with self._transaction(attempt) as connection:
            await self._finish(connection, attempt, "failed", error)
        await self._tell_end(attempt, "failed")

    async def retry(self, attempt: Attempt, error: CaraError) -> None:
        """Puts the job back for another try after a while, unless the tries are used up.

        Tries for which Gemini was paid count against `MOST_ANSWERS` besides; one that ran out of room is made
        again with more. Nor is the job put back for a Gemini that wants to be left alone for longer than
        `LONGEST_WAIT_SECONDS`, or when the learner has cancelled it, or has no tokens left for another try.
        """
        if (error.retry_after_seconds or 0) > LONGEST_WAIT_SECONDS:
            await self.fail(attempt, GeminiAwayForLong(error.retry_after_seconds or 0))
            return
        failures = attempt.job["failures"] + 1
        if failures >= self._attempts_limit or attempt.answers_after(error) >= MOST_ANSWERS:
            await self.fail(attempt, error)
            return
        delay = backoff_seconds(failures, error.retry_after_seconds)
        if await self._put_back(attempt, delay_seconds=delay, error=error):
            JOBS_RETRIED.labels(error.code).inc()
            logger.info("job %s: %s, again in %.1f s", attempt.job["id"], error.code, delay)

    async def hand_back(self, attempt: Attempt) -> None:
        """Puts the job back at once: this worker is going away."""
        await self._put_back(attempt, delay_seconds=0, error=None)

    async def lose(self, attempt: Attempt) -> None:
        """Lets go of a job that is not ours any more; what Gemini counted is charged, once.

        The reservation belongs to whoever has the job now. Of a job that is gone it is given back, for nobody
        else would.
        """
        if attempt.ended:
            return
        user_id, job_id, attempts = attempt.key
        try:
            async with self._database.transaction() as connection:
                job = await queries.job_of_user(connection, user_id, job_id)
                kept = attempt.ledger_id if job else attempt.job["reservation_id"]
                await self._settle(connection, attempt, kept)
        except ForeignKeyViolationError:
            logger.info("job %s: the account is gone, and its books with it", job_id)
            return
        if attempt.cut_off and job and job["attempts"] == attempts and job["status"] in FINISHED_STATUSES:
            await self._tell_end(attempt, job["status"])
        else:
            logger.warning("%s lost its lease", attempt.name)

    @asynccontextmanager
    async def _transaction(self, attempt: Attempt) -> AsyncIterator[Connection]:
        """A transaction that ends the attempt."""
        async with self._database.transaction() as connection:
            yield connection
            attempt.cut_off = True
        attempt.ended, attempt.cut_off = True, False

    async def _tell_end(self, attempt: Attempt, status: str) -> None:
        """Counts the job as ended, and tells its listeners: once that is written."""
        JOBS_ENDED.labels(status).inc()
        await attempt.publisher.finished()

    async def _put_back(self, attempt: Attempt, *, delay_seconds: float, error: CaraError | None) -> bool:
        """Whether it was put back, or else ended. Without an error nothing has failed."""
        _, job_id, attempts = attempt.key
        async with self._transaction(attempt) as connection:
            left = await self._requeue_or_finish(connection, attempt, delay_seconds, error)
        if left["status"] != "queued":
            await self._tell_end(attempt, left["status"])
            return False
        await attempt.publisher.status("queued")
        await self._queue.enqueue_feedback(job_id, attempts=attempts, delay_seconds=delay_seconds)
        return True

    async def _requeue_or_finish(
        self, connection: Connection, attempt: Attempt, delay_seconds: float, error: CaraError | None
    ) -> Record:
        """The job as it is left: queued, cancelled if the learner wants that, or failed for want of quota."""
        out_of_room = isinstance(error, GeminiOutOfRoom)
        reserves_anew = out_of_room or attempt.usage.total_tokens > 0
        if reserves_anew:
            # Everybody locks session, job, quota in this order. The session, because changing a job twice in
            # one transaction makes PostgreSQL check its reference to the session again.
            await hold_session(connection, attempt.job["user_id"], attempt.job["session_id"])
        held = _ours(await transitions.hold_job(connection, *attempt.key))
        if held["cancel_requested"]:
            return await self._finish(connection, attempt, "cancelled")
        output_tokens = attempt.job["output_tokens"]
        if reserves_anew:
            try:
                more_room = out_of_room or output_tokens is not None
                output_tokens = await self._renew_reservation(connection, attempt, more_room=more_room)
            except (QuotaExceeded, TooLongForQuota) as refusal:
                return await self._finish(connection, attempt, "failed", refusal)
        return _ours(
            await transitions.requeue_job(
                connection,
                *attempt.key,
                delay_seconds=delay_seconds,
                failed=error is not None,
                answers=attempt.answers_after(error) if error else attempt.job["answers"],
                output_tokens=output_tokens,
            )
        )

    async def _renew_reservation(
        self, connection: Connection, attempt: Attempt, *, more_room: bool
    ) -> int | None:
        """Charges what this attempt cost, and reserves for the next, the job being held; gives the room for
        the answer of that, None for the usual."""
        user_id = attempt.job["user_id"]
        await self._settle(connection, attempt, attempt.job["reservation_id"])
        user = _ours(await caller_by_id(connection, user_id))
        wanted = connection, self._quota, user_id, attempt.job, user["daily_token_quota"]
        output_tokens: int | None = None
        if more_room:
            reservation_id, output_tokens = await reserve_more_room(*wanted)
        else:
            reservation_id = await reserve(*wanted)
        await transitions.replace_reservation(connection, *attempt.key, reservation_id)
        return output_tokens

    async def _finish(
        self, connection: Connection, attempt: Attempt, status: str, error: CaraError | None = None
    ) -> Record:
        finished = _ours(
            await transitions.finish_job(
                connection, *attempt.key, status, problem_of(error) if error else None
            )
        )
        await self._settle(connection, attempt, attempt.job["reservation_id"])
        return finished

    async def _settle(self, connection: Connection, attempt: Attempt, reservation_id: UUID) -> None:
        await self._quota.settle(
            connection,
            attempt.job["user_id"],
            reservation_id,
            REQUEST_TYPE,
            attempt.charge(),
            ledger_id=attempt.ledger_id,
        )


def _ours(row: Record | None) -> Record:
    """What a guarded statement gave back; LeaseLost when that is nothing."""
    if row is None:
        raise LeaseLost
    return row


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
