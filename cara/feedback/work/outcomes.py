"""The outcomes of an attempt: each is one transaction that moves job, quota, feedback and progress together.

Every outcome is safe to repeat. If a first try was committed although its acknowledgement was lost, the next
try finds that the job is not this attempt's any more, and `release` determines what was written.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec

from asyncpg import ForeignKeyViolationError

from cara.errors import CaraError, Unavailable
from cara.feedback import queries
from cara.feedback.schemas import FINISHED_STATUSES
from cara.feedback.work.attempt import (
    Attempt,
    GeminiAwayForLong,
    LeaseLost,
    WriteFailed,
    backoff_seconds,
    problem_of,
    require_row,
    run_to_completion,
)
from cara.feedback.work.reservation import REQUEST_TYPE, AttemptReservations
from cara.gemini.errors import GeminiError, GeminiOutOfRoom
from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.observability.metrics import JOBS_ENDED, JOBS_RETRIED
from cara.postgres.database import Connection, Database, Record
from cara.postgres.retries import retry_database
from cara.practice import queries as practice
from cara.practice import sessions
from cara.practice.feedback_schemas import Feedback
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.redis.queue import Queue
from cara.speech import MIN_COMPARED_WORDS

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
OutcomeMethod = Callable[Concatenate["Outcomes", Attempt, Arguments], Coroutine[Any, Any, None]]

MAX_ANSWERS = 2
"""A job fails after this many judgements that were paid for and unusable: a third would be no better.
Attempts that die or stop with their worker count against the job's attempts alone."""

MAX_GEMINI_PAUSE_SECONDS = 900.0
"""If Gemini asks for a longer pause, the job fails instead of waiting."""


