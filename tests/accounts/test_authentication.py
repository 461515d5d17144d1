"""Sign-in and lock-out over HTTP, and that neither reveals which emails have an account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import argon2
import pytest
from argon2 import extract_parameters

from cara.app import create_app
from cara.postgres.database import Connection, Database
from cara.settings import Settings
from tests.accounts.signing import Client, audited, posts, signs_in
from tests.learners import Learner
from tests.waiting import time_limit

OpenClient = Callable[..., Awaitable[Client]]
NOBODY = "nobody@example.com"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Cheap hashes, and a trusted proxy, so that tests send from many addresses."""
    return settings.model_copy(
        update={"password_memory_kib": 64, "password_time_cost": 1, "trusted_proxies": ("127.0.0.0/8",)}
    )


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every computation of argon2, by what it was for."""
    done: list[str] = []
    hash_, verify = argon2.PasswordHasher.hash, argon2.PasswordHasher.verify

    def counted_hash(self: argon2.PasswordHasher, *arguments: Any, **options: Any) -> str:
        done.append("hash")
        return hash_(self, *arguments, **options)

    def counted_verify(self: argon2.PasswordHasher, stored: str, password: Any) -> bool:
        parameters = extract_parameters(stored)
        done.append(f"verify m={parameters.memory_cost} t={parameters.time_cost} p={parameters.parallelism}")
        return verify(self, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "hash", counted_hash)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted_verify)
    return done


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of the web process from now on."""
    sent: list[str] = []
    acquire = Database.acquire

    @asynccontextmanager
    async def acquire_logged(database: Database) -> AsyncIterator[Connection]:
        async with acquire(database) as connection:
            with connection.query_logger(lambda logged: sent.append(logged.query)):
                yield connection

    monkeypatch.setattr(Database, "acquire", acquire_logged)
    return sent


def _from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def _without_request_id(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "requestId"}


async def test_an_unknown_email_and_a_wrong_password_get_the_same_response_after_the_same_work(
    client: Client, learner: Learner, hashes: list[str]
) -> None:
    hashes.clear()
    wrong = await signs_in(client, learner.email, "guess")
    work_for_wrong = hashes.copy()
    for email in (NOBODY, "nonsense", "", "Nobody <nobody@example.com>", "@", "a" * 254):
        hashes.clear()
        unknown = await signs_in(client, email, "guess")
        assert wrong[0] == unknown[0] == 401
        assert _without_request_id(wrong[1]) == _without_request_id(unknown[1])
        assert work_for_wrong == hashes == ["verify m=64 t=1 p=1"]


async def test_an_unknown_email_and_a_wrong_password_cost_the_same_statements(
    client: Client, learner: Learner, statements: list[str]
) -> None:
    await signs_in(client, learner.email, "guess")
    for_wrong = statements.copy()
    statements.clear()
    await signs_in(client, NOBODY, "guess")
    assert statements == for_wrong
    assert len(statements) == 4


async def test_an_unknown_email_is_locked_exactly_as_a_known_one(client: Client, learner: Learner) -> None:
    outcomes = []
    for email in (learner.email, NOBODY):
        outcome = []
        for _ in range(7):
            response = await posts(client, "/api/auth/login", {"email": email, "password": "guess"})
            body = _without_request_id(await response.json())
            outcome.append((response.status, body, response.headers.get("Retry-After")))
        outcomes.append(outcome)
    assert outcomes[0] == outcomes[1]
    assert [status for status, _, _ in outcomes[0]] == [401] * 5 + [429] * 2
    assert outcomes[0][-1][1]["code"] == "account_locked"
    assert outcomes[0][-1][2] == "10"


async def test_a_locked_attempt_is_refused_without_hashing(
    client: Client, learner: Learner, hashes: list[str]
) -> None:
    for _ in range(5):
        await signs_in(client, learner.email, "guess")
    hashes.clear()
    assert (await signs_in(client, learner.email, learner.password))[0] == 429
    assert hashes == []


async def test_an_attacker_locks_out_their_own_address_and_not_the_owner(
    client: Client, learner: Learner
) -> None:
    for _ in range(6):
        status, _ = await signs_in(client, learner.email, "guess", **_from("203.0.113.7"))
    assert status == 429
    assert (await signs_in(client, learner.email, learner.password, **_from("198.51.100.1")))[0] == 200


