"""How long failures to sign in lock, and how they are counted in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cara.accounts import lockout, queries
from cara.accounts.lockout import PER_ACCOUNT, PER_ADDRESS, AccountLocked, FailureKeys
from cara.postgres.database import Connection, Database

NOBODY = "nobody@example.com"
KEYS = FailureKeys.of(NOBODY, "192.0.2.1")


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.acquire() as connection:
        yield connection


async def _let_pass(connection: Connection, seconds: float) -> None:
    """Moves all failures so far into the past."""
    await connection.execute(
        """
        update sign_in_failures
        set last_failed_at = last_failed_at - make_interval(secs => $1),
            expires_at = expires_at - make_interval(secs => $1)
        """,
        seconds,
    )


async def _locked_seconds(connection: Connection, keys: FailureKeys, *, familiar: bool = False) -> float:
    try:
        await lockout.check(connection, keys, familiar=familiar)
    except AccountLocked as locked:
        return locked.retry_after_seconds or 0
    return 0


async def test_locks_double_up_to_a_limit() -> None:
    assert [PER_ADDRESS.lock_seconds(failures) for failures in (1, 4, 5, 6, 7, 11, 12, 500)] == [
        0,
        0,
        10,
        20,
        40,
        640,
        900,
        900,
    ]
    assert max(PER_ACCOUNT.lock_seconds(failures) for failures in range(2_000)) == 60


async def test_a_failure_newer_than_the_statement_that_reads_it_locks_no_longer() -> None:
    assert PER_ADDRESS.remaining_seconds(None, None) == 0
    assert PER_ADDRESS.remaining_seconds(4, -0.001) == 0
    assert PER_ADDRESS.remaining_seconds(5, -0.001) == 10
    assert PER_ADDRESS.remaining_seconds(5, 9.5) == 0.5
    assert PER_ADDRESS.remaining_seconds(5, 11) == 0


async def test_a_lock_opens_after_its_delay_and_the_next_failure_doubles_it(connection: Connection) -> None:
    for _ in range(5):
        await lockout.check(connection, KEYS, familiar=False)
        locked = await lockout.count_failure(connection, KEYS)
    assert locked == 10
    assert 9 < await _locked_seconds(connection, KEYS, familiar=True) <= 10
    await _let_pass(connection, 9)
    assert 0 < await _locked_seconds(connection, KEYS, familiar=True) <= 1
    await _let_pass(connection, 1)
    await lockout.check(connection, KEYS, familiar=False)
    assert await lockout.count_failure(connection, KEYS) == 20


async def test_failures_from_many_addresses_lock_the_account_except_for_familiar_addresses(
    connection: Connection,
) -> None:
    home = FailureKeys.of(NOBODY, "198.51.100.1")
    for number in range(50):
        assert await _locked_seconds(connection, home) == 0
        locked = await lockout.count_failure(connection, FailureKeys.of(NOBODY, f"203.0.113.{number}"))
    assert locked == 5
    assert 4 < await _locked_seconds(connection, home) <= 5
    assert await _locked_seconds(connection, home, familiar=True) == 0
    await _let_pass(connection, PER_ACCOUNT.expire_after_seconds)
    assert await lockout.count_failure(connection, home) == 0


async def test_failures_expire_after_a_day(connection: Connection) -> None:
    keys = FailureKeys.of(NOBODY, None)
    for _ in range(20):
        await lockout.count_failure(connection, keys)
    await _let_pass(connection, PER_ADDRESS.expire_after_seconds)
    assert await _locked_seconds(connection, keys) == 0
    assert await lockout.count_failure(connection, keys) == 0


async def test_each_failure_restarts_the_day(connection: Connection) -> None:
    for _ in range(4):
        await lockout.count_failure(connection, KEYS)
        await _let_pass(connection, PER_ADDRESS.expire_after_seconds - 60)
    assert await lockout.count_failure(connection, KEYS) == 10


async def test_a_success_clears_the_failures_from_its_address_alone(connection: Connection) -> None:
    elsewhere = FailureKeys.of(NOBODY, "192.0.2.2")
    for _ in range(5):
        await lockout.count_failure(connection, KEYS)
        await lockout.count_failure(connection, elsewhere)
    await lockout.clear_failures(connection, KEYS)
    assert await _locked_seconds(connection, KEYS) == 0
    assert await lockout.count_failure(connection, KEYS) == 0
    assert await _locked_seconds(connection, elsewhere) > 0
    by_account = await connection.fetchval(
        "select failures from sign_in_failures where key = $1", KEYS.account
    )
    assert by_account == 11


async def test_rows_have_one_size_whatever_was_typed(connection: Connection) -> None:
    for typed in ("", NOBODY, "a" * 254, "\ud800", "\0"):
        await lockout.count_failure(connection, FailureKeys.of(typed, "2001:db8::1"))
    sizes = await connection.fetch("select pg_column_size(sign_in_failures) as bytes from sign_in_failures")
    assert len(sizes) == 10
    assert len({row["bytes"] for row in sizes}) == 1


async def test_concurrent_failures_each_count(database: Database) -> None:
    """From one address and from several, whose statements share the row of the account."""
    networks = [f"192.0.2.{number}" for number in range(4)]

    async def fail(network: str) -> None:
        async with database.acquire() as connection:
            await lockout.count_failure(connection, FailureKeys.of(NOBODY, network))

    await asyncio.gather(*(fail(network) for _ in range(25) for network in networks))
    async with database.acquire() as connection:
        rows = await connection.fetch("select key, failures from sign_in_failures")
    failures = {row["key"]: row["failures"] for row in rows}
    assert failures.pop(KEYS.account) == 100
    assert list(failures.values()) == [25] * 4


async def test_the_purge_deletes_expired_rows_and_skips_locked_ones(
    database: Database, connection: Connection
) -> None:
    for number in range(3):
        await lockout.count_failure(connection, FailureKeys.of(NOBODY, f"192.0.2.{number}"))
    await _let_pass(connection, PER_ACCOUNT.expire_after_seconds)
    assert await queries.delete_expired_failures(connection, 10) == 1
    await _let_pass(connection, PER_ADDRESS.expire_after_seconds)
    assert await queries.delete_expired_failures(connection, 1) == 1
    async with database.transaction() as other:
        await other.execute(
            "select from sign_in_failures where expires_at = (select max(expires_at) from sign_in_failures) "
            "for update"
        )
        assert await queries.delete_expired_failures(connection, 10) == 1
    assert await queries.delete_expired_failures(connection, 10) == 1
    assert await queries.delete_expired_failures(connection, 10) == 0


async def test_keys_of_another_size_are_refused(connection: Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await queries.count_failure(connection, b"x" * 17, 60, b"y" * 16, 60)
