"""The run of a feedback job in the worker: claim, measure, ask Gemini, check, save.

The job's row is the only truth. Every step is guarded by the number of the attempt, so that a worker that
lost its lease does no harm, and running a job twice changes nothing.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import replace
from uuid import UUID

from redis.asyncio import Redis

from cara.errors import TookTooLong, Unavailable
from cara.feedback import queries
from cara.feedback.assessment.assess import assess
from cara.feedback.assessment.judgement import Judgement, NoUsableScore
from cara.feedback.assessment.prompt import feedback_call
from cara.feedback.work.attempt import (
    Attempt,
    CancelRequested,
    LeaseLost,
    WriteFailed,
    ensure_held,
    run_to_completion,
    run_with_lease,
)
from cara.feedback.work.measured import MeasuredTalk, is_short, read_and_measure
from cara.feedback.work.outcomes import Outcomes
from cara.feedback.work.progress import ASKING_PROGRESS, LATEST_PROGRESS, ProgressWriter
from cara.feedback.work.reservation import AttemptReservations
from cara.gemini.client import GeminiAnswer, GeminiCall, GeminiClient
from cara.gemini.errors import (
    GeminiBadAnswer,
    GeminiError,
    GeminiOutOfRoom,
    GeminiTransient,
    log_operator_error,
)
from cara.gemini.tokens import estimate_prompt, with_estimate
from cara.jobs import transitions
from cara.jobs.notifier import Publisher, cancel_channel
from cara.observability.metrics import JOB_WAIT_SECONDS
from cara.postgres.database import Database
from cara.postgres.retries import retry_database, retry_saving
from cara.practice import queries as practice
from cara.practice.feedback_schemas import Feedback
from cara.quota.spending import ReservationGone, SpendingRecorder
from cara.quota.spending_queries import Sent
from cara.redis.subscriber import Subscriber, Wake
from cara.speech import MIN_COMPARED_WORDS

logger = logging.getLogger(__name__)

COMPARED_SESSIONS = 5
"""The score is compared with the mean of this many earlier sessions of the feature."""

BESIDE_GEMINI_SECONDS = 20.0
"""An attempt may take this much longer than Gemini. The worker's own time limit is longer: an attempt that it
cancels is requeued, and does not count against the job's attempts."""

CHECKING_PROGRESS, SAVING_PROGRESS = LATEST_PROGRESS, 95


