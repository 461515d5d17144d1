"""The refresh cookie: its name and attributes, and which of several tokens in one request count."""

from __future__ import annotations

import base64
import os
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientResponse

from cara.accounts.cookies import MOST_COOKIES, OWNER_COOKIE, REFRESH_COOKIE, no_refresh_cookie
from cara.accounts.refresh_tokens import new_token
from cara.app import create_app
from cara.postgres.database import Database
from cara.settings import Settings
from tests.accounts.signing import Client, audited, outlast_the_grace, refreshes
from tests.conftest import make_settings
from tests.learners import Learner

FRONT_END = "https://app.example.test"
SECURE_COOKIE = f"__Secure-{REFRESH_COOKIE}"
URLS = {"database_url": "postgresql://localhost/cara", "redis_url": "redis://localhost"}


@pytest.fixture
async def production(settings: Settings, aiohttp_client: Callable[..., Awaitable[Client]]) -> Client:
    """A web process in production, for a front end on another host of the same site."""
    changes = {"environment": "production", "frontend_url": (FRONT_END,), "console": "off"}
    return await aiohttp_client(create_app(settings.model_copy(update=changes)))


async def sends(
    client: Client, path: str, *cookies: str, token: str | None = None, **headers: str
) -> ClientResponse:
    """Posts with these cookies, as they are, and a token in the body, if any."""
    client.session.cookie_jar.clear()
    fields = headers | ({"Cookie": "; ".join(cookies)} if cookies else {})
    return await client.post(path, json={"refreshToken": token} if token else None, headers=fields)


async def answers(response: ClientResponse) -> tuple[int, str | None]:
    """Returns the status and, of a refusal, the code."""
    return response.status, (await response.json()).get("code")


def cookie(token: str, name: str = REFRESH_COOKIE) -> str:
    return f"{name}={token}"


async def test_cookies_are_kept_from_scripts_and_from_other_paths_and_sites(
    client: Client, settings: Settings
) -> None:
    account = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
    response = await client.post("/api/auth/register", json=account)
    token, age = (await response.json())["refreshToken"], settings.refresh_token_days * 86_400
    kept = f"{REFRESH_COOKIE}={token}; Path=/api/auth; Max-Age={age}; HttpOnly; SameSite=Strict"
    assert response.headers.getall("Set-Cookie") == [kept]
    response = await sends(client, "/api/auth/logout", cookie(token))
    gone = f"{REFRESH_COOKIE}=; Path=/api/auth; Max-Age=0; HttpOnly; SameSite=Strict"
    assert response.headers.getall("Set-Cookie") == [gone]


async def test_in_production_cookies_have_prefixes_and_need_tls(production: Client) -> None:
    learner = await Learner.registers(production)
    response = await sends(production, "/api/auth/refresh", token=learner.refresh_token)
    token, owner = response.headers.getall("Set-Cookie")
    assert token.startswith(f"__Secure-{REFRESH_COOKIE}={(await response.json())['refreshToken']}; ")
    assert token.endswith("; HttpOnly; SameSite=Strict; Secure")
    assert owner == token.replace(token.partition("Max")[0], f"{OWNER_COOKIE}={learner.user['id']}; Path=/; ")

    response = await sends(production, "/api/auth/logout")
    assert [each.partition("; Max-Age=0; ")[0] for each in response.headers.getall("Set-Cookie")] == [
        f"__Secure-{REFRESH_COOKIE}=; Path=/api/auth",
        f"{OWNER_COOKIE}=; Path=/",
    ]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_cookies_for_other_sites_are_secure_and_partitioned_everywhere(environment: str) -> None:
    changes = {"environment": environment, "refresh_cookie_samesite": "none"}
    settings = make_settings(**URLS).model_copy(update=changes)
    for field in no_refresh_cookie(settings).values():
        assert field.endswith("; HttpOnly; SameSite=None; Secure; Partitioned")


async def test_a_cookie_is_found_among_others_however_it_is_written(client: Client, learner: Learner) -> None:
    for written in (
        "{0}={1}",
        '{0}="{1}"',
        "a=b;{0}={1} ",
        "{0}=; {0}=x; {0}={1}",
        "x; =; {0}={1}; y=" + "z" * 6_000,
    ):
        response = await sends(
            client, "/api/auth/refresh", written.format(REFRESH_COOKIE, learner.refresh_token)
        )
        assert response.status == 200, written
        learner.refresh_token = (await response.json())["refreshToken"]


async def test_a_flood_of_cookies_is_not_looked_at(client: Client, learner: Learner) -> None:
    others = [cookie(new_token(UUID(learner.user["id"]))) for _ in range(MOST_COOKIES)]
    flooded = await sends(client, "/api/auth/refresh", *others, cookie(learner.refresh_token))
    assert await answers(flooded) == (401, "refresh_token_invalid")
    fewer = await sends(client, "/api/auth/refresh", *others[1:], cookie(learner.refresh_token))
    assert fewer.status == 200


