"""The pool: its bounds, its errors, its transactions, and the retry rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import asyncpg
import psycopg
import pytest

from cara.postgres import retries
from cara.postgres.database import Database
from cara.postgres.errors import (
    DatabaseAway,
    DatabaseBusy,
    DatabaseCrowded,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseSlow,
    DatabaseTrouble,
    StatementTimedOut,
)
from cara.postgres.limits import begin_budget
from cara.postgres.retries import retry_database
from cara.settings import Settings
from tests.waiting import time_limit


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool_size": 2, "database_acquire_seconds": 0.05})


class Refused(Exception):
    pass


async def test_who_finds_no_free_connection_in_time_is_told_to_come_back(database: Database) -> None:
    async with database.acquire(), database.acquire():
        with pytest.raises(DatabaseBusy) as busy:
            async with database.acquire():
                pass
    assert busy.value.retry_after_seconds == 1
    async with database.acquire() as connection:
        assert await connection.fetchval("select 1") == 1


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("40P01", DatabaseBusy),
        ("40001", DatabaseBusy),
        ("57P01", DatabaseAway),
        ("57P03", DatabaseAway),
        ("53300", DatabaseCrowded),
        ("08006", DatabaseAway),
        ("23505", asyncpg.UniqueViolationError),
        ("57014", DatabaseBusy),
        ("55P03", DatabaseBusy),
        ("25006", DatabaseReadOnly),
        ("53100", DatabaseFull),
        ("58030", DatabaseAway),
        ("XX002", DatabaseAway),
        ("42601", asyncpg.PostgresSyntaxError),
    ],
)
async def test_conflicts_and_outages_are_told_apart_and_our_own_faults_are_neither(
    database: Database, state: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        async with database.acquire() as connection:
            await connection.execute(f"do $$ begin raise exception 'no' using errcode = '{state}'; end $$")
    assert getattr(raised.value, "retry_after_seconds", 1) == 1


async def test_a_connection_that_is_lost_within_a_block_is_replaced_for_the_next_one(
    database: Database,
) -> None:
    async def loses_its_connection() -> None:
        async with database.acquire() as connection:
            with suppress(asyncpg.AdminShutdownError):
                await connection.execute("select pg_terminate_backend(pg_backend_pid())")
            await connection.fetchval("select 1")

    with pytest.raises(DatabaseAway):
        await loses_its_connection()
    async with database.acquire() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_the_blocks_of_a_request_share_its_time_and_its_tasks_have_their_own(
    database: Database,
) -> None:
    async def waits(seconds: float) -> None:
        async with database.acquire() as connection:
            await connection.execute("select pg_sleep($1)", seconds)

    begin_budget(0.5)
    await waits(0.3)
    other = asyncio.create_task(waits(0.6))
    with pytest.raises(DatabaseSlow):
        await waits(0.6)
    with pytest.raises(DatabaseSlow):
        await waits(0)
    await other
    begin_budget(0.5)
    await waits(0)


async def at_once() -> None:
    """Until nothing: a request that only looks whether it gets a connection."""


@asynccontextmanager
async def requests(settings: Settings, pool_size: int) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """A function that does what a request of a caller does: it holds a connection until something happens."""
    patient = {"database_pool_size": pool_size, "database_acquire_seconds": 30.0}
    database = await Database.connect(settings.model_copy(update=patient))

    async def hold(
        caller: str | None, until: Callable[[], Awaitable[object]], *, seconds: float = 30
    ) -> None:
        begin_budget(seconds, caller)
        async with database.acquire(), time_limit():
            await until()

    yield hold
    await database.close()


async def test_the_requests_of_one_caller_leave_connections_to_those_of_others(settings: Settings) -> None:
    async with requests(settings, pool_size=6) as hold:
        over = asyncio.Event()
        held = [asyncio.create_task(hold("one", over.wait)) for _ in range(2)]
        refused = await asyncio.gather(
            *(hold("one", at_once, seconds=0.1) for _ in range(4)), return_exceptions=True
        )
        assert [type(refusal) for refusal in refused] == [StatementTimedOut] * 4
        async with asyncio.TaskGroup() as tasks:
            meeting = asyncio.Barrier(4)
            for caller in ("another", "another", None, None):
                tasks.create_task(hold(caller, meeting.wait))
        waiting = asyncio.create_task(hold("one", at_once))
        over.set()
        await asyncio.gather(*held, waiting)


async def test_a_slow_reader_leaves_the_share_to_other_requests_of_the_caller(settings: Settings) -> None:
    database = await Database.connect(settings)
    begin_budget(settings.database_seconds, "one")
    async with (
        database.snapshot(60) as reading,
        database.acquire(seconds=60) as connection,
    ):
        assert await reading.fetchval("select 1") == await connection.fetchval("select 1") == 1
    await database.close()


async def test_who_gives_up_waiting_for_a_share_takes_nothing_of_it(settings: Settings) -> None:
    async with requests(settings, pool_size=2) as hold:
        for _ in range(3):
            leaving = [asyncio.create_task(hold("one", asyncio.Event().wait)) for _ in range(3)]
            await asyncio.sleep(0.01)
            for task in leaving:
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
        await hold("one", at_once)


@pytest.mark.parametrize(
    ("others_are_answered", "refusal"), [(True, StatementTimedOut), (False, DatabaseSlow)]
)
async def test_who_waits_in_vain_while_others_are_answered_meets_no_outage(
    database: Database, database_url: str, others_are_answered: bool, refusal: type[DatabaseTrouble]
) -> None:
    async def waits_in_vain() -> None:
        async with database.acquire(seconds=0.2) as connection:
            if others_are_answered:
                async with database.acquire() as other:
                    await other.fetchval("select 1")
            await connection.execute("select pg_advisory_xact_lock(1)")

    with psycopg.connect(database_url) as holder:
        holder.execute("select pg_advisory_xact_lock(1)")
        with pytest.raises(DatabaseTrouble) as refused:
            await waits_in_vain()
    assert type(refused.value) is refusal
    assert bool(database.outage.failures) is not others_are_answered


async def test_a_wrong_use_of_asyncpg_is_no_outage(database: Database) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with database.acquire() as connection:
            await connection.execute("select $1::int", 1, 2)
    assert not database.outage.lasts


async def test_a_server_that_is_not_there_is_away(settings: Settings, unused_tcp_port: int) -> None:
    url = type(settings.database_url)(f"postgresql://cara@127.0.0.1:{unused_tcp_port}/cara")
    with pytest.raises(DatabaseAway) as away:
        await Database.connect(settings.model_copy(update={"database_url": url}))
    assert isinstance(away.value.__cause__, OSError)


async def test_a_transaction_that_fails_leaves_nothing_behind(database: Database) -> None:
    async def fails() -> None:
        async with database.transaction() as connection:
            await connection.execute("insert into pending_event_batches (events) values (1)")
            raise Refused

    with pytest.raises(Refused):
        await fails()
    async with database.transaction() as connection:
        assert await connection.fetchval("select count(*) from pending_event_batches") == 0


async def test_a_transaction_that_is_cancelled_gives_its_locks_and_its_connection_back(
    database: Database,
) -> None:
    """The pool does not reset connections: a transaction that stayed open would be the next one's."""

    async def locks_and_waits() -> None:
        async with database.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock(1)")
            await connection.execute("select pg_advisory_xact_lock(2)")

    async with database.transaction() as holder:
        await holder.execute("select pg_advisory_xact_lock(2)")
        waiting = asyncio.create_task(locks_and_waits())
        blocked = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
        async with time_limit():
            while not await holder.fetchval(blocked):
                await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        async with database.acquire() as connection:
            assert not connection.is_in_transaction()
            assert await connection.fetchval("select pg_try_advisory_xact_lock(1)")


