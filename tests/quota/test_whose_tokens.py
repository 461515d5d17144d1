"""Whose reservations, days and charges a statement touches: those of one learner and one call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cara.postgres.database import Connection, Database, Record, new_id
from cara.quota import queries, spending_queries
from cara.quota.queries import Charge
from cara.quota.quota import Quota, SettledDay
from cara.quota.spending_queries import Sent
from tests.jobs.rows import insert_job, insert_learner

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
TODAY = NOON.date()
CHARGE, HIGHER = Charge("a-model", 30, 12, 42), Charge("a-model", 33, 37, 70)
QUOTA = Quota(1_000, lambda: NOON)
YESTERDAY = Quota(1_000, lambda: NOON - timedelta(days=1))
SENT = Sent("a-model", 30)


async def reserve(
    connection: Connection,
    user_id: UUID,
    tokens: int,
    *,
    id: UUID | None = None,
    quota: Quota = QUOTA,
    keep_seconds: float = 60,
    sent: Sent | None = None,
) -> UUID:
    reservation = await quota.reserve(
        connection,
        user_id,
        tokens,
        tokens,
        "process",
        own_limit=None,
        keep_seconds=keep_seconds,
        reservation_id=id,
        sent=sent,
    )
    return reservation.id


async def rows_of(connection: Connection, user_id: UUID) -> dict[str, list[Record]]:
    """All that the quota knows of a learner."""
    return {
        table: await connection.fetch(f"select * from {table} where user_id = $1 order by {order}", user_id)
        for table, order in (("quota_days", "day"), ("quota_reservations", "id"), ("quota_usage", "id"))
    }


STEPS: dict[str, Callable[[Connection, UUID, UUID], Awaitable[Any]]] = {
    "record sending": lambda connection, user_id, id: spending_queries.record_sending(
        connection, user_id, id, Sent("another", 5)
    ),
    "withdraw": lambda connection, user_id, id: spending_queries.withdraw_sending(connection, user_id, id),
    "record spending": lambda connection, user_id, id: spending_queries.record_spending(
        connection, [(user_id, id, 31, 9)]
    ),
    "close": lambda connection, user_id, id: QUOTA.close_as_recorded(connection, user_id, id),
    "settle": lambda connection, user_id, id: QUOTA.settle(connection, user_id, id, "process", CHARGE),
    "raise": lambda connection, user_id, id: queries.raise_charge(connection, user_id, id, HIGHER),
}


@pytest.mark.parametrize("step", STEPS)
async def test_a_call_under_the_same_id_of_another_learner_is_left_alone(
    database: Database, step: str
) -> None:
    async with database.acquire() as connection:
        mine, theirs, shared = await insert_learner(connection), await insert_learner(connection), new_id()
        for user_id in (mine, theirs):
            await reserve(connection, user_id, 100, id=shared, sent=SENT)
            if step == "raise":
                await QUOTA.settle(connection, user_id, shared, "process", CHARGE)
        before = [await rows_of(connection, user_id) for user_id in (mine, theirs)]
        await STEPS[step](connection, mine, shared)
        assert await rows_of(connection, theirs) == before[1]
        assert await rows_of(connection, mine) != before[0]


@pytest.mark.parametrize("step", STEPS)
async def test_other_calls_and_other_days_of_the_learner_are_left_alone(
    database: Database, step: str
) -> None:
    async with database.acquire() as connection:
        user_id = await insert_learner(connection)
        other = await reserve(connection, user_id, 50, quota=YESTERDAY, sent=SENT)
        charged = await reserve(connection, user_id, 60, quota=YESTERDAY, sent=SENT)
        await YESTERDAY.settle(connection, user_id, charged, "process", CHARGE)
        before = await rows_of(connection, user_id)
        id = await reserve(connection, user_id, 100, sent=SENT)
        if step == "raise":
            await QUOTA.settle(connection, user_id, id, "process", CHARGE)
        await STEPS[step](connection, user_id, id)
        after = await rows_of(connection, user_id)
    yesterdays = [row for row in after["quota_days"] if row["day"] != TODAY]
    assert yesterdays == before["quota_days"]
    assert [row for row in after["quota_reservations"] if row["id"] == other] == before["quota_reservations"]
    assert [row for row in after["quota_usage"] if row["id"] == charged] == before["quota_usage"]


async def test_a_status_is_that_of_one_learner_and_one_day(database: Database) -> None:
    async with database.acquire() as connection:
        mine, theirs = await insert_learner(connection), await insert_learner(connection)
        for user_id, quota, total in ((mine, QUOTA, 10), (mine, YESTERDAY, 20), (theirs, QUOTA, 40)):
            charge = Charge("a-model", total, 0, total)
            await quota.settle(connection, user_id, new_id(), "process", charge)
            await reserve(connection, user_id, total + 1, quota=quota)
        status = await QUOTA.status(connection, mine, None)
        assert (status.used, status.reserved, status.by_type) == (10, 11, {"process": 10})
        assert status.remaining == 1_000 - 10 - 11
        yesterday = SettledDay(date(2026, 11, 2), 20, 21, True)
        assert await QUOTA.remaining_after(connection, mine, None, yesterday) == 1_000 - 10 - 11
        tomorrow = await Quota(1_000, lambda: NOON + timedelta(days=1)).status(connection, mine, None)
        assert (tomorrow.used, tomorrow.reserved, tomorrow.by_type) == (0, 0, {})


async def test_closing_charges_each_call_with_what_was_recorded_of_it(database: Database) -> None:
    async with database.acquire() as connection:
        mine, theirs, shared = await insert_learner(connection), await insert_learner(connection), new_id()
        for user_id, tokens, output in ((mine, 100, 7), (theirs, 200, 9)):
            for quota in (QUOTA, YESTERDAY):
                id = shared if quota is QUOTA else None
                id = await reserve(
                    connection, user_id, tokens, id=id, quota=quota, keep_seconds=-1, sent=SENT
                )
                await spending_queries.record_spending(connection, [(user_id, id, 30, output)])
            await reserve(connection, user_id, 5)
        assert await QUOTA.close_expired(connection) == 4
        for user_id, total in ((mine, 37), (theirs, 39)):
            rows = await rows_of(connection, user_id)
            days = [(row["day"], row["used"], row["reserved"]) for row in rows["quota_days"]]
            assert days == [(date(2026, 11, 2), total, 0), (TODAY, total, 5)]
            ledger = sorted((row["day"], row["tokens_used"]) for row in rows["quota_usage"])
            assert ledger == [(date(2026, 11, 2), total), (TODAY, total)]


async def test_a_call_that_was_settled_already_is_not_charged_again_when_it_is_closed(
    database: Database,
) -> None:
    """The answer was saved, and the reservation of the same call was made anew by a repeated request."""
    async with database.acquire() as connection:
        user_id = await insert_learner(connection)
        id = await reserve(connection, user_id, 100, sent=SENT)
        await QUOTA.settle(connection, user_id, id, "process", CHARGE)
        await reserve(connection, user_id, 100, id=id, sent=SENT)
        await QUOTA.close_as_recorded(connection, user_id, id)
        status = await QUOTA.status(connection, user_id, None)
    assert (status.used, status.reserved, status.by_type) == (42, 0, {"process": 42})


async def test_a_live_job_of_another_learner_keeps_no_reservation_of_this_one(database: Database) -> None:
    job = await insert_job(database)
    async with database.acquire() as connection:
        mine = await insert_learner(connection)
        await reserve(connection, mine, 900, id=job["reservation_id"], keep_seconds=-1)
        id = await reserve(connection, mine, 1_000)
        rows = await rows_of(connection, mine)
    assert [row["id"] for row in rows["quota_reservations"]] == [id]
    assert [(row["used"], row["reserved"]) for row in rows["quota_days"]] == [(0, 1_000)]