async def test_cookies_that_hold_no_token_are_none(client: Client) -> None:
    for written in (f"{REFRESH_COOKIE}={'x' * 7_000}", f"{REFRESH_COOKIE}=é\udcff", "=;;=,"):
        refused = await sends(client, "/api/auth/refresh", written)
        assert await answers(refused) == (401, "refresh_token_invalid")


async def test_the_cookie_of_one_account_and_the_token_of_another_are_refused(
    client: Client, learner: Learner, database: Database
) -> None:
    other = await Learner.registers(client)
    for path in ("/api/auth/refresh", "/api/auth/logout"):
        for first, second in ((learner, other), (other, learner)):
            mixed = await sends(client, path, cookie(first.refresh_token), token=second.refresh_token)
            assert await answers(mixed) == (401, "refresh_tokens_mixed")
            mixed = await sends(client, path, cookie(first.refresh_token), cookie(second.refresh_token))
            assert await answers(mixed) == (401, "refresh_tokens_mixed")
            assert "Set-Cookie" not in mixed.headers
    for each in (learner, other):
        assert await audited(database, each) == ["registered", *["refresh_mixed_owners"] * 8]
        await refreshes(client, each.refresh_token)


async def test_spent_and_ended_tokens_of_another_account_are_refused_and_end_nothing(
    client: Client, learner: Learner, database: Database
) -> None:
    other = await Learner.registers(client)
    live = (await refreshes(client, other.refresh_token))["refreshToken"]
    await outlast_the_grace(database)
    mixed = await sends(client, "/api/auth/refresh", cookie(learner.refresh_token), token=other.refresh_token)
    assert await answers(mixed) == (401, "refresh_tokens_mixed")
    await refreshes(client, live)
    await sends(client, "/api/auth/logout", token=live)
    mixed = await sends(client, "/api/auth/refresh", cookie(learner.refresh_token), token=live)
    assert await answers(mixed) == (401, "refresh_tokens_mixed")


async def test_a_forged_token_that_names_somebody_costs_the_request_and_nothing_of_theirs(
    client: Client, learner: Learner, database: Database
) -> None:
    victim = await Learner.registers(client)
    forged = new_token(UUID(victim.user["id"]))
    mixed = await sends(client, "/api/auth/refresh", cookie(learner.refresh_token), token=forged)
    assert await answers(mixed) == (401, "refresh_tokens_mixed")
    assert await audited(database, victim) == ["registered"]
    assert await audited(database, learner) == ["registered", "refresh_mixed_owners"]
    await refreshes(client, victim.refresh_token)


async def test_a_token_that_names_no_account_is_ignored_beside_a_live_cookie(
    client: Client, learner: Learner, database: Database
) -> None:
    nobody = base64.urlsafe_b64encode(os.urandom(48)).decode()
    for token in ("nonsense", new_token(uuid4()), nobody, new_token(UUID(learner.user["id"]))):
        pair = await refreshes(client, token, cookie=learner.refresh_token)
        learner.refresh_token = pair["refreshToken"]
    assert await audited(database, learner) == ["registered", *["refreshed"] * 4]


async def test_in_production_a_browser_uses_cookies_of_the_account_that_signed_in_alone(
    production: Client,
) -> None:
    """A sibling domain can set the refresh cookie for all of example.test, but not the one of the owner."""
    learner, attacker = [await Learner.registers(production) for _ in range(2)]
    tossed = cookie(attacker.refresh_token, SECURE_COOKIE)
    owner = f"{OWNER_COOKIE}={learner.user['id']}"

    async def refreshed(*cookies: str, **options: Any) -> ClientResponse:
        return await sends(production, "/api/auth/refresh", *cookies, Origin=FRONT_END, **options)

    assert await answers(await refreshed(tossed)) == (401, "refresh_token_invalid")
    assert await answers(await refreshed(tossed, owner)) == (401, "refresh_token_invalid")
    assert await answers(await refreshed(tossed, "__Host-cara_owner=")) == (401, "refresh_token_invalid")
    for mine in ([tossed, owner], [owner, tossed]):
        response = await refreshed(*mine, cookie(learner.refresh_token, SECURE_COOKIE))
        assert response.status == 200
        assert response.cookies[OWNER_COOKIE].value == learner.user["id"]
        learner.refresh_token = (await response.json())["refreshToken"]
    out = await sends(production, "/api/auth/logout", tossed, owner, **{"Sec-Fetch-Site": "same-origin"})
    assert out.status == 200
    with_body = await refreshed(tossed, token=attacker.refresh_token)
    assert with_body.status == 200, "the body is the front end's own"


async def test_in_production_the_cookie_has_no_other_name_and_is_enough_for_what_is_no_browser(
    production: Client,
) -> None:
    learner = await Learner.registers(production)
    plain = await sends(production, "/api/auth/refresh", cookie(learner.refresh_token))
    assert await answers(plain) == (401, "refresh_token_invalid")
    secure = await sends(production, "/api/auth/refresh", cookie(learner.refresh_token, SECURE_COOKIE))
    assert secure.status == 200
