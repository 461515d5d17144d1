"""Tickets open the event stream of one job for as long as the sign-in that they were issued in lasts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
import pytest
from aiohttp.test_utils import TestClient

from cara.app import create_app
from cara.feedback.events.tickets import TICKET_AUDIENCE, TICKET_SECONDS
from cara.postgres.database import Database
from cara.settings import Settings, SigningKey
from cara.web.context import service
from tests.accounts.signing import posts, signs_in
from tests.learners import Learner

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
SECRET = "the-secret-of-the-tests-32-bytes-long"

ENDINGS = {
    "signing out": ("POST", "/api/auth/logout", None),
    "signing out everywhere": ("POST", "/api/auth/logout-all", None),
    "a new password": (
        "POST",
        "/api/auth/password",
        {"currentPassword": "correct horse battery", "newPassword": "another horse battery"},
    ),
    "deleting the account": ("DELETE", "/api/users/me", None),
}


async def _ended_job(learner: Learner) -> dict[str, Any]:
    """A job that has ended, so that its events can be read to the end."""
    job = await learner.asks_for_feedback()
    await learner.expects(202, "DELETE", job["statusUrl"])
    return job


def _ticket(job: dict[str, Any]) -> str:
    return parse_qs(urlsplit(job["eventsUrl"]).query)["ticket"][0]


def _signed(claims: dict[str, Any], **changes: Any) -> str:
    changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(changed, SECRET, "HS256", headers={"kid": SigningKey(SECRET).kid})


async def test_a_ticket_names_its_owner_and_sign_in(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    claims = jwt.decode(_ticket(job), SECRET, ["HS256"], audience=TICKET_AUDIENCE)
    assert claims == {
        "aud": TICKET_AUDIENCE,
        "sub": learner.user["id"],
        "fam": jwt.decode(learner.access_token, options={"verify_signature": False})["fam"],
        "job": job["jobId"],
        "iat": claims["iat"],
    }
    assert -60 < time.time() - claims["iat"] < 60


async def test_a_ticket_opens_its_job_for_as_long_as_that_lives_and_a_while_longer(
    client: Client, learner: Learner, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    claims = jwt.decode(_ticket(job), SECRET, ["HS256"], audience=TICKET_AUDIENCE)
    months_old = f"{job['statusUrl']}/events?ticket={_signed(claims, iat=claims['iat'] - 80 * 86_400)}"
    tag = (await learner.call("GET", job["statusUrl"])).headers["ETag"]

    unchanged = await learner.call("GET", job["statusUrl"], headers={"If-None-Match": tag})
    assert unchanged.status == 304
    async with client.get(months_old) as stream:
        assert (stream.status, stream.content_type) == (200, "text/event-stream")

    await learner.expects(202, "DELETE", job["statusUrl"])
    async with database.acquire() as connection:
        for seconds_ago, status in ((TICKET_SECONDS - 60, 200), (TICKET_SECONDS + 60, 401)):
            ended = f"finished_at = now() - interval '{seconds_ago} seconds'"
            await connection.execute(f"update feedback_jobs set {ended}")
            assert (await client.get(months_old)).status == status
    assert (await (await client.get(months_old)).json())["code"] == "ticket_invalid"
    assert (await client.get(job["eventsUrl"])).status == 200


@pytest.mark.parametrize(("method", "path", "body"), ENDINGS.values(), ids=ENDINGS)
async def test_a_ticket_ends_with_its_sign_in(
    client: Client, learner: Learner, method: str, path: str, body: Any
) -> None:
    job = await _ended_job(learner)
    assert (await client.get(job["eventsUrl"])).status == 200
    assert (await learner.call(method, path, json=body)).status in (200, 204)
    refused = await client.get(job["eventsUrl"])
    assert (refused.status, (await refused.json())["code"]) == (401, "token_invalid")


async def test_signing_out_of_one_browser_keeps_the_tickets_of_others(
    client: Client, learner: Learner
) -> None:
    job = await _ended_job(learner)
    _, other = await signs_in(client, learner.email, learner.password)
    await posts(client, "/api/auth/logout", {"refreshToken": other["refreshToken"]})
    assert (await client.get(job["eventsUrl"])).status == 200


async def test_invalid_tickets_open_nothing(client: Client, learner: Learner) -> None:
    job = await _ended_job(learner)
    claims = jwt.decode(_ticket(job), SECRET, ["HS256"], audience=TICKET_AUDIENCE)
    past = int(time.time()) - 120
    forged = {
        "nothing": "",
        "nonsense": "nonsense",
        "no ASCII": "%ff%d8",
        "an access token": learner.access_token,
        "another audience": _signed(claims, aud="cara-api"),
        "another job": _signed(claims, job=str(uuid4())),
        "no job": _signed(claims, job=None),
        "no sign-in": _signed(claims, fam=None),
        "a sign-in that is no id": _signed(claims, fam="somewhere"),
        "a sign-in that is no text": _signed(claims, fam=7),
        "no owner": _signed(claims, sub=None),
        "no time of issue": _signed(claims, iat=None),
        "a time that is no number": _signed(claims, iat="yesterday"),
        "a time beyond all numbers": _signed(claims, iat=10**400),
        "issued tomorrow": _signed(claims, iat=int(time.time()) + 86_400),
        "expired": _signed(claims, exp=past),
        "an owner that is no id": _signed(claims, sub="somebody"),
        "another key": jwt.encode(claims, "x" * 40, "HS256", headers={"kid": SigningKey(SECRET).kid}),
        "no kid": jwt.encode(claims, SECRET, "HS256"),
    }
    events = f"{job['statusUrl']}/events"
    answers = {how: await client.get(f"{events}?ticket={ticket}") for how, ticket in forged.items()}
    assert {how: answer.status for how, answer in answers.items()} == dict.fromkeys(forged, 401)
    assert {(await answer.json())["code"] for answer in answers.values()} == {"ticket_invalid"}
    assert (await client.get(f"{events}?ticket={_signed(claims)}")).status == 200


async def test_what_is_no_ticket_does_no_harm_beside_the_token(client: Client, learner: Learner) -> None:
    job = await _ended_job(learner)
    events, no_ticket = f"{job['statusUrl']}/events", {"ticket": learner.access_token}
    assert (await learner.call("GET", events, params=no_ticket)).status == 200
    ended = {"Authorization": "Bearer nonsense"}
    refused = await client.get(events, params=no_ticket, headers=ended)
    assert (refused.status, (await refused.json())["code"]) == (401, "token_invalid")
    assert (await client.get(job["eventsUrl"], headers=ended)).status == 200


async def test_a_ticket_of_a_sign_in_that_never_was_opens_nothing(client: Client, learner: Learner) -> None:
    job = await _ended_job(learner)
    claims = jwt.decode(_ticket(job), SECRET, ["HS256"], audience=TICKET_AUDIENCE)
    unknown = _signed(claims, fam=str(uuid4()))
    assert (await client.get(f"{job['statusUrl']}/events?ticket={unknown}")).status == 401


async def test_a_refused_ticket_needs_no_connection_to_the_database(
    settings: Settings, aiohttp_client: OpenClient
) -> None:
    """All connections are in use: a request that waited for one would get `database_busy`."""
    scarce = {
        "database_pool_size": 1,
        "database_acquire_seconds": 2,
        "rate_limits": "on",
        "rate_limit_user": "4/minute",
    }
    client = await aiohttp_client(create_app(settings.model_copy(update=scarce)))
    learner = await Learner.registers(client)
    job = await _ended_job(learner)
    events = f"{job['statusUrl']}/events"
    async with service(client.app, Database).acquire():
        assert (await client.get(f"{events}?ticket=forged")).status == 401
        assert (await client.get(events)).status == 401
        assert (await client.get(events, headers={"Authorization": "Bearer forged"})).status == 401
        assert (await client.get(job["eventsUrl"])).status == 503
        refused = await client.get(job["eventsUrl"])
        assert (refused.status, (await refused.json())["code"]) == (429, "rate_limited")


async def test_an_old_ticket_spends_nothing_of_its_owners_limit(
    settings: Settings, aiohttp_client: OpenClient
) -> None:
    limited = settings.model_copy(update={"rate_limits": "on", "rate_limit_user": "5/minute"})
    learner = await Learner.registers(await aiohttp_client(create_app(limited)))
    job = await learner.asks_for_feedback()
    claims = jwt.decode(_ticket(job), SECRET, ["HS256"], audience=TICKET_AUDIENCE)
    found = f"{job['statusUrl']}/events?ticket={_signed(claims, iat=claims['iat'] - TICKET_SECONDS - 60)}"
    await learner.expects(202, "DELETE", job["statusUrl"])
    assert [(await learner.client.get(found)).status for _ in range(6)] == [200] * 5 + [429]
    assert (await learner.call("GET", job["statusUrl"])).status == 200