async def test_values_come_back_as_they_were_written(database: Database) -> None:
    written = {"text": 'é \\ " 😀', "list": [1, 2.5, None, True], "deep": {"": {}}}
    async with database.acquire() as connection:
        assert await connection.fetchval("select $1::jsonb", written) == written
        assert await connection.fetchval("select $1::jsonb ->> 'text'", written) == written["text"]
        number = await connection.fetchval("select $1::numeric(5, 2)", 71.255)
    assert (number, type(number)) in ((71.25, float), (71.26, float))


async def test_sessions_of_the_pool_are_in_utc_and_bear_caras_name(database: Database) -> None:
    async with database.acquire() as connection:
        assert await connection.fetchval("show timezone") == "UTC"
        assert await connection.fetchval("show application_name") == "cara"
        day = await connection.fetchval("select $1::timestamptz::date", datetime(2026, 11, 3, 23, tzinfo=UTC))
    assert day.isoformat() == "2026-11-03"


@pytest.mark.parametrize("error", [DatabaseAway, DatabaseBusy])
async def test_an_operation_is_repeated_with_its_arguments_until_the_database_is_back(
    error: type[Exception],
) -> None:
    calls: list[tuple[int, int]] = []

    @retry_database
    async def add(first: int, *, second: int) -> int:
        calls.append((first, second))
        if len(calls) < 3:
            raise error
        return first + second

    assert await add(1, second=2) == 3
    assert calls == [(1, 2)] * 3