async def test_addresses_of_one_ipv6_network_share_their_failures(client: Client, learner: Learner) -> None:
    for number in range(6):
        status, _ = await signs_in(client, learner.email, "guess", **_from(f"2001:db8::{number + 1}"))
    assert status == 429
    assert (await signs_in(client, learner.email, "guess", **_from("2001:db8:0:1::1")))[0] == 401


async def test_another_spelling_of_an_email_gives_no_more_attempts(client: Client, learner: Learner) -> None:
    for spelling in (str.lower, str.upper, str.title, str.lower, str.upper):
        assert (await signs_in(client, spelling(learner.email), "guess"))[0] == 401
    assert (await signs_in(client, learner.email.swapcase(), "guess"))[0] == 429
    for domain in (
        "b\u00fccher.example",
        "B\u00dcCHER.example",
        "bu\u0308cher.example",
        "xn--bcher-kva.example",
    ):
        for _ in range(2):
            status, _ = await signs_in(client, f"nobody@{domain}", "guess")
    assert status == 429


async def test_a_success_clears_the_failures_before_it(client: Client, learner: Learner) -> None:
    for _ in range(3):
        for _ in range(4):
            assert (await signs_in(client, learner.email, "guess"))[0] == 401
        assert (await signs_in(client, learner.email, learner.password))[0] == 200


async def test_concurrent_guesses_are_not_verified_once_the_account_is_locked(
    client: Client, learner: Learner
) -> None:
    """The right password is refused like any other while the lock holds."""
    outcomes = await asyncio.gather(
        *(signs_in(client, learner.email, "guess") for _ in range(20)),
    )
    assert {status for status, _ in outcomes} <= {401, 429}
    assert (await signs_in(client, learner.email, learner.password))[0] == 429


async def test_failures_are_audited_although_the_request_is_refused(
    client: Client, learner: Learner, database: Database
) -> None:
    for _ in range(5):
        await signs_in(client, learner.email, "guess")
    await signs_in(client, NOBODY, "guess")
    assert await audited(database, learner) == ["registered", *["sign_in_failed"] * 5]
    async with database.acquire() as connection:
        details = await connection.fetch("select user_id, details from audit_log order by created_at, id")
    assert [row["details"] for row in details[-3:]] == [{}, {"lockedSeconds": 10}, {}]
    assert details[-1]["user_id"] is None


async def test_refusals_of_a_lock_are_audited_once_for_each_lock(
    client: Client, learner: Learner, database: Database
) -> None:
    """However often an attacker knocks, for accounts that exist and for others."""
    for email in (learner.email, NOBODY):
        for _ in range(5):
            assert (await signs_in(client, email, "guess"))[0] == 401
        for _ in range(4):
            assert (await signs_in(client, email, learner.password))[0] == 429
    assert await audited(database, learner) == ["registered", *["sign_in_failed"] * 5, "sign_in_refused"]
    async with database.acquire() as connection:
        await connection.execute(
            """
            update sign_in_failures
            set last_failed_at = last_failed_at - interval '1 minute',
                refused_at = refused_at - interval '1 minute'
            """
        )
        assert (await signs_in(client, learner.email, "guess"))[0] == 401
        for _ in range(2):
            assert (await signs_in(client, learner.email, learner.password))[0] == 429
        refused = await connection.fetch(
            "select user_id, address is not null as has_address from audit_log"
            " where action = 'sign_in_refused' order by created_at"
        )
    assert [row["user_id"] and str(row["user_id"]) for row in refused] == [
        learner.user["id"],
        None,
        learner.user["id"],
    ]
    assert all(row["has_address"] for row in refused)


async def test_a_registration_with_a_taken_email_is_told_to_its_owner(
    client: Client, learner: Learner, database: Database
) -> None:
    account = {"email": learner.email.upper(), "name": "A", "password": "correct horse battery"}
    refused = await posts(client, "/api/auth/register", account)
    assert (refused.status, (await refused.json())["code"]) == (409, "email_taken")
    page = await learner.expects(200, "GET", "/api/users/me/audit")
    newest = page["entries"][0]
    assert (newest["action"], newest["details"]) == ("registration_refused", {})
    assert newest["requestId"] == refused.headers["X-Request-Id"]