class FeedbackWork:
    """Runs feedback jobs: one attempt for each call of `run`.

    `thinking_level` is passed to `GeminiCall`. An attempt ends after `attempt_seconds`, by default Gemini's
    deadline and `BESIDE_GEMINI_SECONDS`.
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        subscriber: Subscriber,
        gemini: GeminiClient,
        outcomes: Outcomes,
        reservations: AttemptReservations,
        lease_seconds: float,
        *,
        thinking_level: str | None = None,
        attempt_seconds: float | None = None,
    ) -> None:
        self._database = database
        self._redis = redis
        self._subscriber = subscriber
        self._gemini = gemini
        self._outcomes = outcomes
        self._reservations = reservations
        self._recorder = SpendingRecorder(database)
        self._progress = ProgressWriter(database)
        self._lease_seconds = lease_seconds
        self._thinking_level = thinking_level
        self._attempt_seconds = attempt_seconds or gemini.limits.deadline_seconds + BESIDE_GEMINI_SECONDS

    async def run(self, job_id: UUID) -> None:
        """Makes one attempt at the job, if it is claimable, and ends the attempt with one of `Outcomes`.

        Being cancelled means that the worker stops: the job is requeued for another worker.

        Raises:
            Unavailable: the database was away for longer than `retry_database` waits; the sweeper finds the
                job.
            Exception: an unforeseen error, for reports; the job is retried.
        """
        async with self._subscriber.listen(cancel_channel(job_id)) as cancelled:
            attempt = await self._claim(job_id)
            if attempt is None:
                logger.info("job %s is not claimable", job_id)
            else:
                await self._attempt(attempt, cancelled)

    async def _attempt(self, attempt: Attempt, cancelled: Wake) -> None:
        """Makes a claimed attempt, and ends it, as `run` says."""
        lease = run_with_lease(self._database, cancelled, attempt.job, self._lease_seconds)
        try:
            async with asyncio.timeout(self._attempt_seconds), lease:
                ensure_held(attempt.job)
                measured = await self._measure(attempt)
                await self._progress.reach(attempt, "asking", ASKING_PROGRESS)
                answer = await self._ask(attempt, measured)
                attempt.publisher.hold_progress("checking", CHECKING_PROGRESS)
                await self._save(attempt, measured, answer)
        except LeaseLost:
            await self._outcomes.release(attempt)
        except CancelRequested:
            await self._outcomes.cancel(attempt)
        except GeminiTransient as error:
            await self._outcomes.retry(attempt, error)
        except GeminiError as error:
            log_operator_error(error)
            await self._outcomes.fail(attempt, error)
        except TimeoutError:
            await self._outcomes.retry(attempt, TookTooLong())
        except asyncio.CancelledError:
            await self._outcomes.stop(attempt)
            raise
        except Unavailable as error:
            await self._outcomes.retry(attempt, error)
        except Exception:
            await self._outcomes.retry(attempt, WriteFailed())
            raise

    async def _claim(self, job_id: UUID) -> Attempt | None:
        async with self._database.acquire() as connection:
            job = await transitions.claim_job(connection, job_id, self._lease_seconds)
        if job is None:
            return None
        JOB_WAIT_SECONDS.observe(job["waited_seconds"])
        return Attempt(job, Publisher(self._redis, job_id, job["attempts"]), self._gemini.model)

    async def _measure(self, attempt: Attempt) -> MeasuredTalk:
        """Measures the talk.

        Listeners learn that the job runs: before a long talk is measured, else with the next event.
        """
        job = attempt.job
        attempt.publisher.hold_status("running", job["stage"], job["progress"])
        if is_short(job):
            return read_and_measure(job)
        await attempt.publisher.flush()
        return await asyncio.to_thread(read_and_measure, job)

    async def _ask(self, attempt: Attempt, measured: MeasuredTalk) -> GeminiAnswer:
        """Streams the judgement; what it costs is recorded while Gemini writes.

        Raises:
            GeminiError: there is no answer to use.
            LeaseLost: the job or its reservation is not the attempt's any more.
            CancelRequested: the learner has requested that the job is cancelled.
        """
        call = await self._call(attempt, measured)
        sent = Sent(self._gemini.model, estimate_prompt(call))
        record = self._recorder.open(attempt.job["user_id"], attempt.job["reservation_id"], sent)
        async with self._gemini.stream(call, record) as stream:
            try:
                with self._recorder.following(record, stream):
                    await self._progress.follow(attempt, stream)
            except ReservationGone:
                raise LeaseLost from None
            finally:
                attempt.usage, attempt.answered = stream.spent, stream.answered
                attempt.model = stream.model or attempt.model
        attempt.complete = True
        return stream.answer

    @retry_database
    async def _call(self, attempt: Attempt, measured: MeasuredTalk) -> GeminiCall:
        """Returns the call for a judgement, which also sees the goal and the latest action items."""
        job = attempt.job
        feature_type = job["feature_type"]
        async with self._database.acquire() as connection:
            known = await queries.known_to_judge(connection, job["user_id"], job["session_id"], feature_type)
        call = with_estimate(
            feedback_call(
                feature_type,
                measured.talk,
                measured.measures,
                known["action_items"] or [],
                self._thinking_level,
                goal=known["goal"],
            )
        )
        return replace(call, max_output_tokens=self._reservations.output_limit(job, call))

    @run_to_completion
    @retry_saving
    async def _save(self, attempt: Attempt, measured: MeasuredTalk, answer: GeminiAnswer) -> None:
        """Makes feedback of the answer and saves it, though the worker stops or the database is away.

        Safe to repeat: the answer is paid for, and Gemini is not asked for it again.

        Raises:
            GeminiBadAnswer: the answer cannot be used.
            LeaseLost, CancelRequested: the job is not the attempt's any more, or not wanted.
            Unavailable: the database was away for too long.
        """
        feedback = await self._check(attempt, measured, answer)
        await self._progress.reach(attempt, "saving", SAVING_PROGRESS)
        await self._outcomes.succeed(attempt, feedback)

    async def _check(self, attempt: Attempt, measured: MeasuredTalk, answer: GeminiAnswer) -> Feedback:
        """Returns the feedback from measures and judgement.

        Raises:
            GeminiOutOfRoom: the answer was cut off at its output limit, and has no score.
            GeminiBadAnswer: the answer has no score.
        """
        try:
            judgement = Judgement.read(answer.data)
        except NoUsableScore:
            if answer.truncated:
                raise GeminiOutOfRoom(usage=answer.usage) from None
            raise GeminiBadAnswer("no_score", usage=answer.usage) from None
        assessed = functools.partial(
            assess,
            measured.talk,
            attempt.job["feature_type"],
            measured.measures,
            judgement,
            model=attempt.model,
            recent_mean_score=await self._recent_mean_score(attempt),
        )
        return assessed() if is_short(attempt.job) else await asyncio.to_thread(assessed)

    async def _recent_mean_score(self, attempt: Attempt) -> float | None:
        job = attempt.job
        async with self._database.acquire() as connection:
            return await practice.recent_mean_score(
                connection,
                job["user_id"],
                job["feature_type"],
                job["session_id"],
                COMPARED_SESSIONS,
                min_fluent_words=MIN_COMPARED_WORDS,
            )
