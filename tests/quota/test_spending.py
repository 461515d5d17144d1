"""What calls under way have cost, recorded in their reservations, and charged when nobody settles them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.gemini.streams import GeminiStream
from cara.postgres.database import Connection, Database, Record, new_id
from cara.postgres.errors import DatabaseAway
from cara.quota import spending
from cara.quota.queries import Charge
from cara.quota.quota import Quota
from cara.quota.spending import CallRecord, ReservationGone, SpendingRecorder
from cara.quota.spending_queries import Sent
from tests.coach.coach_client import read_tables
from tests.learners import Learner

SENT = Sent("a-model", 30)
QUOTA = Quota(50_000)
EXPIRED, ALIVE = -1.0, 60.0


@dataclass
class Call:
    """Stands for the stream of a call: what it has cost so far."""

    spent: GeminiUsage = NOTHING_USED

    @property
    def stream(self) -> GeminiStream:
        return cast(GeminiStream, self)


def owner_of(learner: Learner) -> UUID:
    return UUID(learner.user["id"])


async def reserve(
    connection: Connection, learner: Learner, *, keep_seconds: float = ALIVE, sent: Sent | None = None
) -> UUID:
    reservation = await QUOTA.reserve(
        connection,
        owner_of(learner),
        500,
        500,
        "process",
        own_limit=1_000,
        keep_seconds=keep_seconds,
        sent=sent,
    )
    return reservation.id


async def recorded(connection: Connection, reservation_id: UUID) -> tuple[Any, ...] | None:
    row: Record | None = await connection.fetchrow(
        "select model, input_tokens, output_tokens from quota_reservations where id = $1", reservation_id
    )
    return tuple(row) if row else None


async def until_recorded(database: Database, reservation_id: UUID, expected: tuple[Any, ...]) -> None:
    async with asyncio.timeout(30), database.acquire() as connection:
        while await recorded(connection, reservation_id) != expected:
            await asyncio.sleep(0.02)


async def test_a_call_is_recorded_when_it_is_sent_and_not_any_more_when_it_is_not_billed(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner)
        record = CallRecord(database, owner_of(learner), reservation_id, SENT)
        assert await recorded(connection, reservation_id) == (None, None, None)
        for _ in range(2):
            await record.record()
            assert await recorded(connection, reservation_id) == ("a-model", 30, 0)
        for _ in range(2):
            await record.withdraw()
            assert await recorded(connection, reservation_id) == (None, None, None)
        await record.record()
        assert await recorded(connection, reservation_id) == ("a-model", 30, 0)


async def test_a_reservation_can_be_made_with_the_record_in_it(learner: Learner, database: Database) -> None:
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner, sent=SENT)
        assert await recorded(connection, reservation_id) == ("a-model", 30, 0)
        record = CallRecord(database, owner_of(learner), reservation_id, SENT, recorded=True)
        await record.record()
        await record.withdraw()
        assert await recorded(connection, reservation_id) == (None, None, None)


async def test_a_call_whose_reservation_is_gone_must_not_be_sent(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner)
        await QUOTA.settle(connection, owner_of(learner), reservation_id, "process", None)
    with pytest.raises(ReservationGone):
        await CallRecord(database, owner_of(learner), reservation_id, SENT).record()


async def test_the_usage_of_all_open_calls_is_recorded_while_they_run(
    learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "RECORD_SECONDS", 0.01)
    recorder, one, other, quiet = SpendingRecorder(database), Call(), Call(), Call()
    async with database.acquire() as connection:
        ids = [await reserve(connection, learner, sent=SENT), await reserve(connection, learner, sent=SENT)]
    records = [recorder.open(owner_of(learner), id, SENT, recorded=True) for id in (*ids, new_id())]
    with (
        recorder.following(records[0], one.stream),
        recorder.following(records[1], other.stream),
        recorder.following(records[2], quiet.stream),
    ):
        one.spent = GeminiUsage(prompt_tokens=33, output_tokens=5, thinking_tokens=2, total_tokens=40)
        other.spent = GeminiUsage(prompt_tokens=30, total_tokens=30)
        await until_recorded(database, ids[0], ("a-model", 33, 7))
        one.spent = GeminiUsage(prompt_tokens=33, output_tokens=9, thinking_tokens=2, total_tokens=44)
        other.spent = GeminiUsage(prompt_tokens=31, output_tokens=1, total_tokens=32)
        await until_recorded(database, ids[0], ("a-model", 33, 11))
        await until_recorded(database, ids[1], ("a-model", 31, 1))
    await recorder.close()


async def test_a_call_that_was_withdrawn_is_not_recorded_by_its_usage(
    learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "RECORD_SECONDS", 0.01)
    recorder, withdrawn, running = SpendingRecorder(database), Call(), Call()
    async with database.acquire() as connection:
        ids = [await reserve(connection, learner, sent=SENT), await reserve(connection, learner, sent=SENT)]
    records = [recorder.open(owner_of(learner), id, SENT, recorded=True) for id in ids]
    await records[0].withdraw()
    usage = GeminiUsage(prompt_tokens=33, output_tokens=5, total_tokens=38)
    with recorder.following(records[0], withdrawn.stream), recorder.following(records[1], running.stream):
        withdrawn.spent = running.spent = usage
        await until_recorded(database, ids[1], ("a-model", 33, 5))
    await recorder.close()
    async with database.acquire() as connection:
        assert await recorded(connection, ids[0]) == (None, None, None)


class AwayOnce(Database):
    """Is away the first time that a connection is wanted."""

    def __init__(self, database: Database) -> None:
        self._real = database
        self.refusals = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        if not self.refusals:
            self.refusals += 1
            raise DatabaseAway
        async with self._real.acquire() as connection:
            yield connection


async def test_a_database_that_goes_away_only_delays_the_record(
    learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "RECORD_SECONDS", 0.01)
    away, call = AwayOnce(database), Call(GeminiUsage(prompt_tokens=30, output_tokens=4, total_tokens=34))
    recorder = SpendingRecorder(away)
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner, sent=SENT)
    record = recorder.open(owner_of(learner), reservation_id, SENT, recorded=True)
    with recorder.following(record, call.stream):
        await until_recorded(database, reservation_id, ("a-model", 30, 4))
    assert away.refusals == 1
    await recorder.close()


async def test_what_was_sent_by_a_process_that_died_is_charged_as_recorded(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        sent = await reserve(connection, learner, keep_seconds=EXPIRED, sent=SENT)
        unsent = await reserve(connection, learner, keep_seconds=EXPIRED)
        await connection.execute("update quota_reservations set output_tokens = 12 where id = $1", sent)
        assert await QUOTA.close_expired(connection) == 2
        assert await QUOTA.close_expired(connection) == 0
    seen = await read_tables(database)
    assert [(row["id"], row["model"], row["tokens_used"]) for row in seen.ledger] == [(sent, "a-model", 42)]
    assert (seen.ledger[0]["input_tokens"], seen.ledger[0]["output_tokens"]) == (30, 12)
    assert unsent != sent
    assert (seen.used, seen.reserved, seen.reservations) == (42, 0, 0)


async def test_before_a_refusal_what_died_is_charged_as_well_as_released(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        for _ in range(2):
            await reserve(connection, learner, keep_seconds=EXPIRED, sent=SENT)
        await reserve(connection, learner)
    seen = await read_tables(database)
    assert (seen.used, seen.charged, seen.reserved) == (60, 60, 500)


async def test_a_reservation_that_was_prolonged_meanwhile_is_left(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner, keep_seconds=EXPIRED, sent=SENT)
        found = await spending.spending_queries.expired_reservations(connection)
        later = "update quota_reservations set expires_at = now() + interval '1 hour'"
        await connection.execute(later)
        assert await spending.spending_queries.close(connection, found) == 0
        assert await recorded(connection, reservation_id) == ("a-model", 30, 0)
        await QUOTA.close_as_recorded(connection, owner_of(learner), reservation_id)
    seen = await read_tables(database)
    assert (seen.used, seen.reserved, seen.reservations) == (30, 0, 0)


async def test_whoever_was_thought_dead_and_settles_later_pays_the_difference_alone(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner, keep_seconds=EXPIRED, sent=SENT)
        await QUOTA.close_expired(connection)
        charge = Charge("a-model", 33, 20, 53)
        settled = await QUOTA.settle(connection, owner_of(learner), reservation_id, "process", charge)
    assert (settled.used, settled.is_new) == (53, False)
    assert (await read_tables(database)).charged == 53


async def test_counts_at_the_end_of_what_the_database_holds_are_charged_without_an_error(
    learner: Learner, database: Database
) -> None:
    most = 2**31 - 1
    async with database.acquire() as connection:
        reservation_id = await reserve(connection, learner, keep_seconds=EXPIRED, sent=Sent("a-model", most))
        await connection.execute(
            "update quota_reservations set output_tokens = $1 where id = $2", most, reservation_id
        )
        await QUOTA.close_expired(connection)
        status = await QUOTA.status(connection, owner_of(learner), 1_000)
    assert (status.used, status.reserved, status.remaining) == (most, 0, 0)
    assert status.resets_at > datetime.now(UTC)
