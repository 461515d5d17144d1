"""Working on a job: claim it, measure, ask, check, save. What the worker process calls.

The job's row is the only truth. Every step is guarded by the number of the attempt, so that a worker whose
lease was lost can do no harm, and running a job twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from redis.asyncio import Redis

from cara.errors import TookTooLong, Unavailable
from cara.feedback import queries
from cara.feedback.assessment.assess import assess
from cara.feedback.assessment.judgement import Judgement, NoUsableScore
from cara.feedback.assessment.prompt import GrowingTexts, feedback_call
from cara.feedback.events.publish import Publisher
from cara.feedback.schemas import Feedback
from cara.feedback.work.attempt import Attempt
from cara.feedback.work.failures import WriteFailed
from cara.feedback.work.lease import CancelWanted, LeaseLost, ensure_held, keep_lease, to_its_end, while_held
from cara.feedback.work.outcomes import Ending
from cara.gemini.client import GeminiAnswer, GeminiClient
from cara.gemini.errors import (
    GeminiBadAnswer,
    GeminiError,
    GeminiOutOfRoom,
    GeminiTransient,
    log_operator_error,
)
from cara.jobs import transitions
from cara.observability.metrics import JOB_WAIT_SECONDS
from cara.postgres.database import Database
from cara.postgres.retry import retry_database
from cara.redis.subscriber import Subscriber
from cara.speech import SpeechMeasures, measure

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

COMPARED_SESSIONS = 5
"""The score is compared with the mean of so many earlier sessions of the feature."""

BESIDE_GEMINI_SECONDS = 20.0
"""An attempt may take so much longer than Gemini. The worker's own limit lies behind that: an attempt that it
cancels nevertheless is handed back, and not counted against the tries.
"""

ASKING_PROGRESS, CHECKING_PROGRESS, SAVING_PROGRESS = 15, 88, 95
USUAL_ANSWER_CHARACTERS = 3_000
"""How long a judgement usually is: progress while it is written goes by its length."""


class FeedbackWork:
    """Works on feedback jobs, one call of `run` a job.

    `thinking_level` is that of `GeminiCall`. An attempt ends after `attempt_seconds`; by default Gemini's
    deadline and what is to be done beside.
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        subscriber: Subscriber,
        gemini: GeminiClient,
        ending: Ending,
        lease_seconds: float,
        *,
        thinking_level: str | None = None,
        attempt_seconds: float | None = None,
    ) -> None:
        self._database = database
        self._redis = redis
        self._subscriber = subscriber
        self._gemini = gemini
        self._ending = ending
        self._lease_seconds = lease_seconds
        self._thinking_level = thinking_level
        self._attempt_seconds = attempt_seconds or gemini.limits.deadline_seconds + BESIDE_GEMINI_SECONDS

    async def run(self, job_id: UUID) -> None:
        """Makes one attempt at the job, if it is to be had. Raises only what nobody foresaw, and Unavailable
        when the database was away for longer than `retry_database` waits: then the sweeper finds the job.

        To be cancelled means that the worker goes away: the job is handed back for another one.
        """
        async with self._database.acquire() as connection:
            job = await transitions.claim_job(connection, job_id, self._lease_seconds)
        if job is None:
            logger.info("job %s is not to be had", job_id)
            return
        JOB_WAIT_SECONDS.observe(job["waited_seconds"])
        await self._work(Attempt(job, Publisher(self._redis, job_id, job["attempts"]), self._gemini.model))

    async def _work(self, attempt: Attempt) -> None:
        """The attempt, and the ending that fits how it went."""
        lease = keep_lease(self._database, self._subscriber, attempt.job, self._lease_seconds)
        try:
            async with asyncio.timeout(self._attempt_seconds):
                await while_held(lease, self._write(attempt))
        except LeaseLost:
            await self._end(self._ending.lose, attempt)
        except CancelWanted:
            await self._end(self._ending.cancel, attempt)
        except GeminiTransient as error:
            await self._end(self._ending.retry, attempt, error)
        except GeminiError as error:
            log_operator_error(error)
            await self._end(self._ending.fail, attempt, error)
        except TimeoutError:
            await self._end(self._ending.retry, attempt, TookTooLong())
        except asyncio.CancelledError:
            await self._end(self._ending.hand_back, attempt)
            raise
        except Unavailable as error:
            await self._end(self._ending.retry, attempt, error)
        except Exception:
            await self._end(self._ending.retry, attempt, WriteFailed())
            raise

    async def _end(self, ending: Callable[..., Awaitable[None]], attempt: Attempt, *why: Any) -> None:
        """Ends the attempt in a way of `Ending`, cancelled or not, however often the database goes away."""

        async def end() -> None:
            try:
                await retry_database(ending)(attempt, *why)
            except LeaseLost:
                await retry_database(self._ending.lose)(attempt)

        try:
            await to_its_end(end())
        except Unavailable:
            logger.error(
                "%s could not be ended, nor its %d tokens charged", attempt.name, attempt.usage.total_tokens
            )
            raise

    async def _write(self, attempt: Attempt) -> None:
        job = attempt.job
        await attempt.publisher.status("running")
        measures = await asyncio.to_thread(
            measure,
            job["transcript"],
            duration_seconds=job["duration_seconds"],
            feature_type=job["feature_type"],
        )
        await self._reach(attempt, "asking", ASKING_PROGRESS)
        answer = await self._ask(attempt, measures)
        await self._reach(attempt, "checking", CHECKING_PROGRESS)
        feedback = await self._check(attempt, measures, answer)
        await self._reach(attempt, "saving", SAVING_PROGRESS)
        await to_its_end(retry_database(self._ending.succeed)(attempt, feedback))

    async def _query(self, query: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
        """What a statement gives, on a connection of its own, as soon as the database is there."""

        async def ask() -> Result:
            async with self._database.acquire() as connection:
                return await query(connection, *arguments)

        return await retry_database(ask)()

    async def _reach(self, attempt: Attempt, stage: str, progress: int) -> None:
        ensure_held(await self._query(transitions.advance_job, *attempt.key, stage, progress))
        await attempt.publisher.progress(stage, progress)

    async def _ask(self, attempt: Attempt, measures: SpeechMeasures) -> GeminiAnswer:
        """Streams the judgement, telling listeners the text as it is written."""
        job = attempt.job
        last_actions = await self._query(
            queries.last_action_items, job["user_id"], job["feature_type"], job["session_id"]
        )
        call = feedback_call(
            job["feature_type"],
            job["transcript"],
            measures,
            last_actions,
            self._thinking_level,
            attempt.output_tokens,
        )
        texts = GrowingTexts()
        told = ASKING_PROGRESS
        async with self._gemini.stream(call) as stream:
            try:
                async for chunk in stream:
                    for part, text in texts.grow(chunk.text):
                        await attempt.publisher.partial(part, text)
                    reached = _asking_progress(texts.length)
                    if reached > told:
                        told = reached
                        await attempt.publisher.progress("asking", reached)
            finally:
                attempt.usage, attempt.paid = stream.usage, stream.paid
                attempt.model = stream.model or attempt.model
        return stream.answer

    async def _check(self, attempt: Attempt, measures: SpeechMeasures, answer: GeminiAnswer) -> Feedback:
        """The feedback that the answer amounts to; one without any score is a broken one."""
        job = attempt.job
        try:
            judgement = Judgement.read(answer.data)
        except NoUsableScore:
            if answer.truncated:
                raise GeminiOutOfRoom(usage=answer.usage) from None
            raise GeminiBadAnswer("no_score", usage=answer.usage) from None
        told = job["user_id"], job["feature_type"], job["session_id"], COMPARED_SESSIONS
        mean = await self._query(queries.recent_mean_score, *told)
        return await asyncio.to_thread(
            assess,
            job["transcript"],
            job["feature_type"],
            measures,
            judgement,
            model=attempt.model,
            recent_mean_score=mean,
        )


def _asking_progress(characters: int) -> int:
    """Progress while Gemini writes, in steps of five."""
    share = min(characters / USUAL_ANSWER_CHARACTERS, 1)
    return ASKING_PROGRESS + 5 * int(share * (CHECKING_PROGRESS - ASKING_PROGRESS) / 5)
