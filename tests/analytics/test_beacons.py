"""Events that pages send by `navigator.sendBeacon`: as text, with a token in the address."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from cara.analytics.beacons import BEACON_AUDIENCE, BEACON_LIFETIME
from cara.app import create_app
from cara.postgres.database import Database
from cara.settings import Settings, SigningKey
from tests.analytics.test_ingestion import EVENTS, instant, rows_of
from tests.learners import Learner

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
SECRET = "the-secret-of-the-tests-32-bytes-long"
TEXT = {"Content-Type": "text/plain;charset=UTF-8"}
EVENT = {"eventType": "page.left", "metadata": {"page": "home"}}


async def address_of(learner: Learner) -> str:
    answer = await learner.expects(201, "POST", "/api/analytics/beacon-addresses")
    return str(answer["url"])


def token_in(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


async def sends(client: Client, url: str, body: Any = EVENT, **headers: str) -> ClientResponse:
    """What a browser sends for `navigator.sendBeacon(url, JSON.stringify(body))`."""
    return await client.post(url, data=json.dumps(body).encode(), headers=TEXT | headers)


async def code_of(response: ClientResponse) -> tuple[int, str]:
    return response.status, (await response.json())["code"]


async def test_an_event_is_stored_for_the_owner_of_the_token(
    client: Client, learner: Learner, database: Database
) -> None:
    url = await address_of(learner)
    for kind in ("text/plain;charset=UTF-8", "text/plain", "Text/Plain; charset=utf-8", "application/json"):
        posted = {**EVENT, "eventId": str(uuid4())}
        response = await sends(
            client, url, posted, **{"Content-Type": kind, "Cookie": "cara_refresh=nonsense"}
        )
        event = await response.json()
        assert response.status == 201, event
        assert (event["userId"], event["eventId"]) == (learner.user["id"], posted["eventId"])
    batch = await sends(client, url, {"events": [EVENT] * 3})
    assert (batch.status, await batch.json()) == (202, {"accepted": 3, "duplicates": 0})
    assert len(await rows_of(database, learner)) == 7


async def test_a_token_names_its_sign_in_and_lives_for_a_day(learner: Learner) -> None:
    answer = await learner.expects(201, "POST", "/api/analytics/beacon-addresses")
    claims = jwt.decode(token_in(answer["url"]), SECRET, ["HS256"], audience=BEACON_AUDIENCE)
    assert claims == {
        "aud": BEACON_AUDIENCE,
        "sub": learner.user["id"],
        "fam": jwt.decode(learner.access_token, options={"verify_signature": False})["fam"],
        "exp": instant(answer["expiresAt"]).timestamp(),
    }
    assert timedelta(0) <= datetime.now(UTC) + BEACON_LIFETIME - instant(answer["expiresAt"])


async def test_text_is_refused_without_a_token_in_the_address(client: Client, learner: Learner) -> None:
    assert await code_of(await sends(client, EVENTS)) == (401, "unauthenticated")
    signed_in = await sends(client, EVENTS, **learner.authorization)
    assert await code_of(signed_in) == (415, "unsupported_media_type")
    url = await address_of(learner)
    for kind in ("text/html", "text/plain;charset=latin1", "application/x-www-form-urlencoded"):
        refused = await sends(client, url, **{"Content-Type": kind})
        assert await code_of(refused) == (415, "unsupported_media_type"), kind


async def test_the_body_of_a_beacon_is_checked_like_any_other(
    client: Client, learner: Learner, database: Database
) -> None:
    url = await address_of(learner)
    for body in ({}, {**EVENT, "userId": learner.user["id"]}, [], "text", {"events": []}):
        assert await code_of(await sends(client, url, body)) == (400, "invalid_input"), body
    assert await code_of(await sends(client, url, {"long": "x" * 2_000_000})) == (413, "payload_too_large")
    assert await rows_of(database, learner) == []


async def test_invalid_tokens_post_nothing(client: Client, learner: Learner, database: Database) -> None:
    claims = jwt.decode(token_in(await address_of(learner)), SECRET, ["HS256"], audience=BEACON_AUDIENCE)

    def signed(secret: str = SECRET, **changes: Any) -> str:
        changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(changed, secret, "HS256", headers={"kid": SigningKey(SECRET).kid})

    job = await learner.asks_for_feedback()
    stored_before = await rows_of(database, learner)
    tokens = {
        "nothing": "",
        "nonsense": "nonsense",
        "no ASCII": "%ff%d8",
        "too long": "a" * 5_000,
        "an access token": learner.access_token,
        "a refresh token": learner.refresh_token,
        "a ticket of a job": parse_qs(urlsplit(job["eventsUrl"]).query)["ticket"][0],
        "another audience": signed(aud="cara-api"),
        "expired": signed(exp=int(time.time()) - 120),
        "no end": signed(exp=None),
        "no owner": signed(sub=None),
        "an owner that is no id": signed(sub="somebody"),
        "no sign-in": signed(fam=None),
        "a sign-in that is no text": signed(fam=7),
        "another key": signed("x" * 40),
        "no kid": jwt.encode(claims, SECRET, "HS256"),
    }
    for what, token in tokens.items():
        refused = await sends(client, f"{EVENTS}?token={token}", **learner.authorization)
        assert await code_of(refused) == (401, "beacon_token_invalid"), what
    never = await sends(client, f"{EVENTS}?token={signed(fam=str(uuid4()))}")
    assert await code_of(never) == (401, "token_invalid")
    assert await rows_of(database, learner) == stored_before


async def test_a_token_opens_nothing_else(client: Client, learner: Learner) -> None:
    token = token_in(await address_of(learner))
    job = await learner.asks_for_feedback()
    for path in ("/api/sessions", f"/api/sessions?token={token}", EVENTS):
        method = "POST" if path == EVENTS else "GET"
        response = await client.request(method, path, headers={"Authorization": f"Bearer {token}"})
        assert await code_of(response) == (401, "token_invalid"), path
    assert (await client.get(f"/api/sessions?token={token}")).status == 401
    events = await client.get(f"{job['statusUrl']}/events?ticket={token}")
    assert await code_of(events) == (401, "ticket_invalid")
    again = await client.post(f"/api/analytics/beacon-addresses?token={token}")
    assert await code_of(again) == (401, "unauthenticated")


@pytest.mark.parametrize("path", ["/api/auth/logout", "/api/auth/logout-all"])
async def test_a_token_ends_with_its_sign_in(client: Client, learner: Learner, path: str) -> None:
    url = await address_of(learner)
    assert (await sends(client, url)).status == 201
    await learner.expects(200, "POST", path, json={"refreshToken": learner.refresh_token})
    for _ in range(2):
        assert await code_of(await sends(client, url)) == (401, "token_invalid")


async def test_a_token_is_good_while_its_key_is_on_the_ring(
    client: Client, learner: Learner, settings: Settings, aiohttp_client: OpenClient
) -> None:
    url = await address_of(learner)
    for ring, status in ((f"{'x' * 40},{SECRET}", 201), ("x" * 40, 401)):
        changed = settings.model_copy(update={"jwt_secret": SecretStr(ring)})
        other = await aiohttp_client(create_app(changed))
        assert (await sends(other, url)).status == status


async def test_a_front_end_may_read_the_answer_and_other_pages_may_not(
    client: Client, learner: Learner
) -> None:
    url = await address_of(learner)
    for origin, readable in (("http://localhost:3000", True), ("https://evil.example", False)):
        headers = {"Origin": origin, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"}
        response = await sends(client, url, **headers)
        assert response.status == 201
        assert (response.headers.get("Access-Control-Allow-Origin") == origin) == readable
        assert ("Access-Control-Allow-Credentials" in response.headers) == readable
        without = await sends(client, EVENTS, **headers)
        assert without.status == 401


async def test_beacons_count_for_the_limits_of_their_owner(
    settings: Settings, aiohttp_client: OpenClient
) -> None:
    limits = {
        "rate_limits": "on",
        "rate_limit_user": "5/minute",
        "rate_limit_address": "2/minute",
        "storage_bytes_per_day": 3_000,
    }
    client = await aiohttp_client(create_app(settings.model_copy(update=limits)))
    learner = await Learner.registers(client)
    url = await address_of(learner)
    answers = [await sends(client, url) for _ in range(5)]
    assert [answer.status for answer in answers] == [201, 201, 429, 429, 429]
    codes = [(await answer.json())["code"] for answer in answers[2:]]
    assert codes == ["storage_limit_reached", "storage_limit_reached", "rate_limited"]
    forged = [(await sends(client, f"{EVENTS}?token=forged")).status for _ in range(3)]
    assert forged == [401, 429, 429]
