"""Signing out here and everywhere, and changing the password."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cara.accounts import lockout
from cara.accounts.lockout import FailureKeys
from cara.accounts.routes import REFRESH_COOKIE
from cara.postgres.database import Database
from tests.accounts.signing import (
    Client,
    audited,
    outlast_the_grace,
    posts,
    refresh_refusal,
    refreshes,
    signs_in,
)
from tests.learners import Learner

CHANGE = "/api/auth/password"


def _change(learner: Learner, **changes: str) -> dict[str, str]:
    return {"currentPassword": learner.password, "newPassword": "another horse battery", **changes}


async def test_signing_out_ends_the_family_and_the_cookie(
    client: Client, learner: Learner, database: Database
) -> None:
    second = (await refreshes(client, learner.refresh_token))["refreshToken"]
    response = await posts(client, "/api/auth/logout", cookie=second)
    assert response.status == 200
    assert await response.json() == {"signedOut": True}
    cookie = response.cookies[REFRESH_COOKIE]
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/api/auth")
    assert await refresh_refusal(client, second) == "refresh_token_invalid"
    assert await audited(database, learner) == ["registered", "refreshed", "signed_out"]


async def test_a_spent_token_in_the_body_is_enough_to_sign_out(
    client: Client, learner: Learner, database: Database
) -> None:
    """A front end that never stored a rotated token can sign out, without an audit entry of reuse."""
    second = (await refreshes(client, learner.refresh_token))["refreshToken"]
    await outlast_the_grace(database)
    assert (await posts(client, "/api/auth/logout", {"refreshToken": learner.refresh_token})).status == 200
    assert await refresh_refusal(client, second) == "refresh_token_invalid"
    assert await audited(database, learner) == ["registered", "refreshed", "signed_out"]


@pytest.mark.parametrize("body", [None, {}, {"refreshToken": "nonsense"}])
async def test_signing_out_with_nothing_to_end_is_fine(client: Client, body: Any) -> None:
    for _ in range(2):
        assert (await posts(client, "/api/auth/logout", body)).status == 200


async def test_signing_out_leaves_other_sign_ins_alone(client: Client, learner: Learner) -> None:
    _, other = await signs_in(client, learner.email, learner.password)
    await posts(client, "/api/auth/logout", {"refreshToken": learner.refresh_token})
    learner.access_token = (await refreshes(client, other["refreshToken"]))["accessToken"]
    await learner.expects(200, "GET", "/api/auth/verify")


async def test_signing_out_everywhere_ends_every_family_and_access_token(
    client: Client, learner: Learner, database: Database
) -> None:
    bystander = await Learner.registers(client)
    _, other = await signs_in(client, learner.email, learner.password)
    response = await posts(client, "/api/auth/logout-all", headers=learner.authorization)
    assert response.status == 200
    assert response.cookies[REFRESH_COOKIE].value == ""
    for token in (learner.refresh_token, other["refreshToken"]):
        assert await refresh_refusal(client, token) == "refresh_token_invalid"
    for token in (learner.access_token, other["accessToken"]):
        learner.access_token = token
        assert (await learner.expects(401, "GET", "/api/sessions"))["code"] == "token_invalid"
    assert (await audited(database, learner))[-1] == "signed_out_everywhere"
    assert (await bystander.call("GET", "/api/auth/verify")).status == 200
    await refreshes(client, bystander.refresh_token)


async def test_a_sign_in_right_after_signing_out_everywhere_is_valid(
    client: Client, learner: Learner
) -> None:
    await learner.expects(200, "POST", "/api/auth/logout-all")
    _, again = await signs_in(client, learner.email, learner.password)
    learner.access_token = again["accessToken"]
    await learner.expects(200, "GET", "/api/auth/verify")


async def test_signing_out_everywhere_needs_a_token(client: Client) -> None:
    assert (await posts(client, "/api/auth/logout-all")).status == 401


async def test_a_new_password_ends_every_token_of_the_old_one(
    client: Client, learner: Learner, database: Database
) -> None:
    response = await posts(client, CHANGE, _change(learner), headers=learner.authorization)
    assert (response.status, await response.json()) == (200, {"signedOut": True})
    assert response.cookies[REFRESH_COOKIE].value == ""
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_invalid"
    await learner.expects(401, "GET", "/api/auth/verify")
    assert (await signs_in(client, learner.email, learner.password))[0] == 401
    assert (await signs_in(client, learner.email, "another horse battery"))[0] == 200
    assert await audited(database, learner) == [
        "registered",
        "password_changed",
        "sign_in_failed",
        "signed_in",
    ]


async def test_a_wrong_current_password_changes_nothing(
    client: Client, learner: Learner, database: Database
) -> None:
    refused = await learner.expects(401, "POST", CHANGE, json=_change(learner, currentPassword="guess"))
    assert refused["code"] == "invalid_credentials"
    assert await audited(database, learner) == ["registered", "password_change_failed"]
    await learner.expects(200, "GET", "/api/auth/verify")
    await refreshes(client, learner.refresh_token)


async def test_a_weak_new_password_is_named(learner: Learner) -> None:
    refused = await learner.expects(400, "POST", CHANGE, json=_change(learner, newPassword="12345678"))
    assert [problem["field"] for problem in refused["errors"]] == ["newPassword"]


async def test_guesses_at_the_current_password_are_locked_out(learner: Learner) -> None:
    for _ in range(5):
        await learner.expects(401, "POST", CHANGE, json=_change(learner, currentPassword="guess"))
    assert (await learner.expects(429, "POST", CHANGE, json=_change(learner)))["code"] == "account_locked"


async def test_of_two_concurrent_changes_one_wins(client: Client, learner: Learner) -> None:
    wanted = ["another horse battery", "yet another horse battery"]
    answers = await asyncio.gather(
        *(learner.call("POST", CHANGE, json=_change(learner, newPassword=new)) for new in wanted)
    )
    assert sorted(answer.status for answer in answers) == [200, 401]
    statuses = [(await signs_in(client, learner.email, new))[0] for new in wanted]
    assert sorted(statuses) == [200, 401]


async def test_no_sign_in_with_the_old_password_survives_its_change(
    client: Client, learner: Learner, database: Database
) -> None:
    """However sign-ins and the change interleave."""
    await asyncio.gather(
        *(signs_in(client, learner.email, learner.password) for _ in range(4)),
        learner.call("POST", CHANGE, json=_change(learner)),
        *(signs_in(client, learner.email, learner.password) for _ in range(4)),
    )
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from refresh_families where ended_at is null") == 0


async def test_signing_out_with_two_tokens_ends_both_of_their_families(
    client: Client, learner: Learner, database: Database
) -> None:
    _, other = await signs_in(client, learner.email, learner.password)
    body = {"refreshToken": learner.refresh_token}
    await posts(client, "/api/auth/logout", body, cookie=other["refreshToken"])
    for token in (learner.refresh_token, other["refreshToken"]):
        assert await refresh_refusal(client, token) == "refresh_token_invalid"
    assert await audited(database, learner) == ["registered", "signed_in", "signed_out", "signed_out"]


async def test_a_family_keeps_the_time_of_its_first_end(
    client: Client, learner: Learner, database: Database
) -> None:
    """The export tells when each sign-in ended."""
    body = {"refreshToken": learner.refresh_token}
    await posts(client, "/api/auth/logout", body)
    async with database.acquire() as connection:
        ended = await connection.fetchval("select min(ended_at) from refresh_families")
        await posts(client, "/api/auth/logout", body)
        learner.access_token = (await signs_in(client, learner.email, learner.password))[1]["accessToken"]
        await learner.expects(200, "POST", "/api/auth/logout-all")
        assert await connection.fetchval("select min(ended_at) from refresh_families") == ended
    assert await audited(database, learner) == [
        "registered",
        "signed_out",
        "signed_in",
        "signed_out_everywhere",
    ]


async def test_a_password_that_contains_the_email_or_is_the_name_is_refused_at_a_change_too(
    learner: Learner,
) -> None:
    for new in (f"my {learner.email.partition('@')[0]}", "a learner"):
        refused = await learner.expects(400, "POST", CHANGE, json=_change(learner, newPassword=new))
        assert [problem["field"] for problem in refused["errors"]] == ["newPassword"]


async def test_the_right_current_password_forgets_the_guesses_before_it(
    client: Client, learner: Learner
) -> None:
    for _ in range(4):
        await learner.expects(401, "POST", CHANGE, json=_change(learner, currentPassword="guess"))
    await learner.expects(200, "POST", CHANGE, json=_change(learner))
    assert (await signs_in(client, learner.email, "guess"))[0] == 401
    assert (await signs_in(client, learner.email, "another horse battery"))[0] == 200


async def test_an_account_that_guesses_from_elsewhere_have_locked_can_change_its_password(
    client: Client, learner: Learner, database: Database
) -> None:
    """Who has an access token is known: only failures from the same address count."""
    async with database.acquire() as connection:
        for number in range(60):
            await lockout.count_failure(connection, FailureKeys.of(learner.email, f"203.0.113.{number}"))
        before = await connection.fetchval("select updated_at from users")
        await learner.expects(200, "POST", CHANGE, json=_change(learner))
        assert await connection.fetchval("select updated_at from users") > before