async def test_a_hash_of_other_parameters_is_replaced_at_sign_in(
    settings: Settings, client: Client, learner: Learner, database: Database, aiohttp_client: OpenClient
) -> None:
    dearer = await aiohttp_client(create_app(settings.model_copy(update={"password_time_cost": 2})))
    assert (await signs_in(dearer, learner.email, learner.password))[0] == 200
    async with database.acquire() as connection:
        stored = await connection.fetchval("select password_hash from users")
    assert extract_parameters(stored).time_cost == 2
    assert (await signs_in(client, learner.email, learner.password))[0] == 200


async def test_sign_ins_beyond_the_queue_are_refused_with_retry_after(
    settings: Settings, aiohttp_client: OpenClient
) -> None:
    slow = {
        "password_threads": 1,
        "password_queue": 2,
        "password_memory_kib": 19_456,
        "password_time_cost": 4,
    }
    client = await aiohttp_client(create_app(settings.model_copy(update=slow)))
    learner = await Learner.registers(client)
    credentials = {"email": learner.email, "password": learner.password}
    client.session.cookie_jar.clear()
    answers = await asyncio.gather(*(client.post("/api/auth/login", json=credentials) for _ in range(12)))
    assert {answer.status for answer in answers} == {200, 503}
    refused = next(answer for answer in answers if answer.status == 503)
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await refused.json())["code"] == "sign_in_busy"
    assert (await signs_in(client, learner.email, learner.password))[0] == 200


async def test_signing_in_and_the_lock_out_need_no_redis(
    settings: Settings, unused_tcp_port: int, aiohttp_client: OpenClient
) -> None:
    url = type(settings.redis_url)(f"redis://127.0.0.1:{unused_tcp_port}/0")
    client = await aiohttp_client(create_app(settings.model_copy(update={"redis_url": url})))
    learner = await Learner.registers(client)
    assert (await signs_in(client, learner.email, learner.password))[0] == 200
    for _ in range(5):
        assert (await signs_in(client, learner.email, "guess"))[0] == 401
    assert (await signs_in(client, learner.email, learner.password))[0] == 429


async def test_failures_are_shared_between_processes(
    settings: Settings, client: Client, learner: Learner, aiohttp_client: OpenClient
) -> None:
    other = await aiohttp_client(create_app(settings))
    for number in range(5):
        await signs_in(other if number % 2 else client, learner.email, "guess")
    for process in (client, other):
        assert (await signs_in(process, learner.email, learner.password))[0] == 429


async def test_stored_failures_hold_no_email_or_address_and_expire(
    client: Client, learner: Learner, database: Database
) -> None:
    for _ in range(5):
        await signs_in(client, learner.email, "guess")
    async with database.acquire() as connection:
        rows = await connection.fetch(
            """
            select sign_in_failures::text as text, expires_at > now() as is_live,
                   expires_at < now() + interval '1 day 1 minute' as expires_soon
            from sign_in_failures
            """
        )
    assert len(rows) == 2
    assert all(row["is_live"] and row["expires_soon"] for row in rows)
    for name in (learner.email, "127.0.0.1"):
        assert not any(name in row["text"] or name.encode().hex() in row["text"] for row in rows)


async def test_a_failure_is_counted_before_it_is_audited_and_holds_no_lock(
    client: Client, learner: Learner, database: Database
) -> None:
    """Other attempts on the account do not wait for the rest of the request."""
    async with database.transaction() as auditing:
        await auditing.execute("lock table audit_log in share mode")
        guess = asyncio.create_task(signs_in(client, learner.email, "guess"))
        async with database.acquire() as connection, time_limit():
            while await connection.fetchval("select count(*) from sign_in_failures") == 0:
                await asyncio.sleep(0.01)
            rows = await connection.fetch("select failures from sign_in_failures for update nowait")
        assert [row["failures"] for row in rows] == [1, 1]
        assert not guess.done()
    assert (await guess)[0] == 401


async def test_a_failure_that_cannot_be_audited_is_counted_all_the_same(
    client: Client, learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        await connection.execute(
            "alter table audit_log add constraint full_up check (action <> 'sign_in_failed')"
        )
        try:
            for _ in range(5):
                assert (await signs_in(client, learner.email, "guess"))[0] == 500
        finally:
            await connection.execute("alter table audit_log drop constraint full_up")
    assert (await signs_in(client, learner.email, learner.password))[0] == 429


async def test_the_application_hashes_with_the_cost_of_the_settings(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        stored = await connection.fetchval("select password_hash from users where email = $1", learner.email)
    assert extract_parameters(stored).memory_cost == 64
