"""One attempt at a feedback job: what the worker knows of it, why it fails, and its lease."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from cara.errors import CaraError, Unavailable
from cara.feedback.work.reservation import REQUEST_TYPE, AttemptReservations
from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.gemini.errors import GeminiBadAnswer
from cara.jobs import transitions
from cara.jobs.notifier import Publisher
from cara.postgres.database import Connection, Database, Record
from cara.quota.queries import Charge
from cara.quota.quota import Quota
from cara.redis.subscriber import Wake
from cara.users import queries as users

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS = 1.0, 60.0
RENEWALS_PER_LEASE = 3


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


class LeaseLost(Exception):
    """The job belongs to another attempt, has ended, or is gone: this worker must not change it any more."""


class CancelRequested(Exception):
    """The learner has requested that the job is cancelled."""


def ensure_held(row: Record | None) -> None:
    """Checks the row that a guarded statement of a running job returned.

    Raises:
        LeaseLost: the statement matched nothing.
        CancelRequested: cancel_requested is set.
    """
    if require_row(row)["cancel_requested"]:
        raise CancelRequested


def require_row(row: Record | None) -> Record:
    """Returns the row of a guarded statement; raises LeaseLost when there is none."""
    if row is None:
        raise LeaseLost
    return row


@dataclass
class Attempt:
    """One claim of a job by this worker, with what its call has cost so far.

    `answered` is set once Gemini has begun to answer, and `complete` once a whole answer is there. `ended` is
    set once the outcome is committed. `commit_unknown` is set from the COMMIT of an outcome until its
    acknowledgement, which may never come.
    """

    job: Record
    publisher: Publisher
    model: str
    usage: GeminiUsage = NOTHING_USED
    answered: bool = False
    complete: bool = False
    ended: bool = False
    commit_unknown: bool = False

    @property
    def billed(self) -> bool:
        """Whether the attempt has cost anything."""
        return self.usage.total_tokens > 0

    def answers_after(self, error: CaraError | None) -> int:
        """Returns how many judgements of the job were paid for, if this attempt ends with the error.

        Without an error the worker is stopping: what it cuts short is no judgement.
        """
        paid = error is not None and (self.answered or isinstance(error, GeminiBadAnswer))
        return int(self.job["answers"]) + paid

    @property
    def name(self) -> str:
        """The attempt's name in logs."""
        return f"job {self.job['id']}: attempt {self.job['attempts']}"

    @property
    def key(self) -> tuple[UUID, UUID, int]:
        """User, job and number of the attempt: what guarded statements match."""
        return self.job["user_id"], self.job["id"], self.job["attempts"]

    async def settle(self, connection: Connection, quota: Quota) -> None:
        """Charges once what the attempt has cost, and releases its reservation; safe to repeat."""
        charge = Charge.of(self.model, self.usage)
        user_id, reservation_id = self.job["user_id"], self.job["reservation_id"]
        await quota.settle(connection, user_id, reservation_id, REQUEST_TYPE, charge)

    async def reserve_next(
        self, connection: Connection, reservations: AttemptReservations, *, more_output: bool
    ) -> UUID:
        """Settles this attempt and reserves for the job's next one, with the job locked.

        Raises:
            QuotaExceeded, TooLongForQuota: the tokens of today, or of any day, do not suffice.
        """
        await self.settle(connection, reservations.quota)
        return await reserve_again(connection, reservations, self.job, more_output=more_output)


async def reserve_again(
    connection: Connection, reservations: AttemptReservations, job: Record, *, more_output: bool
) -> UUID:
    """Reserves for the next attempt at a job; returns the reservation's id.

    Raises:
        QuotaExceeded, TooLongForQuota: the tokens of today, or of any day, do not suffice.
    """
    user = require_row(await users.quota_of_user(connection, job["user_id"]))
    return await reservations.reserve(
        connection,
        job["user_id"],
        job["feature_type"],
        job["prompt_tokens"],
        user["daily_token_quota"],
        more_output=more_output,
    )


def backoff_seconds(failures: int, retry_after_seconds: float) -> float:
    """Returns an exponential back-off with jitter: half to whole of 1, 2, 4 … 60 s.

    It is at least `retry_after_seconds`.
    """
    delay = min(math.ldexp(FIRST_DELAY_SECONDS, failures - 1), MAX_DELAY_SECONDS)
    return max(delay * random.uniform(0.5, 1), retry_after_seconds)


def problem_of(error: CaraError) -> dict[str, str]:
    """Returns the error as it is stored with the job."""
    return {"code": error.code, "detail": error.detail}


@asynccontextmanager
async def run_with_lease(
    database: Database, cancelled: Wake, job: Record, lease_seconds: float
) -> AsyncIterator[None]:
    """Renews the lease of a claimed job for the length of the block; cancels the block when the lease ends.

    `cancelled` listens to the job's cancel channel since before the claim.

    Raises:
        LeaseLost: the lease could not be renewed.
        CancelRequested: the learner has requested that the job is cancelled.
    """
    block = asyncio.current_task()
    assert block is not None
    cancellations, reason = block.cancelling(), None
    try:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(_keep_lease(database, cancelled, job, lease_seconds))
            yield
            keeper.cancel()
    except BaseExceptionGroup as errors:
        reason = errors.exceptions[0]  # of the lease, which then cancelled the block, or of the block
    if reason:
        # Before Python 3.13 a TaskGroup drops a cancellation from outside that coincides with an error.
        raise asyncio.CancelledError if block.cancelling() > cancellations else reason


async def _keep_lease(database: Database, cancelled: Wake, job: Record, lease_seconds: float) -> None:
    """Renews the lease periodically, and at once when a cancellation is requested; never returns."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(lease_seconds / RENEWALS_PER_LEASE):
                await cancelled.wait()
        cancelled.clear()
        # The lease outlives some failed renewals; if it expires, the next renewal notices.
        with suppress(Unavailable):
            async with database.acquire() as connection:
                renewed = await transitions.renew_lease(
                    connection, job["user_id"], job["id"], job["attempts"], lease_seconds
                )
            ensure_held(renewed)


def run_to_completion(
    operation: Callable[Arguments, Coroutine[Any, Any, Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Decorates an operation that must not be left half done: it is cancelled only after it has ended."""

    @functools.wraps(operation)
    async def completed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        task = asyncio.create_task(operation(*args, **kwargs))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            (result,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(result, Exception):
                logger.info("%s failed while cancelled: %s", operation.__qualname__, type(result).__name__)
            raise

    return completed
