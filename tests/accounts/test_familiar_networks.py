"""Guesses from many addresses lock an account, except for networks where its owner signed in recently."""

from __future__ import annotations

from typing import Any

import pytest

from cara.accounts import queries
from cara.accounts.lockout import FailureKeys
from cara.postgres.database import Connection, Database
from cara.settings import Settings
from tests.accounts.signing import Client, posts, signs_in
from tests.learners import Learner


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Cheap hashes, and a trusted proxy, so that tests send from many addresses."""
    return settings.model_copy(
        update={"password_memory_kib": 64, "password_time_cost": 1, "trusted_proxies": ("127.0.0.0/8",)}
    )


class Explaining:
    """A connection that returns the plan of a statement instead of its row."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetchrow(self, statement: str, *arguments: Any) -> str:
        rows = await self._connection.fetch(f"explain {statement}", *arguments)
        return "\n".join(row[0] for row in rows)


def _from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def test_guesses_from_many_addresses_lock_the_account_except_for_familiar_networks(
    client: Client, learner: Learner
) -> None:
    home = _from("198.51.100.1")
    assert (await signs_in(client, learner.email, learner.password, **home))[0] == 200
    for number in range(50):
        status, _ = await signs_in(client, learner.email, "guess", **_from(f"203.0.113.{number}"))
        assert status == 401
    status, refused = await signs_in(client, learner.email, learner.password, **_from("192.0.2.9"))
    assert (status, refused["code"]) == (429, "account_locked")
    assert (await signs_in(client, learner.email, learner.password, **home))[0] == 200


async def test_who_is_signed_in_guesses_no_more_passwords_from_many_addresses_than_others(
    client: Client, learner: Learner
) -> None:
    """Their access token may be stolen."""

    async def authenticates(password: str, address: str) -> int:
        headers = learner.authorization | _from(address)
        return (
            await posts(client, "/api/auth/reauthenticate", {"password": password}, headers=headers)
        ).status

    home = "198.51.100.1"
    assert (await signs_in(client, learner.email, learner.password, **_from(home)))[0] == 200
    statuses = [await authenticates("guess", f"203.0.113.{number}") for number in range(51)]
    assert statuses == [401] * 50 + [429]
    assert await authenticates(learner.password, "192.0.2.9") == 429
    assert await authenticates(learner.password, home) == 200


async def test_the_network_of_the_registration_is_familiar(client: Client) -> None:
    account = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
    answer = await posts(client, "/api/auth/register", account, headers=_from("2001:db8:0:1::1"))
    assert answer.status == 201
    for number in range(50):
        await signs_in(client, account["email"], "guess", **_from(f"203.0.113.{number}"))
    credentials = account["email"], account["password"]
    for unfamiliar in ("2001:db8:0:2::1", "192.0.2.9"):
        assert (await signs_in(client, *credentials, **_from(unfamiliar)))[0] == 429
    for neighbor in ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"):
        assert (await signs_in(client, *credentials, **_from(neighbor)))[0] == 200


@pytest.mark.parametrize("network", ["192.0.2.1", "2001:db8::/64"])
async def test_an_attempt_is_judged_by_one_statement_that_reads_indexes(
    learner: Learner, database: Database, network: str
) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            """
            insert into audit_log (id, user_id, action, address)
            select gen_random_uuid(), $1::uuid, 'sign_in_failed', '192.0.2.1' from generate_series(1, 5000)
            """,
            learner.user["id"],
        )
        await connection.execute("analyze audit_log")
        await connection.execute("set local enable_seqscan = off")
        keys = FailureKeys.of(learner.email, network)
        plan = await queries.user_for_sign_in(
            Explaining(connection), learner.email, network, keys.address, keys.account
        )
    assert "audit_log_signed_in_idx" in plan
    assert "audit_log_user_idx" not in plan
    for index in ("users_email_key", "sign_in_failures_pkey"):
        assert index in plan
    assert "Seq Scan" not in plan


async def _is_familiar(database: Database, learner: Learner, network: str) -> bool:
    keys = FailureKeys.of(learner.email, network)
    async with database.acquire() as connection:
        attempt = await queries.user_for_sign_in(
            connection, learner.email, network, keys.address, keys.account
        )
    return bool(attempt["familiar"])


@pytest.mark.parametrize(("age", "familiar"), [("29 days 23 hours", True), ("30 days 1 hour", False)])
async def test_a_network_is_familiar_for_thirty_days(
    learner: Learner, database: Database, age: str, familiar: bool
) -> None:
    async with database.acquire() as connection:
        await connection.execute(f"update audit_log set created_at = now() - interval '{age}'")
    assert await _is_familiar(database, learner, "127.0.0.1") is familiar


async def test_neither_failures_nor_the_sign_ins_of_others_make_a_network_familiar(
    client: Client, learner: Learner, database: Database
) -> None:
    other = await Learner.registers(client)
    await signs_in(client, learner.email, "guess", **_from("192.0.2.1"))
    await signs_in(client, other.email, other.password, **_from("192.0.2.1"))
    assert await _is_familiar(database, other, "192.0.2.1")
    assert not await _is_familiar(database, learner, "192.0.2.1")
    assert not await _is_familiar(database, learner, "127.0.0.2")
