"""Holding a job: the lease that a living worker renews, and that a dead one lets go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from cara.errors import Unavailable
from cara.jobs import transitions
from cara.jobs.notifier import cancel_channel
from cara.postgres.database import Database, Record
from cara.redis.subscriber import Subscriber

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

RENEWALS_PER_LEASE = 3


class LeaseLost(Exception):
    """The job belongs to another attempt by now, or is gone: hands off."""


class CancelWanted(Exception):
    """The learner wants the job to stop."""


def ensure_held(row: Record | None) -> None:
    """Checks what a guarded statement of a running job gave back.

    Raises:
        LeaseLost: it matched nothing.
        CancelWanted: the job is to stop.
    """
    if row is None:
        raise LeaseLost
    if row["cancel_requested"]:
        raise CancelWanted


async def keep_lease(database: Database, subscriber: Subscriber, job: Record, lease_seconds: float) -> None:
    """Renews the lease again and again, and at once when somebody asks to cancel; never returns.

    Raises:
        LeaseLost: it could not be renewed.
        CancelWanted: the job is to stop.
    """
    async with subscriber.listen(cancel_channel(job["id"])) as wake:
        while True:
            try:
                async with database.acquire() as connection:
                    ensure_held(
                        await transitions.renew_lease(
                            connection, job["user_id"], job["id"], job["attempts"], lease_seconds
                        )
                    )
            except Unavailable:
                pass  # the lease outlives a few failed renewals; when it does not, the next one says so
            try:
                async with asyncio.timeout(lease_seconds / RENEWALS_PER_LEASE):
                    await wake.wait()
            except TimeoutError:
                continue
            wake.clear()


async def to_its_end(ending: Coroutine[Any, Any, Result]) -> Result:
    """What must not be left half done: whoever is cancelled meanwhile is so when it is through."""
    task = asyncio.create_task(ending)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, Exception):
            logger.info("an ending failed while it was cancelled: %s", type(outcome).__name__)
        raise


async def while_held(lease: Coroutine[Any, Any, None], work: Coroutine[Any, Any, Result]) -> Result:
    """Does the work for as long as the lease is kept; when the lease ends first, its reason is raised."""
    tasks = keeper, worker = asyncio.create_task(lease), asyncio.create_task(work)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not worker.done():
            await keeper
        return worker.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
