"""Typing the password again: what asks for it, and what it is good for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cara.accounts import lockout
from cara.accounts.lockout import FailureKeys
from cara.postgres.database import Database
from tests.accounts.signing import Client, audited, posts, refreshes, signs_in
from tests.learners import Learner

AGAIN, PROFILE, EXPORT = "/api/auth/reauthenticate", "/api/users/me", "/api/users/me/export"


async def _passes(database: Database, minutes: float) -> None:
    """So many minutes pass since all passwords were typed."""
    async with database.acquire() as connection:
        await connection.execute(
            "update refresh_families set authenticated_at = authenticated_at - make_interval(secs => $1)",
            minutes * 60,
        )


async def test_a_password_typed_within_five_minutes_is_enough(learner: Learner, database: Database) -> None:
    await _passes(database, 4.5)
    await learner.expects(200, "GET", EXPORT)
    await learner.expects(204, "DELETE", PROFILE)


@pytest.mark.parametrize(("method", "path"), [("GET", EXPORT), ("HEAD", EXPORT), ("DELETE", PROFILE)])
async def test_what_gives_away_or_destroys_everything_asks_for_the_password_again(
    learner: Learner, database: Database, method: str, path: str
) -> None:
    await _passes(database, 5.1)
    refused = await learner.call(method, path)
    assert refused.status == 403
    if method != "HEAD":
        assert (await refused.json())["code"] == "reauthentication_required"
    await learner.expects(200, "GET", PROFILE)

    renewed = await learner.expects(200, "POST", AGAIN, json={"password": learner.password})
    assert renewed["expiresIn"] == 300
    age = datetime.now(UTC) - datetime.fromisoformat(renewed["authenticatedAt"])
    assert abs(age.total_seconds()) < 60
    assert (await learner.call(method, path)).status in (200, 204)


async def test_a_refresh_is_no_sign_that_the_owner_is_there(
    client: Client, learner: Learner, database: Database
) -> None:
    await _passes(database, 6)
    learner.access_token = (await refreshes(client, learner.refresh_token))["accessToken"]
    await learner.expects(403, "GET", EXPORT)


async def test_authenticating_again_counts_in_its_own_sign_in_alone(
    client: Client, learner: Learner, database: Database
) -> None:
    _, other = await signs_in(client, learner.email, learner.password)
    await _passes(database, 6)
    await learner.expects(200, "POST", AGAIN, json={"password": learner.password})
    learner.access_token = other["accessToken"]
    await learner.expects(403, "GET", EXPORT)


async def test_an_account_can_be_deleted_with_the_password_in_the_body(
    learner: Learner, database: Database
) -> None:
    await _passes(database, 6)
    await learner.expects(204, "DELETE", PROFILE, json={"password": learner.password})
    await learner.expects(401, "GET", PROFILE)


@pytest.mark.parametrize(("method", "path"), [("POST", AGAIN), ("DELETE", PROFILE)])
async def test_a_wrong_password_is_told_from_an_expired_token_and_locks(
    learner: Learner, database: Database, method: str, path: str
) -> None:
    """Also right after the sign-in: whoever sends a password wants it checked."""
    for _ in range(5):
        refused = await learner.expects(401, method, path, json={"password": "guess"})
        assert refused["code"] == "invalid_credentials"
    for _ in range(3):
        locked = await learner.call(method, path, json={"password": learner.password})
        assert (locked.status, (await locked.json())["code"]) == (429, "account_locked")
        assert 1 <= int(locked.headers["Retry-After"]) <= 10
    await learner.expects(200, "GET", PROFILE)
    assert await audited(database, learner) == [
        "registered",
        *["reauthentication_failed"] * 5,
        "sign_in_refused",
    ]


async def test_an_account_that_guesses_from_elsewhere_have_locked_can_authenticate_again(
    learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        for number in range(60):
            await lockout.count_failure(connection, FailureKeys.of(learner.email, f"203.0.113.{number}"))
    await learner.expects(200, "POST", AGAIN, json={"password": learner.password})


@pytest.mark.parametrize("body", [None, {}, {"password": None}, {"password": 7}, {"password": "x", "a": 1}])
async def test_a_body_of_another_shape_is_refused(learner: Learner, body: Any) -> None:
    await learner.expects(400, "POST", AGAIN, json=body)


async def test_nobody_authenticates_again_without_having_signed_in(
    client: Client, learner: Learner, database: Database
) -> None:
    assert (await posts(client, AGAIN, {"password": learner.password})).status == 401
    await posts(client, "/api/auth/logout", {"refreshToken": learner.refresh_token})
    await learner.expects(401, "POST", AGAIN, json={"password": learner.password})
    assert "reauthenticated" not in await audited(database, learner)
