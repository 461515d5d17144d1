"""Settles what calls of the coach have cost, also when no client waits for it any more."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from uuid import UUID

from asyncpg import ForeignKeyViolationError

from cara.errors import TokenInvalid
from cara.observability.sentry import report
from cara.postgres.database import Database
from cara.postgres.errors import DatabaseBusy, DatabaseTrouble
from cara.postgres.retries import RETRY_SECONDS, retry_database
from cara.practice import queries as practice
from cara.practice.dialogue import append_dialogue
from cara.quota.queries import Charge
from cara.quota.quota import Quota
from cara.redis.queue import RollupNotifier
from cara.web.guard import Caller

SETTLING_SECONDS = RETRY_SECONDS
"""A settlement is repeated for this long while the database is away; reservations outlive it."""

WAIT_TIMEOUT_SECONDS = 4.5
"""A request waits no longer for its settlement, which goes on without it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dialogue:
    """The learner's turn and the coach's answer, for the transcript of a session."""

    session_id: UUID
    prompt: str
    answer: str


@dataclass(frozen=True)
class Settlement:
    """How one call ended: its charge, if it cost anything, and what to keep of it."""

    caller: Caller
    reservation_id: UUID
    request_type: str
    charge: Charge | None = None
    dialogue: Dialogue | None = None


class SettlementTracker:
    """Settles calls in tasks of its own, which no client that leaves can cancel; closed after the clients."""

    def __init__(self, database: Database, quota: Quota, rollup_notifier: RollupNotifier) -> None:
        self._database = database
        self._quota = quota
        self._rollup_notifier = rollup_notifier
        self._tasks: set[asyncio.Task[int]] = set()

    def begin(self, settlement: Settlement) -> asyncio.Task[int]:
        """Starts to settle a call; the task returns the tokens that remain today. Safe to repeat."""
        task = asyncio.create_task(self._settle(settlement), name=f"settle {settlement.reservation_id}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def wait(self, task: asyncio.Task[int]) -> int:
        """Returns what the task returns, if it does so soon. Cancelling the wait does not cancel the task.

        Raises:
            Unavailable: the database is away, or busy for too long; the task may still succeed.
        """
        done, _ = await asyncio.wait({task}, timeout=WAIT_TIMEOUT_SECONDS)
        if not done:
            raise DatabaseBusy(retry_after_seconds=1)
        return task.result()

    async def close(self) -> None:
        """Waits for the settlements under way; after `SETTLING_SECONDS` there are none."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SETTLING_SECONDS + WAIT_TIMEOUT_SECONDS)

    async def _settle(self, settlement: Settlement) -> int:
        try:
            remaining = await self._write(settlement)
            self._rollup_notifier.wake()
            return remaining
        except ForeignKeyViolationError:
            # The account was deleted while Gemini answered, and its ledger with it.
            raise TokenInvalid from None

    @retry_database
    async def _write(self, settlement: Settlement) -> int:
        caller, dialogue = settlement.caller, settlement.dialogue
        holding = self._database.transaction() if dialogue else self._database.acquire()
        async with holding as connection:
            if dialogue:
                # The session is locked before the quota, as everywhere: else two transactions could deadlock.
                await practice.hold_session(connection, caller.user_id, dialogue.session_id)
            settled = await self._quota.settle(
                connection,
                caller.user_id,
                settlement.reservation_id,
                settlement.request_type,
                settlement.charge,
            )
            if dialogue and settled.is_new:
                appended = await append_dialogue(
                    connection, caller.user_id, dialogue.session_id, dialogue.prompt, dialogue.answer
                )
                if not appended:
                    logger.warning("session %s is gone or full: a dialogue was not kept", dialogue.session_id)
            return await self._quota.remaining_after(
                connection, caller.user_id, caller.daily_token_quota, settled
            )

    def _ended(self, task: asyncio.Task[int]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        # An outage of the database is logged once. What was not settled is closed as it was recorded.
        if error and not isinstance(error, DatabaseTrouble):
            logger.error("could not %s: %s", task.get_name(), type(error).__name__)
            report(error)
