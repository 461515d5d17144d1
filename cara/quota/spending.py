"""Records what calls under way have cost so far, so that they can be charged even if this process dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from cara.errors import CaraError, Unavailable
from cara.gemini.calls import GeminiUsage
from cara.gemini.streams import GeminiStream
from cara.postgres.database import Database
from cara.quota import spending_queries
from cara.quota.spending_queries import Sent

RECORD_SECONDS = 0.1
"""How often the usage of calls under way is recorded: what a process that dies has received since is free."""


class ReservationGone(CaraError):
    """The reservation of a call was closed before the call was sent; the call must not be sent."""


class CallRecord:
    """The record of one call in its reservation: a `SendJournal`.

    `recorded` says that the reservation was made with the record in it.
    """

    def __init__(
        self, database: Database, user_id: UUID, reservation_id: UUID, sent: Sent, *, recorded: bool = False
    ) -> None:
        self.user_id = user_id
        self.reservation_id = reservation_id
        self._database = database
        self._sent = sent
        self._recorded = recorded

    async def record(self) -> None:
        """Records that the call is sent.

        Raises:
            ReservationGone: somebody else has closed the reservation.
            Unavailable: the database is away or busy.
        """
        if self._recorded:
            return
        self._recorded = True  # also if the outcome of the statement is unknown
        async with self._database.acquire() as connection:
            if not await spending_queries.record_sending(
                connection, self.user_id, self.reservation_id, self._sent
            ):
                raise ReservationGone

    async def withdraw(self) -> None:
        """Records that what was sent is not billed.

        Raises:
            Unavailable: the database is away or busy.
        """
        if not self._recorded:
            return
        async with self._database.acquire() as connection:
            await spending_queries.withdraw_sending(connection, self.user_id, self.reservation_id)
        self._recorded = False


class SpendingRecorder:
    """Records the usage of all calls of this process, every `RECORD_SECONDS` in one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[CallRecord, GeminiStream] = {}
        self._written: dict[CallRecord, GeminiUsage] = {}
        self._task: asyncio.Task[None] | None = None

    def open(self, user_id: UUID, reservation_id: UUID, sent: Sent, *, recorded: bool = False) -> CallRecord:
        """Returns the record of a call that is about to be sent."""
        return CallRecord(self._database, user_id, reservation_id, sent, recorded=recorded)

    @contextmanager
    def following(self, record: CallRecord, stream: GeminiStream) -> Iterator[None]:
        """Records the usage of a stream for the length of the block."""
        self._open[record] = stream
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._record_repeatedly(), name="record spending")
        try:
            yield
        finally:
            del self._open[record]

    async def close(self) -> None:
        """Stops recording."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _record_repeatedly(self) -> None:
        """Records as long as there are calls under way."""
        while self._open:
            await asyncio.sleep(RECORD_SECONDS)
            try:
                await self._record()
            except Unavailable:
                continue  # the next record includes what this one had

    async def _record(self) -> None:
        spent = {record: stream.spent for record, stream in self._open.items()}
        changed = {
            record: usage
            for record, usage in spent.items()
            if usage.total_tokens and usage != self._written.get(record)
        }
        if not changed:
            return
        async with self._database.acquire() as connection:
            await spending_queries.record_spending(connection, [_row(*item) for item in changed.items()])
        self._written = {record: spent[record] for record in self._open if record in spent}


def _row(record: CallRecord, usage: GeminiUsage) -> tuple[UUID, UUID, int, int]:
    """Returns what is recorded of a call: all that is not its prompt counts as output."""
    prompt = usage.prompt_tokens
    return record.user_id, record.reservation_id, prompt, max(usage.total_tokens - prompt, 0)
