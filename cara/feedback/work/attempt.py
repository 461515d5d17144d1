"""One attempt at a feedback job: what the worker knows of it, what it may cost, and why it fails."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from uuid import UUID, uuid5

from cara.errors import CaraError
from cara.feedback.assessment.prompt import MAX_OUTPUT_TOKENS, MORE_OUTPUT_TOKENS, upper_estimate_of_prompt
from cara.feedback.events.publish import Publisher
from cara.feedback.work.lease import require_row
from cara.gemini.errors import NOTHING_USED, GeminiBadAnswer, GeminiUsage
from cara.jobs import transitions
from cara.postgres.database import Connection, Record
from cara.quota.quota import Charge, Quota
from cara.users.queries import caller_by_id

REQUEST_TYPE = "feedback"
KEEP_RESERVATION_SECONDS = 3_600
"""A reservation expires after this time unless the sweeper prolongs it for a live job."""

FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS = 1.0, 60.0


@dataclass
class Attempt:
    """One claim of a job by this worker, with its usage so far as counted by Gemini.

    `paid` is set once Gemini has begun to answer. `ended` is set once the outcome is committed.
    `commit_unknown` is set between the COMMIT of an outcome and its acknowledgement.
    """

    job: Record
    publisher: Publisher
    model: str
    usage: GeminiUsage = NOTHING_USED
    paid: bool = False
    ended: bool = False
    commit_unknown: bool = False

    @property
    def output_tokens(self) -> int:
        """The output limit for the judgement of this attempt."""
        return self.job["output_tokens"] or MAX_OUTPUT_TOKENS

    def answers_after(self, error: CaraError) -> int:
        """How many judgements of the job were paid for, if this attempt ends with the error."""
        paid = self.paid or self.usage.total_tokens > 0 or isinstance(error, GeminiBadAnswer)
        return int(self.job["answers"]) + paid

    @property
    def name(self) -> str:
        """The attempt's name in logs."""
        return f"job {self.job['id']}: attempt {self.job['attempts']}"

    @property
    def key(self) -> tuple[UUID, UUID, int]:
        """User, job and number of the attempt: what guarded statements match."""
        return self.job["user_id"], self.job["id"], self.job["attempts"]

    @property
    def ledger_id(self) -> UUID:
        """The id of the attempt's charge in the ledger."""
        return ledger_id_of(self.job["id"], self.job["attempts"])

    async def settle(self, connection: Connection, quota: Quota, reservation_id: UUID) -> None:
        """Charges once what Gemini counted, and gives the reservation back; safe to repeat."""
        charge = Charge.of(self.model, self.usage)
        await quota.settle(
            connection, self.job["user_id"], reservation_id, REQUEST_TYPE, charge, ledger_id=self.ledger_id
        )

    async def renew_reservation(
        self, connection: Connection, quota: Quota, *, more_output: bool
    ) -> int | None:
        """Settles this attempt and reserves for the job's next one, with the job locked.

        Returns the output limit of the next attempt in tokens; None stands for the default.

        Raises:
            QuotaExceeded, TooLongForQuota: the tokens of today, or of any day, do not suffice.
        """
        user_id = self.job["user_id"]
        await self.settle(connection, quota, self.job["reservation_id"])
        user = require_row(await caller_by_id(connection, user_id))
        reservation_id, output_tokens = await reserve_attempt(
            connection, quota, user_id, self.job, user["daily_token_quota"], more_output=more_output
        )
        await transitions.replace_reservation(connection, *self.key, reservation_id)
        return output_tokens


def ledger_id_of(job_id: UUID, attempts: int) -> UUID:
    """The id of an attempt's charge: always the same one, so that the attempt is charged once."""
    return uuid5(job_id, str(attempts))


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
    prompt_tokens = upper_estimate_of_prompt(judged["feature_type"], judged["transcript"])
    reserved = await quota.reserve_some(
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


def backoff_seconds(failures: int, retry_after_seconds: float) -> float:
    """Exponential back-off with jitter (half to whole of 1, 2, 4 … 60 s), at least `retry_after_seconds`."""
    delay = min(math.ldexp(FIRST_DELAY_SECONDS, failures - 1), MAX_DELAY_SECONDS)
    return max(delay * random.uniform(0.5, 1), retry_after_seconds)


def problem_of(error: CaraError) -> dict[str, str]:
    """The error as it is stored with the job."""
    return {"code": error.code, "detail": error.detail}
