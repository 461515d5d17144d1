"""Who owns a running job: the lease that a living worker renews, and what must not be cut short."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

from cara.errors import Unavailable
from cara.jobs import transitions
from cara.jobs.notifier import cancel_channel
from cara.postgres.database import Database, Record
from cara.redis.subscriber import Subscriber

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

RENEWALS_PER_LEASE = 3


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
    if row is None:
        raise LeaseLost
    if row["cancel_requested"]:
        raise CancelRequested


def require_row(row: Record | None) -> Record:
    """Returns the row of a guarded statement; raises LeaseLost when there is none."""
    if row is None:
        raise LeaseLost
    return row


@asynccontextmanager
async def run_with_lease(
    database: Database, subscriber: Subscriber, job: Record, lease_seconds: float
) -> AsyncIterator[None]:
    """Renews the lease of a claimed job for the length of the block; cancels the block when the lease ends.

    Raises:
        LeaseLost: the lease could not be renewed.
        CancelRequested: the learner has requested that the job is cancelled.
    """
    block = asyncio.current_task()
    assert block is not None
    cancellations, reason = block.cancelling(), None
    try:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(_keep_lease(database, subscriber, job, lease_seconds))
            yield
            keeper.cancel()
    except BaseExceptionGroup as errors:
        reason = errors.exceptions[0]  # of the lease, which then cancelled the block, or of the block
    if reason:
        # Before Python 3.13 a TaskGroup drops a cancellation from outside that coincides with an error.
        raise asyncio.CancelledError if block.cancelling() > cancellations else reason


async def _keep_lease(database: Database, subscriber: Subscriber, job: Record, lease_seconds: float) -> None:
    """Renews the lease periodically, and at once when somebody requests a cancellation; never returns."""
    async with subscriber.listen(cancel_channel(job["id"])) as wake:
        while True:
            try:
                async with database.acquire() as connection:
                    renewed = await transitions.renew_lease(
                        connection, job["user_id"], job["id"], job["attempts"], lease_seconds
                    )
                ensure_held(renewed)
            except Unavailable:
                pass  # the lease outlives some failed renewals; if it expires, the next renewal notices
            try:
                async with asyncio.timeout(lease_seconds / RENEWALS_PER_LEASE):
                    await wake.wait()
            except TimeoutError:
                continue
            wake.clear()


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
