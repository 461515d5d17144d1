"""Refresh tokens: rotation, families, the grace period for two tabs, and which of two tokens is used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from cara.accounts.cookies import REFRESH_COOKIE
from cara.accounts.refresh_tokens import (
    MAX_FAMILIES,
    RefreshTokenInvalid,
    TokenRefresher,
    hash_token,
    new_token,
    successor_of,
)
from cara.accounts.sign_outs import sign_out_everywhere
from cara.app import create_app
from cara.postgres.database import Database, new_id
from cara.settings import Settings
from cara.web.client_info import ClientInfo
from cara.web.context import service
from tests.accounts.signing import (
    Client,
    add_families,
    audited,
    outlast_the_grace,
    posts,
    refresh_refusal,
    refreshes,
    signs_in,
)
from tests.learners import Learner
from tests.waiting import until_blocked

OpenClient = Callable[..., Awaitable[Client]]


async def test_a_refresh_token_is_exchanged_for_a_new_pair_and_cookie(
    client: Client, learner: Learner
) -> None:
    response = await posts(client, "/api/auth/refresh", {"refreshToken": learner.refresh_token})
    pair = await response.json()
    assert response.status == 200
    assert set(pair) == {"accessToken", "refreshToken", "expiresIn"}
    assert pair["refreshToken"] not in ("", learner.refresh_token)
    assert pair["expiresIn"] == 900
    assert response.cookies[REFRESH_COOKIE].value == pair["refreshToken"]
    learner.access_token = pair["accessToken"]
    assert (await learner.expects(200, "GET", "/api/auth/verify"))["valid"]


async def test_tokens_are_stored_as_hashes_only(learner: Learner, database: Database) -> None:
    async with database.acquire() as connection:
        row = await connection.fetchrow("select token_hash, refresh_tokens::text as text from refresh_tokens")
    assert row is not None
    assert row["token_hash"] == hash_token(learner.refresh_token)
    assert learner.refresh_token not in row["text"]


async def test_a_spent_refresh_token_ends_its_family(
    client: Client, learner: Learner, database: Database
) -> None:
    second = (await refreshes(client, learner.refresh_token))["refreshToken"]
    await outlast_the_grace(database)
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_reused"
    assert await refresh_refusal(client, second) == "refresh_token_invalid"
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_invalid"
    assert await audited(database, learner) == ["registered", "refreshed", "refresh_reused"]
    await learner.expects(401, "GET", "/api/auth/verify")


async def test_the_end_of_a_family_leaves_other_sign_ins_alone(
    client: Client, learner: Learner, database: Database
) -> None:
    credentials = {"email": learner.email, "password": learner.password}
    other = (await (await posts(client, "/api/auth/login", credentials)).json())["refreshToken"]
    await refreshes(client, learner.refresh_token)
    await outlast_the_grace(database)
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_reused"
    await refreshes(client, other)


async def test_twenty_refreshes_at_once_get_one_successor(
    client: Client, learner: Learner, database: Database
) -> None:
    tabs = await asyncio.gather(*(refreshes(client, learner.refresh_token) for _ in range(20)))
    [successor] = {tab["refreshToken"] for tab in tabs}
    for tab in tabs[:2]:
        learner.access_token = tab["accessToken"]
        await learner.expects(200, "GET", "/api/auth/verify")
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from refresh_tokens") == 2
    await outlast_the_grace(database)
    await refreshes(client, successor)
    assert await audited(database, learner) == ["registered", "refreshed", "refreshed"]


async def test_a_slow_tab_gets_the_newest_token_although_the_successor_of_its_own_is_spent(
    client: Client, learner: Learner, database: Database
) -> None:
    """Else it would hold a spent token, and end the family by using it a quarter of an hour later."""
    newest = learner.refresh_token
    for _ in range(3):
        newest = (await refreshes(client, newest))["refreshToken"]
    assert (await refreshes(client, learner.refresh_token))["refreshToken"] == newest
    await outlast_the_grace(database)
    await refreshes(client, newest)
    assert "refresh_reused" not in await audited(database, learner)


async def test_a_family_keeps_a_bounded_number_of_spent_tokens(
    client: Client, learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.accounts.refresh_tokens.SPENT_TOKENS_KEPT", 2)
    monkeypatch.setattr("cara.accounts.refresh_tokens.DELETE_EVERY", 2)
    tokens = [learner.refresh_token]
    for _ in range(6):
        tokens.append((await refreshes(client, tokens[-1]))["refreshToken"])
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from refresh_tokens") == 4
    await outlast_the_grace(database)
    assert await refresh_refusal(client, tokens[0]) == "refresh_token_invalid"
    await refreshes(client, tokens[-1])
    assert await refresh_refusal(client, tokens[-3]) == "refresh_token_reused"


async def test_the_successor_of_a_token_does_not_depend_on_the_signing_keys(
    settings: Settings, client: Client, learner: Learner, aiohttp_client: OpenClient
) -> None:
    first = await refreshes(client, learner.refresh_token)
    changed = {"jwt_secret": SecretStr("another-secret-of-the-tests-32-bytes")}
    other = await aiohttp_client(create_app(settings.model_copy(update=changed)))
    assert (await refreshes(other, learner.refresh_token))["refreshToken"] == first["refreshToken"]


async def test_a_successor_cannot_be_computed_without_the_token_or_without_the_salt(
    client: Client, learner: Learner, database: Database
) -> None:
    successor = (await refreshes(client, learner.refresh_token))["refreshToken"]
    async with database.acquire() as connection:
        salt = await connection.fetchval(
            "select successor_salt from refresh_tokens where successor_salt is not null"
        )
    assert successor_of(learner.refresh_token, salt) == successor
    assert successor_of(learner.refresh_token, b"") != successor
    assert successor_of(new_token(UUID(learner.user["id"])), salt) != successor


async def test_without_a_grace_period_a_token_is_usable_once(
    settings: Settings, aiohttp_client: OpenClient
) -> None:
    client = await aiohttp_client(create_app(settings.model_copy(update={"refresh_grace_seconds": 0})))
    learner = await Learner.registers(client)
    await refreshes(client, learner.refresh_token)
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_reused"


async def test_a_client_can_keep_sending_its_first_token_beside_a_live_cookie(
    client: Client, learner: Learner, database: Database
) -> None:
    cookie = learner.refresh_token
    for _ in range(4):
        cookie = (await refreshes(client, learner.refresh_token, cookie=cookie))["refreshToken"]
        await outlast_the_grace(database)
    assert await audited(database, learner) == ["registered", *["refreshed"] * 4]


async def test_the_body_is_used_when_the_cookie_is_not_usable(client: Client, learner: Learner) -> None:
    for cookie in ("nonsense", new_token(new_id()), "x" * 3000):
        pair = await refreshes(client, learner.refresh_token, cookie=cookie)
        learner.refresh_token = pair["refreshToken"]


async def test_a_cookie_is_enough(client: Client, learner: Learner) -> None:
    response = await posts(client, "/api/auth/refresh", cookie=learner.refresh_token)
    assert response.status == 200
    pair = await refreshes(client, cookie=(await response.json())["refreshToken"])
    assert pair["accessToken"]


@pytest.mark.parametrize(
    "token",
    ["", "nonsense", "A" * 64, "é" * 64, new_token(new_id())],
    ids=["empty", "nonsense", "of no user", "no base64", "of another user"],
)
async def test_a_token_that_was_never_issued_is_refused(client: Client, token: str) -> None:
    response = await posts(client, "/api/auth/refresh", {"refreshToken": token})
    assert response.status == 401
    assert (await response.json())["code"] == "refresh_token_invalid"
    assert REFRESH_COOKIE not in response.cookies


@pytest.mark.parametrize("body", [None, {}, {"refreshToken": None}])
async def test_no_token_at_all_is_refused(client: Client, body: Any) -> None:
    response = await posts(client, "/api/auth/refresh", body)
    assert (response.status, (await response.json())["code"]) == (401, "refresh_token_invalid")


@pytest.mark.parametrize("body", [{"refreshToken": 7}, {"refreshToken": "a" * 257}, {"token": "x"}, []])
async def test_a_body_of_another_shape_is_refused(client: Client, body: Any) -> None:
    assert (await posts(client, "/api/auth/refresh", body)).status == 400


async def test_an_expired_token_is_refused_without_an_alarm(
    client: Client, learner: Learner, database: Database
) -> None:
    await refreshes(client, learner.refresh_token)
    async with database.acquire() as connection:
        await connection.execute("update refresh_tokens set expires_at = now() - interval '1 second'")
    await outlast_the_grace(database)
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_invalid"
    assert await audited(database, learner) == ["registered", "refreshed"]


async def test_refreshes_concurrent_with_a_sign_out_leave_no_usable_token(
    client: Client, learner: Learner, database: Database
) -> None:
    """However they interleave, no successor is issued after the family has ended."""
    for _ in range(5):
        credentials = {"email": learner.email, "password": learner.password}
        token = (await (await posts(client, "/api/auth/login", credentials)).json())["refreshToken"]
        await asyncio.gather(
            *(posts(client, "/api/auth/refresh", {"refreshToken": token}) for _ in range(6)),
            posts(client, "/api/auth/logout", {"refreshToken": token}),
        )
        async with database.acquire() as connection:
            alive = await connection.fetchval(
                """
                select count(*)
                from refresh_families
                where ended_at is null
                  and id = (select family_id from refresh_tokens where token_hash = $1)
                """,
                hash_token(token),
            )
        assert alive == 0


async def test_the_grace_period_counts_from_the_first_use_and_the_first_successor_is_kept(
    client: Client, learner: Learner, database: Database
) -> None:
    """Else whoever has a copy could prolong it for ever."""
    first = await refreshes(client, learner.refresh_token)
    spent = "select replaced_at, replaced_by from refresh_tokens where token_hash = $1"
    async with database.acquire() as connection:
        await connection.execute(
            "update refresh_tokens set replaced_at = replaced_at - interval '10 seconds'"
        )
        before = await connection.fetchrow(spent, hash_token(learner.refresh_token))
        await refreshes(client, learner.refresh_token)
        assert await connection.fetchrow(spent, hash_token(learner.refresh_token)) == before
        assert before["replaced_by"] == hash_token(first["refreshToken"])
        await connection.execute(
            "update refresh_tokens set replaced_at = replaced_at - interval '11 seconds'"
        )
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_reused"


@pytest.mark.parametrize(
    "ends",
    [
        "update refresh_families set ended_at = now()",
        "update refresh_families set expires_at = now()",
        "update refresh_tokens set expires_at = now()",
    ],
)
async def test_a_token_that_ends_between_look_up_and_exchange_is_refused(
    client: Client, learner: Learner, database: Database, ends: str
) -> None:
    refresher = service(client.app, TokenRefresher)
    known = await refresher.find([learner.refresh_token])
    assert [each.is_usable for each in known] == [True]
    async with database.acquire() as connection:
        await connection.execute(ends)
        with pytest.raises(RefreshTokenInvalid) as refused:
            await refresher.refresh(known, ClientInfo())
        assert type(refused.value) is RefreshTokenInvalid
        assert await connection.fetchval("select count(*) from refresh_tokens") == 1
    assert await refresher.find([learner.refresh_token]) == []


async def test_a_successor_has_the_whole_life_of_a_token_again(
    settings: Settings, client: Client, learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        await connection.execute("update refresh_tokens set expires_at = now() + interval '1 minute'")
        token = (await refreshes(client, learner.refresh_token))["refreshToken"]
        days = await connection.fetchval(
            "select extract(epoch from expires_at - created_at) / 86400 from refresh_tokens"
            " where token_hash = $1",
            hash_token(token),
        )
    assert days == pytest.approx(settings.refresh_token_days, abs=0.01)


async def test_no_refresh_puts_off_the_end_of_a_sign_in(
    client: Client, learner: Learner, database: Database
) -> None:
    async with database.acquire() as connection:
        await connection.execute("update refresh_families set expires_at = now() + interval '1 hour'")
        response = await posts(client, "/api/auth/refresh", {"refreshToken": learner.refresh_token})
        cookie = response.cookies[REFRESH_COOKIE]
        assert 3_590 < int(cookie["max-age"]) <= 3_600
        assert await connection.fetchval(
            """
            select tokens.expires_at = families.expires_at
            from refresh_tokens as tokens
            join refresh_families as families on id = family_id
            where token_hash = $1
            """,
            hash_token(cookie.value),
        )
        await connection.execute("update refresh_families set expires_at = now()")
    assert await refresh_refusal(client, cookie.value) == "refresh_token_invalid"
    learner.access_token = (await response.json())["accessToken"]
    assert (await learner.expects(401, "GET", "/api/auth/verify"))["code"] == "token_invalid"


async def test_a_sign_in_lasts_for_the_days_of_the_settings(
    settings: Settings, aiohttp_client: OpenClient, database: Database
) -> None:
    client = await aiohttp_client(create_app(settings.model_copy(update={"sign_in_days": 3})))
    await Learner.registers(client)
    days = "select round(extract(epoch from expires_at - created_at) / 86400) from {}"
    async with database.acquire() as connection:
        for table in ("refresh_families", "refresh_tokens"):
            assert await connection.fetchval(days.format(table)) == 3


async def test_a_21st_sign_in_ends_the_least_recently_used_one(
    client: Client, learner: Learner, database: Database
) -> None:
    """The learner's first sign-in is the oldest, but has just been used; of the others the oldest end."""
    await add_families(database, MAX_FAMILIES - 1)
    live = "select count(*) from refresh_families where ended_at is null"
    async with database.acquire() as connection:
        await connection.execute("update refresh_families set created_at = created_at - interval '2 days'")
        learner.refresh_token = (await refreshes(client, learner.refresh_token))["refreshToken"]
        await asyncio.gather(*(signs_in(client, learner.email, learner.password) for _ in range(2)))
        assert await connection.fetchval(live) == MAX_FAMILIES
        await learner.expects(200, "GET", "/api/auth/verify")
        assert (await audited(database, learner)).count("family_ended_for_room") == 2

        await connection.execute(
            "update refresh_families set last_used_at = '-infinity' where last_used_at is not null"
        )
        assert (await signs_in(client, learner.email, learner.password))[0] == 200
        assert await connection.fetchval(live) == MAX_FAMILIES
    await learner.expects(401, "GET", "/api/auth/verify")
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_invalid"


async def test_an_exchange_waits_for_a_sign_out_and_issues_nothing_after_it(
    client: Client, learner: Learner, database: Database
) -> None:
    async with database.transaction() as connection:
        await sign_out_everywhere(connection, UUID(learner.user["id"]), ClientInfo())
        refreshing = asyncio.create_task(refresh_refusal(client, learner.refresh_token))
        await until_blocked(database, refreshing)
    assert await refreshing == "refresh_token_invalid"
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from refresh_tokens") == 1
        assert await connection.fetchval("select count(*) from refresh_families where ended_at is null") == 0
