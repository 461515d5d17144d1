"""Reservations that nobody settled: when they expire, and who gives them back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from cara.postgres.database import Database, new_id
from cara.quota.errors import QuotaExceeded
from cara.quota.queries import Charge
from cara.quota.quota import Quota
from tests.coach.coach_client import PATH, PROMPT, ask_coach, limit_tokens, read_tables
from tests.learners import Learner
from tests.waiting import time_limit

EXPIRED, ALIVE = -1.0, 60.0


async def reserve(
    database: Database,
    quota: Quota,
    learner: Learner,
    tokens: int,
    keep_seconds: float,
) -> UUID:
    """Reserves so many of a thousand tokens."""
    async with database.acquire() as connection:
        reservation = await quota.reserve(
            connection,
            UUID(learner.user["id"]),
            tokens,
            tokens,
            "process",
            own_limit=1_000,
            keep_seconds=keep_seconds,
        )
    return reservation.id


def moved_back(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


async def test_what_a_crash_left_behind_is_released_once_it_has_expired(
    learner: Learner, database: Database
) -> None:
    quota = Quota(50_000)
    await reserve(database, quota, learner, 100, ALIVE)
    await reserve(database, quota, learner, 300, EXPIRED)
    async with database.acquire() as connection:
        assert await Quota(50_000).close_expired(connection) == 1
        assert await Quota(50_000).close_expired(connection) == 0
    seen = await read_tables(database)
    assert (seen.reserved, seen.reservations) == (100, 1)


@pytest.mark.parametrize("hours", [-30, 30])
async def test_a_process_whose_clock_is_wrong_keeps_reservations_as_long_as_any_other(
    learner: Learner, database: Database, hours: int
) -> None:
    quota = Quota(50_000, lambda: datetime.now(UTC) + timedelta(hours=hours))
    await reserve(database, quota, learner, 100, ALIVE)
    await reserve(database, quota, learner, 300, EXPIRED)
    async with database.acquire() as connection:
        assert await Quota(50_000).close_expired(connection) == 1
    assert (await read_tables(database)).reserved == 100


async def test_expired_reservations_are_released_before_a_refusal_without_any_sweeper(
    learner: Learner, database: Database
) -> None:
    quota = Quota(50_000)
    for _ in range(3):
        await reserve(database, quota, learner, 300, EXPIRED)
    await reserve(database, quota, learner, 900, ALIVE)
    seen = await read_tables(database)
    assert (seen.reserved, seen.reservations) == (900, 1)
    with pytest.raises(QuotaExceeded):
        await reserve(database, quota, learner, 900, ALIVE)


async def test_a_learner_goes_on_as_soon_as_reservations_of_a_crash_have_expired(
    learner: Learner, database: Database
) -> None:
    await limit_tokens(database, 2_100)
    await reserve(database, Quota(50_000), learner, 1_000, ALIVE)
    await learner.expects(429, "POST", PATH, json={"prompt": PROMPT})
    async with database.acquire() as connection:
        await connection.execute("update quota_reservations set expires_at = now() - interval '1 second'")
    assert (await ask_coach(learner)).status == 200


async def test_only_expired_reservations_of_the_same_learner_are_released(
    learner: Learner, database: Database
) -> None:
    quota, other = Quota(50_000), await Learner.registers(learner.client)
    await reserve(database, quota, other, 700, EXPIRED)
    await reserve(database, quota, learner, 700, ALIVE)
    with pytest.raises(QuotaExceeded):
        await reserve(database, quota, learner, 400, ALIVE)
    seen = await read_tables(database)
    assert (seen.reserved, seen.reservations) == (1_400, 2)


@pytest.mark.parametrize(("status", "left"), [("queued", 1), ("failed", 0)])
async def test_the_reservation_of_a_live_job_is_kept_however_late_the_sweeper_is(
    learner: Learner, database: Database, status: str, left: int
) -> None:
    await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute("update quota_reservations set expires_at = now() - interval '1 second'")
        await connection.execute(
            "update feedback_jobs set status = $1, finished_at = case when $1 = 'failed' then now() end",
            status,
        )
    with suppress(QuotaExceeded):
        await reserve(database, Quota(50_000), learner, 1_000, ALIVE)
    async with database.acquire() as connection:
        kept = "select count(*) from quota_reservations where request_type = 'feedback'"
        assert await connection.fetchval(kept) == left


async def test_a_reservation_that_is_being_settled_is_not_waited_for(
    learner: Learner, database: Database
) -> None:
    quota = Quota(50_000)
    reservation_id = await reserve(database, quota, learner, 900, EXPIRED)
    async with database.transaction() as settling:
        await settling.execute("select from quota_reservations where id = $1 for update", reservation_id)
        async with time_limit():
            with pytest.raises(QuotaExceeded):
                await reserve(database, quota, learner, 900, ALIVE)


async def test_of_concurrent_calls_that_release_reservations_no_two_get_the_same_tokens(
    learner: Learner, database: Database
) -> None:
    quota = Quota(50_000)
    for _ in range(9):
        await reserve(database, quota, learner, 100, EXPIRED)
    results = await asyncio.gather(
        *(reserve(database, quota, learner, 200, ALIVE) for _ in range(20)), return_exceptions=True
    )
    granted = [result for result in results if isinstance(result, UUID)]
    assert 1 <= len(granted) <= 5
    assert all(isinstance(result, UUID | QuotaExceeded) for result in results)
    seen = await read_tables(database)
    assert (seen.reserved, seen.reservations) == (200 * len(granted), len(granted))


async def test_what_several_learners_left_behind_on_several_days_is_released_from_each_of_the_days(
    learner: Learner, database: Database
) -> None:
    other = await Learner.registers(learner.client)
    today = datetime.now(UTC)
    for owner, tokens in ((learner, 100), (other, 40)):
        for days_ago in (0, 1):
            quota = Quota(50_000, partial(moved_back, today, days_ago))
            await reserve(database, quota, owner, tokens + days_ago, EXPIRED)
            await reserve(database, quota, owner, tokens + days_ago, EXPIRED)
            await reserve(database, quota, owner, 7, ALIVE)
    async with database.acquire() as connection:
        assert await Quota(50_000).close_expired(connection) == 8
        days = await connection.fetch("select user_id, day, reserved from quota_days")
    assert len({(row["user_id"], row["day"]) for row in days}) == 4
    assert [row["reserved"] for row in days] == [7] * 4


async def test_before_a_refusal_nothing_of_another_day_is_given_back_to_this_one(
    learner: Learner, database: Database
) -> None:
    now = datetime.now(UTC)
    await reserve(database, Quota(50_000, partial(moved_back, now, 1)), learner, 600, EXPIRED)
    await reserve(database, Quota(50_000, lambda: now), learner, 900, ALIVE)
    with pytest.raises(QuotaExceeded):
        await reserve(database, Quota(50_000, lambda: now), learner, 500, ALIVE)
    async with database.acquire() as connection:
        days = await connection.fetch("select reserved from quota_days order by day")
    assert [row["reserved"] for row in days] == [600, 900]
    assert (await read_tables(database)).reservations == 2


async def test_a_settlement_after_the_expiry_still_charges_once(learner: Learner, database: Database) -> None:
    quota, user_id = Quota(50_000), UUID(learner.user["id"])
    reservation_id = await reserve(database, quota, learner, 500, EXPIRED)
    async with database.acquire() as connection:
        await Quota(50_000).close_expired(connection)
        charge = Charge("a-model", 30, 12, 42)
        first = await quota.settle(connection, user_id, reservation_id, "process", charge)
        again = await quota.settle(connection, user_id, reservation_id, "process", charge)
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.used, again.reserved) == (42, 0)


async def test_the_status_is_consistent_while_calls_are_settled(learner: Learner, database: Database) -> None:
    quota, user_id, done = Quota(50_000), UUID(learner.user["id"]), asyncio.Event()

    async def settle_many() -> None:
        async with database.acquire() as connection:
            for number in range(300):
                charge = Charge("a-model", 2, 1, 3)
                await quota.settle(connection, user_id, new_id(), ("process", "feedback")[number % 2], charge)
        done.set()

    settling, looks = asyncio.create_task(settle_many()), 0
    async with database.acquire() as connection:
        while not done.is_set():
            status = await quota.status(connection, user_id, None)
            assert status.used == sum(status.by_type.values())
            looks += 1
        await settling
        status = await quota.status(connection, user_id, None)
    assert looks > 20
    assert (status.used, status.by_type) == (900, {"process": 450, "feedback": 450})