async def test_an_operation_is_given_up_once_the_database_was_away_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "RETRY_SECONDS", 0)
    calls = []

    @retry_database
    async def fail() -> None:
        calls.append(1)
        raise DatabaseAway(retry_after_seconds=7)

    with pytest.raises(DatabaseAway) as away:
        await fail()
    assert (len(calls), away.value.retry_after_seconds) == (1, 7)


async def test_what_fails_for_another_reason_is_not_repeated() -> None:
    calls = []

    @retry_database
    async def fail() -> None:
        calls.append(1)
        raise Refused

    with pytest.raises(Refused):
        await fail()
    assert calls == [1]


async def test_only_connections_that_are_open_and_free_come_at_once(settings: Settings) -> None:
    database = await Database.connect(settings.model_copy(update={"database_pool_size": 2}))
    established = database._established
    assert established.has_free_one
    async with database.acquire():
        assert not established.has_free_one
        async with database.acquire() as other:
            other.terminate()
    await asyncio.sleep(0)  # asyncpg tells of its end a turn of the loop later
    assert (established.taken, len(established._open)) == (0, 1)
    await database._pool.expire_connections()
    established.expired()
    assert not established.has_free_one
    async with database.acquire() as connection:
        assert await connection.fetchval("select 1") == 1
    assert established.has_free_one
    await database.close()
    assert not established._open


async def test_a_connection_that_cannot_be_had_is_not_counted_as_taken(settings: Settings) -> None:
    database = await Database.connect(
        settings.model_copy(update={"database_pool_size": 1, "database_acquire_seconds": 0.05})
    )
    async with database.acquire():
        with pytest.raises(DatabaseTrouble):
            async with database.acquire():
                pass
    assert database._established.taken == 0
    await database.close()


async def test_a_block_that_is_cancelled_again_and_again_loses_no_place_in_the_pool(
    settings: Settings,
) -> None:
    database = await Database.connect(settings.model_copy(update={"database_pool_size": 2}))

    async def reads() -> None:
        async with database.acquire() as connection:
            await connection.fetchval("select pg_sleep(0.002)")

    for number in range(60):
        task = asyncio.create_task(reads())
        await asyncio.sleep(number % 6 / 1000)
        task.cancel()
        await asyncio.wait([task])
    async with database.acquire() as one, database.acquire() as other:
        assert [await each.fetchval("select 1") for each in (one, other)] == [1, 1]
    assert database._established.taken == 0
    await database.close()
