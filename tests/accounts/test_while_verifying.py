"""What happens while a password is being verified: other guesses fail, or the hash is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher

from cara.postgres.database import Database
from cara.settings import Settings
from tests.accounts.held_passwords import HeldPasswords
from tests.accounts.signing import audited, signs_in
from tests.learners import Learner

CHANGE = "/api/auth/password"
OTHER_HASHES = PasswordHasher(time_cost=1, memory_cost=128, parallelism=1)

Attempt = Callable[[Learner, str], Awaitable[tuple[int, dict[str, Any]]]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Cheap hashes, and a thread for each attempt of a test."""
    return settings.model_copy(
        update={"password_memory_kib": 64, "password_time_cost": 1, "password_threads": 10}
    )


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldPasswords]:
    with HeldPasswords().installed(monkeypatch) as held:
        yield held


async def _signs_in(learner: Learner, password: str) -> tuple[int, dict[str, Any]]:
    status, body = await signs_in(learner.client, learner.email, password)
    return status, body


async def _changes(learner: Learner, password: str) -> tuple[int, dict[str, Any]]:
    asked = {"currentPassword": password, "newPassword": "another horse battery"}
    answer = await learner.call("POST", CHANGE, json=asked)
    return answer.status, await answer.json()


async def _stores_hash_of(database: Database, password: str) -> None:
    async with database.acquire() as connection:
        await connection.execute("update users set password_hash = $1", OTHER_HASHES.hash(password))


BOTH_ATTEMPTS = pytest.mark.parametrize("attempt", [_signs_in, _changes])


@BOTH_ATTEMPTS
async def test_concurrent_guesses_behind_the_lock_do_not_reveal_which_was_right(
    learner: Learner, held: HeldPasswords, attempt: Attempt, database: Database
) -> None:
    early, late, right = held.hold("guess"), held.hold("late guess"), held.hold(learner.password)
    guesses = [asyncio.create_task(attempt(learner, "guess")) for _ in range(5)]
    behind = [asyncio.create_task(attempt(learner, each)) for each in ("late guess", learner.password)]
    await early.reached(5)
    await late.reached()
    await right.reached()

    early.open()
    assert [status for status, _ in await asyncio.gather(*guesses)] == [401] * 5

    late.open()
    right.open()
    (wrong, told_wrong), (true, told_true) = await asyncio.gather(*behind)
    assert (wrong, true) == (429, 429)
    assert told_wrong["code"] == "account_locked"
    assert told_wrong | {"requestId": ""} == told_true | {"requestId": ""}
    assert {"signed_in", "password_changed"}.isdisjoint(await audited(database, learner))


@BOTH_ATTEMPTS
async def test_a_concurrent_rehash_does_not_refuse_the_right_password(
    learner: Learner, held: HeldPasswords, attempt: Attempt, database: Database
) -> None:
    right = held.hold(learner.password)
    waiting = asyncio.create_task(attempt(learner, learner.password))
    await right.reached()
    await _stores_hash_of(database, learner.password)
    right.open()
    assert (await waiting)[0] == 200


@BOTH_ATTEMPTS
async def test_a_password_that_was_changed_meanwhile_is_refused(
    learner: Learner, held: HeldPasswords, attempt: Attempt, database: Database
) -> None:
    right = held.hold(learner.password)
    waiting = asyncio.create_task(attempt(learner, learner.password))
    await right.reached()
    await _stores_hash_of(database, "yet another horse battery")
    right.open()
    status, refused = await waiting
    assert (status, refused["code"]) == (401, "invalid_credentials")
    assert {"signed_in", "password_changed"}.isdisjoint(await audited(database, learner))


async def test_an_account_that_is_deleted_meanwhile_looks_like_an_unknown_one(
    learner: Learner, held: HeldPasswords
) -> None:
    right = held.hold(learner.password)
    waiting = asyncio.create_task(_signs_in(learner, learner.password))
    await right.reached()
    await learner.expects(204, "DELETE", "/api/users/me")
    right.open()
    status, refused = await waiting
    assert (status, refused["code"]) == (401, "invalid_credentials")
