"""One process that uses `Quota` on connections of its own, and records each operation: see `quota_history`.

Several tasks reserve, settle, release, forget and settle again, mostly for the few learners whose turn it is,
so that operations of a learner overlap, also with those of other processes. Some are cancelled, some are made
in a transaction, some of these are rolled back. Days pass quickly, and the clock is put forward and back.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.quota_records import ALONE, FLEET, IN_TRANSACTION, ROLLED_BACK, RecordWriter
from bench.quota_sessions import Ended, Options, Session, SteppedClock, seen
from cara.postgres.database import new_id
from cara.quota import spending_queries
from cara.quota.queries import Charge
from cara.quota.quota import Quota
from cara.quota.spending_queries import Sent

TASKS = 8
HOT_LEARNERS = 12
TURN_SECONDS = 0.5
"""How long the same few learners are busy in all processes."""

LIMITS = (1_000, 3_000, 10_000)
SHORT_SECONDS = (0.02, 0.3)
"""For how long reservations are kept that may well expire."""

CANCEL_RATE = 0.02
CANCEL_SECONDS = 0.003
SWEEP_SECONDS = 0.15
STEP_SECONDS = 1.0
STEP_HOURS = 30

MOMENT: ContextVar[datetime] = ContextVar("MOMENT")
"""What the clock shows during the operation of this task, so that its record names the day that it used."""


def user_id_of(learner: int) -> UUID:
    return UUID(int=learner + 1)


@dataclass(frozen=True)
class ReservedCall:
    """A reservation that was granted, and its day as an ordinal; 0 tokens if it may not have been."""

    learner: int
    id: UUID
    day: int
    tokens: int

    @property
    def user_id(self) -> UUID:
        return user_id_of(self.learner)


class Load:
    """The operations of this process."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._random = random.Random(options.seed)
        self._records = RecordWriter(Path(options.file))
        self._clock = SteppedClock(options.origin)
        self._quota = Quota(LIMITS[0], MOMENT.get)
        self._left = options.operations
        self._done = asyncio.Event()
        self._past: deque[ReservedCall] = deque(maxlen=200)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as around:
            around.create_task(self._sweep())
            around.create_task(self._step_clock())
            async with asyncio.TaskGroup() as group:
                for _ in range(TASKS):
                    group.create_task(self._work())
            self._done.set()

    async def _work(self) -> None:
        session = await Session(self._options).connect()
        while self._left > 0:
            learner, chance = self._pick_learner(), self._random.random()
            if chance < 0.06:
                await self._read(session, learner)
            elif chance < 0.2 and self._past:
                await self._settle_again(session)
            else:
                await self._serve(session, learner)

    async def _serve(self, session: Session, learner: int) -> None:
        """Reserves, records what was sent, and settles, closes or forgets what was granted."""
        call = await self._reserve(session, learner)
        if call is None:
            return
        self._past.append(call)
        if self._random.random() < 0.3:
            await self._record(session, call)
        fate = self._random.random()
        if fate < 0.6:
            await self._settle(session, call, self._cost(call))
        elif fate < 0.75:
            await self._settle(session, call, None)
        elif fate < 0.85:
            await self._close(session, call)

    async def _settle_again(self, session: Session) -> None:
        """Settles or records what another task is about to settle, has settled, or has forgotten."""
        recent, chance = self._random.random() < 0.5, self._random.random()
        call = self._past[-1] if recent else self._random.choice(self._past)
        if chance < 0.1:
            await self._close(session, call)
        elif chance < 0.3:
            await self._record(session, call)
        else:
            await self._settle(session, call, None if chance < 0.4 else self._cost(call))

    async def _reserve(self, session: Session, learner: int) -> ReservedCall | None:
        """Returns the reservation, with 0 tokens where the outcome is unknown; None if it was refused."""
        mode, day, name = self._mode(), self._begin(), new_id()
        least, limit = self._random.choice((20, 60, 150, 300)), LIMITS[learner % len(LIMITS)]
        most = least * self._random.choices((1, 3, 100), (10, 8, 2))[0]
        keeps = self._random.random() < 0.7
        keep_seconds = self._options.keep_seconds if keeps else self._random.uniform(*SHORT_SECONDS)
        sent = self._random.randrange(least) if self._random.random() < 0.4 else None
        work = self._quota.reserve(
            session.connection,
            user_id_of(learner),
            least,
            most,
            "process",
            own_limit=limit,
            keep_seconds=keep_seconds,
            reservation_id=name,
            durable=mode != ALONE,
            sent=None if sent is None else Sent("a-model", sent),
        )
        keep = int(keep_seconds * 1e9)
        arguments = {"least": least, "most": most, "limit": limit, "keep": keep, "sent": sent, "mode": mode}
        number = self._records.invoked("reserve", learner, id=str(name), day=day, **arguments)
        ended = await self._run(session, work, mode)
        tokens = ended.result.tokens if ended.mark == "ok" else 0
        self._records.ended(number, ended.mark, *([tokens] if ended.mark == "ok" else ended.reasons))
        return None if ended.mark in ("refused", "failed") else ReservedCall(learner, name, day, tokens)

    async def _settle(self, session: Session, call: ReservedCall, total: int | None) -> None:
        mode, today = self._mode(), self._begin()
        charge = Charge("a-model", total // 3, total - total // 3, total) if total is not None else None
        work = self._quota.settle(session.connection, call.user_id, call.id, "process", charge)
        arguments = {"id": str(call.id), "day": today, "total": total, "mode": mode}
        number = self._records.invoked("settle", call.learner, **arguments)
        ended = await self._run(session, work, mode)
        day = ended.result
        results = [day.day.toordinal(), day.used, day.reserved, day.is_new] if day else ended.reasons
        self._records.ended(number, ended.mark, *results)

    async def _record(self, session: Session, call: ReservedCall) -> None:
        """Records that the call is sent, or what it has cost, or that it costs nothing."""
        self._begin()
        cost, connection = self._cost(call), session.connection
        kind = self._random.choice(("sending", "spending", "withdrawal"))
        if kind == "sending":
            sent = Sent("a-model", cost)
            work = spending_queries.record_sending(connection, call.user_id, call.id, sent)
        elif kind == "spending":
            row = (call.user_id, call.id, cost // 3, cost - cost // 3)
            work = spending_queries.record_spending(connection, [row])
        else:
            work = spending_queries.withdraw_sending(connection, call.user_id, call.id)
        arguments = {"sent": None if kind == "withdrawal" else cost, "again": kind == "spending"}
        number = self._records.invoked("record", call.learner, id=str(call.id), day=call.day, **arguments)
        ended = await self._run(session, work)
        self._records.ended(
            number, ended.mark, *ended.reasons, *([ended.result] if kind == "sending" else [])
        )

    async def _close(self, session: Session, call: ReservedCall) -> None:
        self._begin()
        work = self._quota.close_as_recorded(session.connection, call.user_id, call.id)
        number = self._records.invoked("close", call.learner, id=str(call.id), day=call.day)
        ended = await self._run(session, work)
        self._records.ended(number, ended.mark, *ended.reasons)

    async def _read(self, session: Session, learner: int) -> None:
        today = self._begin()
        work = self._quota.status(session.connection, user_id_of(learner), LIMITS[learner % len(LIMITS)])
        number = self._records.invoked("read", learner, day=today)
        ended = await self._run(session, work)
        self._records.ended(number, ended.mark, *(seen(ended.result) if ended.result else ended.reasons))

    async def _sweep(self) -> None:
        session = await Session(self._options).connect()
        while not await self._is_done_after(SWEEP_SECONDS):
            number = self._records.invoked("sweep", FLEET)
            ended = await self._run(session, self._quota.close_expired(session.connection))
            self._records.ended(number, ended.mark, *ended.reasons)

    async def _run(self, session: Session, work: Coroutine[Any, Any, Any], mode: str = ALONE) -> Ended:
        """Awaits an operation, or cancels it meanwhile."""
        is_cancelled = self._random.random() < CANCEL_RATE
        return await session.run(
            work, mode, self._random.uniform(0, CANCEL_SECONDS) if is_cancelled else None
        )

    async def _step_clock(self) -> None:
        while not await self._is_done_after(STEP_SECONDS):
            hours = round(self._random.uniform(-STEP_HOURS, STEP_HOURS), 2)
            self._clock.step(hours)
            self._records.stepped(hours)

    async def _is_done_after(self, mean_seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._random.uniform(0, 2 * mean_seconds)):
                await self._done.wait()
        return self._done.is_set()

    def _begin(self) -> int:
        """Counts an operation of this task, and sets its clock; returns the ordinal of its day."""
        self._left -= 1
        now = self._clock.now()
        MOMENT.set(now)
        return now.toordinal()

    def _pick_learner(self) -> int:
        if self._random.random() < 0.3:
            return self._random.randrange(self._options.learners)
        turn = int(time.monotonic() / TURN_SECONDS)
        return (turn * HOT_LEARNERS + self._random.randrange(HOT_LEARNERS)) % self._options.learners

    def _mode(self) -> str:
        return self._random.choices((ALONE, IN_TRANSACTION, ROLLED_BACK), (80, 17, 3))[0]

    def _cost(self, call: ReservedCall) -> int:
        return self._random.randint(1, max(call.tokens, 20) * 3 // 2)


if __name__ == "__main__":
    asyncio.run(Load(Options(**json.loads(sys.argv[1]))).run())