def outcome(write: OutcomeMethod[Arguments]) -> OutcomeMethod[Arguments]:
    """Decorates a method of `Outcomes` that ends an attempt, whatever happens meanwhile.

    It runs to completion although the worker is cancelled, and is repeated while the database is away. An
    attempt that turns out to have lost its lease is released.

    Raises:
        Unavailable: the database was away for too long; the log says what could not be charged.
    """
    write_with_retries = retry_database(write)

    @run_to_completion
    @functools.wraps(write)
    async def ended(
        outcomes: Outcomes, attempt: Attempt, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> None:
        try:
            await write_with_retries(outcomes, attempt, *args, **kwargs)
        except LeaseLost:
            await outcomes.release(attempt)
        except Unavailable:
            tokens = attempt.usage.total_tokens
            logger.warning("%s could not be ended, nor its %d tokens charged", attempt.name, tokens)
            raise

    return ended


class Outcomes:
    """Ends attempts. A method changes nothing once the attempt does not own the job any more."""

    def __init__(
        self, database: Database, reservations: AttemptReservations, queue: Queue, attempts_limit: int
    ) -> None:
        self._database = database
        self._reservations = reservations
        self._quota = reservations.quota
        self._queue = queue
        self._attempts_limit = attempts_limit

    async def succeed(self, attempt: Attempt, feedback: Feedback) -> None:
        """Saves the feedback, completes the session, moves XP and streak, and settles the quota.

        The session keeps the feedback of the newest job that succeeded. Safe to repeat.

        Raises:
            LeaseLost: the attempt does not own the job any more.
            Unavailable: the database is away or busy.
        """
        job = attempt.job
        user_id, session_id = job["user_id"], job["session_id"]
        written = feedback.model_dump(mode="json", by_alias=True)
        async with self._transaction(attempt) as connection:
            session = await practice.lock_session(connection, user_id, session_id)
            finished = await self._finish(connection, attempt, "succeeded")
            await queries.insert_feedback(connection, user_id, session_id, job["id"], written)
            if not finished["newer_succeeded"]:
                await sessions.change_session(
                    connection,
                    user_id,
                    session_id,
                    feedback.session_changes(),
                    locked=session,
                    moves_streak=feedback.measures.fluent_words >= MIN_COMPARED_WORDS,
                )
        await self._publish_end(attempt, "succeeded")

    @outcome
    async def cancel(self, attempt: Attempt) -> None:
        """Ends a job whose cancellation the learner has requested."""
        async with self._transaction(attempt) as connection:
            await self._finish(connection, attempt, "cancelled")
        await self._publish_end(attempt, "cancelled")

    @outcome
    async def fail(self, attempt: Attempt, error: CaraError) -> None:
        """Fails the job for good; the learner sees the error's code and detail."""
        async with self._transaction(attempt) as connection:
            await self._finish(connection, attempt, "failed", error)
        await self._publish_end(attempt, "failed")

    async def retry(self, attempt: Attempt, error: CaraError) -> None:
        """Requeues the job after a back-off; fails it when its attempts are used up.

        Attempts that Gemini was paid for also count against `MAX_ANSWERS`. A job does not wait for longer
        than `MAX_GEMINI_PAUSE_SECONDS` for Gemini. Once an answer is complete, Gemini is not asked again for
        reasons of ours.
        """
        wait, failures = error.retry_after_seconds or 0, attempt.job["failures"] + 1
        if wait > MAX_GEMINI_PAUSE_SECONDS:
            await self.fail(attempt, GeminiAwayForLong(wait))
        elif failures >= self._attempts_limit or attempt.answers_after(error) >= MAX_ANSWERS:
            await self.fail(attempt, error)
        elif attempt.complete and not isinstance(error, GeminiError):
            await self.fail(attempt, WriteFailed())
        else:
            await self.requeue(attempt, error, backoff_seconds(failures, wait))

    async def stop(self, attempt: Attempt) -> None:
        """Requeues the job because the worker stops; what that has cost counts against the job's attempts."""
        if attempt.billed and attempt.job["failures"] + 1 >= self._attempts_limit:
            await self.fail(attempt, WriteFailed())
        else:
            await self.requeue(attempt)

    @outcome
    async def requeue(
        self, attempt: Attempt, error: CaraError | None = None, delay_seconds: float = 0
    ) -> None:
        """Puts the job back into the queue; without an error the worker is stopping.

        Ends the job instead if the learner has requested its cancellation, or has no tokens left for another
        attempt. An attempt that ran out of output tokens is followed by one with a higher limit.
        """
        _, job_id, attempts = attempt.key
        async with self._transaction(attempt) as connection:
            left = await self._requeue_or_finish(connection, attempt, error, delay_seconds)
        if left["status"] != "queued":
            await self._publish_end(attempt, left["status"])
            return
        await attempt.publisher.status("queued", left["stage"], left["progress"])
        await self._queue.enqueue_feedback(job_id, attempts=attempts, delay_seconds=delay_seconds)
        if error:
            JOBS_RETRIED.labels(error.code).inc()
            logger.info("job %s: %s, again in %.1f s", job_id, error.code, delay_seconds)

    @outcome
    async def release(self, attempt: Attempt) -> None:
        """Lets go of a job that this attempt does not own any more; charges once what it has cost.

        The attempt's own reservation is released if it is still there, because the job is gone: whoever owns
        the job now has another one.
        """
        if attempt.ended:
            return
        user_id, job_id, attempts = attempt.key
        try:
            async with self._database.transaction() as connection:
                job = await jobs.job_of_user(connection, user_id, job_id)
                await attempt.settle(connection, self._quota)
        except ForeignKeyViolationError:
            logger.info("job %s: the account was deleted, and its ledger with it", job_id)
            return
        ended = job and job["attempts"] == attempts and job["status"] in FINISHED_STATUSES
        if job and ended and attempt.commit_unknown:
            await self._publish_end(attempt, job["status"])
        else:
            logger.warning("%s lost its lease", attempt.name)

    @asynccontextmanager
    async def _transaction(self, attempt: Attempt) -> AsyncIterator[Connection]:
        """Yields a transaction that ends the attempt."""
        async with self._database.transaction() as connection:
            yield connection
            attempt.commit_unknown = True
        attempt.ended, attempt.commit_unknown = True, False

    async def _publish_end(self, attempt: Attempt, status: str) -> None:
        """Counts the job as ended and notifies its listeners, after the commit."""
        JOBS_ENDED.labels(status).inc()
        await attempt.publisher.finished()

    async def _requeue_or_finish(
        self, connection: Connection, attempt: Attempt, error: CaraError | None, delay_seconds: float
    ) -> Record:
        """Returns the job's new status: queued with its stage, cancelled, or failed for want of quota."""
        locked = require_row(await transitions.lock_job(connection, *attempt.key))
        if locked["cancel_requested"]:
            return await self._finish(connection, attempt, "cancelled")
        more_output = attempt.job["more_output"] or isinstance(error, GeminiOutOfRoom)
        try:
            reservation_id = await attempt.reserve_next(
                connection, self._reservations, more_output=more_output
            )
        except (QuotaExceeded, TooLongForQuota) as refusal:
            return await self._finish(connection, attempt, "failed", refusal)
        return require_row(
            await transitions.requeue_job(
                connection,
                *attempt.key,
                delay_seconds=delay_seconds,
                failed=error is not None or attempt.billed,
                answers=attempt.answers_after(error),
                more_output=more_output,
                reservation_id=reservation_id,
            )
        )

    async def _finish(
        self, connection: Connection, attempt: Attempt, status: str, error: CaraError | None = None
    ) -> Record:
        problem = problem_of(error) if error else None
        finished = require_row(await transitions.finish_job(connection, *attempt.key, status, problem))
        await attempt.settle(connection, self._quota)
        if finished["reservation_id"] != attempt.job["reservation_id"]:
            # The sweeper has reserved for another attempt, which is not needed any more.
            user_id, reserved = attempt.job["user_id"], finished["reservation_id"]
            await self._quota.settle(connection, user_id, reserved, REQUEST_TYPE, None)
        return finished
