"""Writes what calls to Gemini have cost, also when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from uuid import UUID

from asyncpg import ForeignKeyViolationError

from cara.errors import TokenInvalid
from cara.observability.sentry import report
from cara.postgres.database import Database, DatabaseBusy
from cara.postgres.retry import RETRY_SECONDS, retry_database
from cara.practice.dialogue import append_dialogue
from cara.practice.queries import hold_session
from cara.quota.quota import Charge, Quota
from cara.redis.rollup_notifier import RollupNotifier
from cara.web.guard import Caller

SETTLING_SECONDS = RETRY_SECONDS
"""For so long a settlement is tried again while the database is away; reservations outlive it."""

PATIENCE_SECONDS = 6.0
"""A learner waits no longer for one; it goes on without them."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dialogue:
    """Two turns for the transcript of a session."""

    session_id: UUID
    said: str
    answered: str


@dataclass(frozen=True)
class Settlement:
    """How one call ended: what it is charged, if anything, and what is to be kept of it."""

    caller: Caller
    reservation_id: UUID
    request_type: str
    charge: Charge | None = None
    dialogue: Dialogue | None = None


class Settlements:
    """Settles calls in tasks of its own, which no client that leaves can cancel; closed after the clients."""

    def __init__(self, database: Database, quota: Quota, rollups: RollupNotifier) -> None:
        self._database = database
        self._quota = quota
        self._rollups = rollups
        self._under_way: set[asyncio.Task[int]] = set()

    def begin(self, settlement: Settlement) -> asyncio.Task[int]:
        """Settles a call; the task gives the tokens that remain today. Safe to repeat."""
        task = asyncio.create_task(self._settle(settlement), name=f"settle {settlement.reservation_id}")
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    async def wait(self, task: asyncio.Task[int]) -> int:
        """What the task gives, if it does so soon. To be cancelled here does the task no harm.

        Raises:
            Unavailable: the database is away, or busy for too long; the task may still succeed.
        """
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        if not done:
            raise DatabaseBusy(retry_after_seconds=1)
        return task.result()

    async def close(self) -> None:
        """Waits for what is under way; after `SETTLING_SECONDS` nothing is."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=SETTLING_SECONDS + PATIENCE_SECONDS)

    async def _settle(self, settlement: Settlement) -> int:
        try:
            remaining = await self._write(settlement)
            self._rollups.wake()
            return remaining
        except ForeignKeyViolationError:
            # The account was deleted while Gemini answered, and its books with it.
            raise TokenInvalid from None

    @retry_database
    async def _write(self, settlement: Settlement) -> int:
        caller, dialogue = settlement.caller, settlement.dialogue
        holding = self._database.transaction() if dialogue else self._database.acquire()
        async with holding as connection:
            if dialogue:
                # Everybody locks the session before the quota.
                await hold_session(connection, caller.user_id, dialogue.session_id)
            settled = await self._quota.settle(
                connection,
                caller.user_id,
                settlement.reservation_id,
                settlement.request_type,
                settlement.charge,
            )
            if dialogue and settled.new:
                kept = await append_dialogue(
                    connection, caller.user_id, dialogue.session_id, dialogue.said, dialogue.answered
                )
                if not kept:
                    logger.warning("session %s is gone or full: a dialogue was not kept", dialogue.session_id)
            return await self._quota.remaining_after(
                connection, caller.user_id, caller.daily_token_quota, settled
            )

    def _ended(self, task: asyncio.Task[int]) -> None:
        self._under_way.discard(task)
        if task.cancelled():
            return
        if error := task.exception():
            logger.error("could not %s: %s", task.get_name(), type(error).__name__)
            report(error)
