"""Reservations and settlements as rows: what is written, at most once, whatever comes at the same instant."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from cara.gemini.calls import GeminiUsage
from cara.postgres.database import Connection, Database, new_id
from cara.quota import queries
from cara.quota.errors import QuotaExceeded, TooLongForQuota
from cara.quota.queries import Charge
from cara.quota.quota import Quota, Reservation, midnight_after
from tests.coach.coach_client import PATH, PROMPT, limit_tokens, read_tables
from tests.learners import Learner
from tests.waiting import until_blocked

TODAY = datetime(2026, 11, 3, 12, tzinfo=UTC)
CHARGE = Charge("a-model", 30, 12, 42)
QUOTA = Quota(50_000, lambda: TODAY)


def owner_of(learner: Learner) -> UUID:
    return UUID(learner.user["id"])


async def reserve(
    connection: Connection,
    learner: Learner,
    least: int,
    most: int | None = None,
    *,
    quota: Quota = QUOTA,
    durable: bool = True,
) -> Reservation:
    """Reserves tokens of a thousand."""
    return await quota.reserve(
        connection,
        owner_of(learner),
        least,
        most or least,
        "process",
        own_limit=1_000,
        keep_seconds=60,
        feature_type="video",
        durable=durable,
    )


async def test_the_ledger_says_what_each_call_was_for_and_what_it_cost(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        reservation = await reserve(connection, learner, 500)
        settled = await QUOTA.settle(connection, owner_of(learner), reservation.id, "process", CHARGE)
    assert (settled.day, settled.used, settled.reserved, settled.is_new) == (date(2026, 11, 3), 42, 0, True)
    assert (await read_tables(database)).ledger == [
        {
            "id": reservation.id,
            "day": date(2026, 11, 3),
            "request_type": "process",
            "feature_type": "video",
            "model": "a-model",
            "tokens_used": 42,
            "input_tokens": 30,
            "output_tokens": 12,
        }
    ]


@pytest.mark.parametrize(
    ("again", "used"), [(Charge("a-model", 30, 40, 70), 70), (Charge("a-model", 9, 1, 10), 42)]
)
async def test_a_call_that_is_charged_twice_costs_the_higher_of_the_two(
    learner: Learner, database: Database, again: Charge, used: int
) -> None:
    """A worker that was thought to be dead reports what its call really cost."""
    async with database.acquire() as connection:
        reservation = await reserve(connection, learner, 500)
        await reserve(connection, learner, 200)
        for charge in (CHARGE, again, again):
            settled = await QUOTA.settle(connection, owner_of(learner), reservation.id, "feedback", charge)
    assert (settled.used, settled.reserved, settled.is_new) == (used, 200, False)
    seen = await read_tables(database)
    assert [row["tokens_used"] for row in seen.ledger] == [used]
    assert (seen.ledger[0]["input_tokens"], seen.ledger[0]["output_tokens"]) == (30, used - 30)
    assert (seen.used, seen.reserved) == (used, 200)


async def test_of_charges_raised_at_the_same_instant_the_highest_counts_once(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        reservation = await reserve(connection, learner, 500)
        await QUOTA.settle(connection, owner_of(learner), reservation.id, "process", CHARGE)

    async def raise_to(total: int) -> None:
        async with database.acquire() as connection:
            charge = Charge("a-model", 30, total - 30, total)
            await QUOTA.settle(connection, owner_of(learner), reservation.id, "process", charge)

    await asyncio.gather(*(raise_to(total) for total in (50, 90, 70, 60, 80)))
    seen = await read_tables(database)
    assert (seen.used, seen.charged, len(seen.ledger)) == (90, 90, 1)


async def test_two_that_raise_a_charge_never_wait_for_each_other(
    learner: Learner, database: Database
) -> None:
    """A transaction that settles before it raises has locked the day; the other one is about to raise."""
    owner = owner_of(learner)
    async with database.acquire() as connection:
        reservation = await reserve(connection, learner, 500)
        await QUOTA.settle(connection, owner, reservation.id, "process", CHARGE)

    def charge(total: int) -> Charge:
        return Charge("a-model", 30, total - 30, total)

    async with database.acquire() as other:
        async with database.transaction() as settling:
            await queries.settle(settling, owner, reservation.id, TODAY.date(), "process", charge(60))
            raising = asyncio.create_task(queries.raise_charge(other, owner, reservation.id, charge(70)))
            await until_blocked(database, raising)
            assert await queries.raise_charge(settling, owner, reservation.id, charge(80)) is not None
        assert await raising is None
    seen = await read_tables(database)
    assert (seen.used, seen.charged, len(seen.ledger)) == (80, 80, 1)


async def test_a_charge_is_raised_on_the_day_that_it_was_made_for(
    learner: Learner, database: Database
) -> None:
    tomorrow = Quota(50_000, lambda: TODAY + timedelta(days=1))
    async with database.acquire() as connection:
        reservation = await reserve(connection, learner, 500)
        await QUOTA.settle(connection, owner_of(learner), reservation.id, "process", CHARGE)
        charge = Charge("a-model", 30, 40, 70)
        settled = await tomorrow.settle(connection, owner_of(learner), reservation.id, "process", charge)
        assert (settled.day, settled.used) == (date(2026, 11, 3), 70)
        assert await tomorrow.remaining_after(connection, owner_of(learner), 1_000, settled) == 1_000


def test_thinking_is_charged_as_output_and_nothing_counted_is_no_charge() -> None:
    usage = GeminiUsage(
        prompt_tokens=30, output_tokens=5, thinking_tokens=7, cached_tokens=20, total_tokens=42
    )
    assert Charge.of("a-model", usage) == CHARGE
    assert Charge.of("a-model", GeminiUsage()) is None


async def test_a_call_without_a_charge_gives_its_tokens_back_and_leaves_no_trace_in_the_ledger(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        reservation = await reserve(connection, learner, 500)
        await reserve(connection, learner, 200)
        settled = await QUOTA.settle(connection, owner_of(learner), reservation.id, "process", None)
    assert (settled.used, settled.reserved, settled.is_new) == (0, 200, False)
    seen = await read_tables(database)
    assert (seen.ledger, seen.reservations) == ([], 1)


async def test_of_settlements_at_the_same_instant_one_charges(learner: Learner, database: Database) -> None:
    async with database.acquire() as connection:
        reservation = await reserve(connection, learner, 500)

    async def settle() -> bool:
        async with database.acquire() as connection:
            settled = await QUOTA.settle(connection, owner_of(learner), reservation.id, "process", CHARGE)
        return settled.is_new

    assert sorted(await asyncio.gather(*(settle() for _ in range(8)))) == [False] * 7 + [True]
    seen = await read_tables(database)
    assert (seen.used, seen.reserved, seen.reservations, len(seen.ledger)) == (42, 0, 0, 1)


async def test_nobody_can_settle_the_reservation_of_another(learner: Learner, database: Database) -> None:
    other = await Learner.registers(learner.client)
    async with database.acquire() as connection:
        reservation = await reserve(connection, learner, 500)
        await QUOTA.settle(connection, owner_of(other), reservation.id, "process", CHARGE)
        theirs = await QUOTA.status(connection, owner_of(learner), None)
        mine = await QUOTA.status(connection, owner_of(other), None)
    assert (theirs.used, theirs.reserved) == (0, 500)
    assert (mine.used, mine.reserved, mine.by_type) == (42, 0, {"process": 42})


async def test_after_midnight_a_call_of_yesterday_leaves_todays_tokens_as_they_are(
    learner: Learner, database: Database
) -> None:
    tomorrow = Quota(50_000, lambda: TODAY + timedelta(days=1))
    async with database.acquire() as connection:
        late = await reserve(connection, learner, 900)
        settled = await tomorrow.settle(connection, owner_of(learner), late.id, "process", CHARGE)
        assert settled.day == date(2026, 11, 3)
        assert await tomorrow.remaining_after(connection, owner_of(learner), 1_000, settled) == 1_000
        await reserve(connection, learner, 300, quota=tomorrow)
        assert await tomorrow.remaining_after(connection, owner_of(learner), 1_000, settled) == 700


async def test_a_charge_without_a_reservation_counts_on_the_present_day(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        settled = await QUOTA.settle(connection, owner_of(learner), new_id(), "process", CHARGE)
    assert (settled.day, settled.used, settled.reserved) == (date(2026, 11, 3), 42, 0)
    assert [row["feature_type"] for row in (await read_tables(database)).ledger] == [None]


async def test_a_first_reservation_is_measured_against_a_settlement_of_the_same_instant(
    learner: Learner, database: Database
) -> None:
    """There is no row of the day that it could lock and read before the settlement is committed."""
    async with database.acquire() as reserving:
        async with database.transaction() as settling:
            charge = Charge("a-model", 800, 100, 900)
            await QUOTA.settle(settling, owner_of(learner), new_id(), "process", charge)
            task = asyncio.create_task(reserve(reserving, learner, 200))
            await until_blocked(database, task)
        with pytest.raises(QuotaExceeded) as refused:
            await task
    assert refused.value.further_members() == {
        "needed": 200, "remaining": 100, "reserved": 0, "resetAt": "2026-11-04T00:00:00Z"
    }  # fmt: skip
    assert refused.value.retry_after_seconds == 43_200
    seen = await read_tables(database)
    assert (seen.used, seen.reserved, seen.reservations) == (900, 0, 0)


async def test_a_reservation_waits_for_a_settlement_that_is_about_to_make_room(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as reserving:
        async with database.transaction() as settling:
            before = await reserve(reserving, learner, 900)
            await QUOTA.settle(settling, owner_of(learner), before.id, "process", CHARGE)
            task = asyncio.create_task(reserve(reserving, learner, 500))
            await until_blocked(database, task)
        assert (await task).tokens == 500
    assert (await read_tables(database)).reserved == 500


async def test_a_first_reservation_that_another_was_quicker_than_takes_what_is_left(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as slower:
        async with database.transaction() as quicker:
            await reserve(quicker, learner, 700)
            task = asyncio.create_task(reserve(slower, learner, 200, 800))
            await until_blocked(database, task)
        assert (await task).tokens == 300
    assert (await read_tables(database)).reserved == 1_000


@pytest.mark.parametrize(
    ("used", "reserved", "needed", "retry_after", "words"),
    [
        (0, 900, 200, 5, "in a few seconds"),
        (800, 100, 200, 5, "100 are left today, and 100 are reserved"),
        (801, 100, 200, 43_200, "199 are left today. The quota begins anew"),
        (1_000, 0, 1, 43_200, "used up"),
    ],
)
async def test_a_refusal_says_whether_waiting_helps(
    learner: Learner, database: Database, used: int, reserved: int, needed: int, retry_after: int, words: str
) -> None:
    async with database.acquire() as connection:
        if reserved:
            await reserve(connection, learner, reserved)
        if used:
            charge = Charge("a-model", used, 0, used)
            await QUOTA.settle(connection, owner_of(learner), new_id(), "process", charge)
        with pytest.raises(QuotaExceeded, match=words) as refused:
            await reserve(connection, learner, needed)
    assert refused.value.retry_after_seconds == retry_after
    members = refused.value.further_members()
    assert (members["needed"], members["reserved"]) == (needed, reserved)
    assert members["remaining"] == 1_000 - used - reserved


@pytest.mark.parametrize(("durable", "waits"), [(True, "on"), (False, "off")])
async def test_only_a_reservation_that_need_not_be_durable_skips_the_wait_for_the_disk(
    learner: Learner, database: Database, durable: bool, waits: str
) -> None:
    async with database.acquire() as connection:
        async with connection.transaction():
            await connection.execute("set local synchronous_commit = on")
            await reserve(connection, learner, 100, durable=durable)
            assert await connection.fetchval("show synchronous_commit") == waits
        usual = await connection.fetchval(
            "select reset_val from pg_settings where name = 'synchronous_commit'"
        )
        assert await connection.fetchval("show synchronous_commit") == usual


async def test_a_limit_of_zero_is_no_default_but_no_tokens_at_all(
    learner: Learner, database: Database
) -> None:
    await limit_tokens(database, 0)
    problem = await learner.expects(422, "POST", PATH, json={"prompt": PROMPT})
    assert problem["code"] == "too_long_for_quota"
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (quota["quota"], quota["remaining"]) == (0, 0)
    async with database.acquire() as connection:
        with pytest.raises(TooLongForQuota):
            await QUOTA.reserve(connection, owner_of(learner), 1, 1, "process", own_limit=0, keep_seconds=60)


def test_a_quota_begins_anew_at_midnight_in_utc_wherever_the_clock_stands() -> None:
    for moment in ("2026-11-03T00:00:00+00:00", "2026-11-03T23:59:59+00:00", "2026-11-04T12:30:00+13:00"):
        assert midnight_after(datetime.fromisoformat(moment)).isoformat() == "2026-11-04T00:00:00+00:00"
