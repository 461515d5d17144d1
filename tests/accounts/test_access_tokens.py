"""Access tokens: what is accepted, what is forged, and a key that changes under a signed-in client."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any
from uuid import uuid4

import jwt
import pytest
from pydantic import SecretStr

from cara.accounts import access_tokens
from cara.accounts.access_tokens import ALGORITHM, AUDIENCE, ISSUER, AccessTokens
from cara.app import create_app
from cara.errors import TokenExpired, TokenInvalid
from cara.postgres.database import Database
from cara.settings import Settings, SigningKey
from cara.web.context import service
from tests.accounts.signing import Client
from tests.learners import Learner

OpenClient = Callable[..., Awaitable[Client]]
OLD, NEW = "the-old-secret-that-is-32-bytes-long", "the-new-secret-that-is-32-bytes-long"
SECRET = "the-secret-of-the-tests-32-bytes-long"


def _with_ring(settings: Settings, *secrets: str) -> Settings:
    return settings.model_copy(update={"jwt_secret": SecretStr(",".join(secrets))})


def _family(learner: Learner) -> str:
    return str(jwt.decode(learner.access_token, options={"verify_signature": False})["fam"])


def _claims(learner: Learner, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    genuine = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": learner.user["id"],
        "jti": uuid4().hex,
        "iat": now,
        "exp": now + 900,
        "fam": _family(learner),
    }
    return {name: value for name, value in {**genuine, **changes}.items() if value is not None}


def _signed(claims: dict[str, Any], secret: str = SECRET, algorithm: str = ALGORITHM, **header: Any) -> str:
    return jwt.encode(claims, secret, algorithm, headers={"kid": SigningKey(SECRET).kid, **header})


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _signed_with_nothing(claims: dict[str, Any]) -> str:
    """A token that a verifier would accept if it took an unknown kid for an empty key."""
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'unknown'})}.{_part(claims)}"
    signature = hmac.digest(b"", signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


async def _refusal(learner: Learner, token: str) -> str:
    learner.access_token = token
    answer = await learner.call("GET", "/api/auth/verify")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    return str((await answer.json())["code"])


async def test_an_access_token_names_its_key_owner_audience_and_lifetime(learner: Learner) -> None:
    token = learner.access_token
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": SigningKey(SECRET).kid}
    claims = jwt.decode(token, SECRET, [ALGORITHM], audience=AUDIENCE, issuer=ISSUER)
    assert set(claims) == {"iss", "aud", "sub", "jti", "iat", "exp", "fam"}
    assert claims["sub"] == learner.user["id"]
    assert claims["exp"] - claims["iat"] == 900


async def test_a_genuine_token_made_elsewhere_with_the_same_key_is_accepted(learner: Learner) -> None:
    learner.access_token = _signed(_claims(learner))
    await learner.expects(200, "GET", "/api/auth/verify")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "cara-events"},
        {"iss": "somebody"},
        {"sub": "nobody"},
        {"sub": "01a209d7-1726-72d1-b1df-32f7915dcf9d"},
        {"fam": "01a209d7-1726-72d1-b1df-32f7915dcf9d"},
        {"fam": "x"},
        {"fam": 7},
        {"iat": 32_503_680_000, "exp": 32_503_680_900},
        *({name: None} for name in ("aud", "iss", "sub", "jti", "iat", "exp", "fam")),
    ],
)
async def test_tokens_with_wrong_or_missing_claims_are_refused(
    learner: Learner, changes: dict[str, Any]
) -> None:
    assert await _refusal(learner, _signed(_claims(learner, **changes))) == "token_invalid"


async def test_an_expired_token_is_refused_as_expired(learner: Learner) -> None:
    past = int(time.time()) - 1_000
    assert await _refusal(learner, _signed(_claims(learner, iat=past, exp=past + 900))) == "token_expired"


async def test_a_small_clock_skew_is_tolerated_and_a_large_one_is_not(
    settings: Settings, learner: Learner
) -> None:
    tokens, now = AccessTokens(settings), int(time.time())
    assert str(tokens.claims(_signed(_claims(learner, iat=now + 50))).family_id) == _family(learner)
    with pytest.raises(TokenInvalid):
        tokens.claims(_signed(_claims(learner, iat=now + 70)))


async def test_expiry_has_no_tolerance(settings: Settings, learner: Learner) -> None:
    tokens, now = AccessTokens(settings), int(time.time())
    tokens.claims(_signed(_claims(learner, exp=now + 5)))
    with pytest.raises(TokenExpired):
        tokens.claims(_signed(_claims(learner, iat=now - 900, exp=now)))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_forged_tokens_are_refused(learner: Learner) -> None:
    genuine, claims = learner.access_token, _claims(learner)
    header, payload, signature = genuine.split(".")
    none = {"alg": "none", "typ": "JWT", "kid": SigningKey(SECRET).kid}
    forged = {
        "another key": _signed(claims, secret=NEW),
        "an unknown kid": _signed(claims, secret=NEW, kid=SigningKey(NEW).kid),
        "no kid": jwt.encode(claims, SECRET, ALGORITHM),
        "a kid that is no text": _signed(claims, kid=""),
        "another algorithm": _signed(claims, algorithm="HS512"),
        "no algorithm": f"{_part(none)}.{_part(claims)}.",
        "no algorithm, old signature": f"{_part(none)}.{payload}.{signature}",
        "other claims": f"{header}.{_part(claims)}.{signature}",
        "no signature": f"{header}.{payload}.",
        "the empty key": _signed_with_nothing(claims),
        "no token": "nonsense",
    }
    codes = {how: await _refusal(learner, token) for how, token in forged.items()}
    assert codes == dict.fromkeys(forged, "token_invalid")


async def test_the_keys_are_rotated_without_signing_anybody_out(
    settings: Settings, aiohttp_client: OpenClient
) -> None:
    """The steps of docs/key-rotation.md, with processes of two neighboring steps side by side."""
    steps = [(OLD,), (OLD, NEW), (NEW, OLD), (NEW,)]
    fleet = [await aiohttp_client(create_app(_with_ring(settings, *ring))) for ring in steps]
    learner = await Learner.registers(fleet[0])
    for before, after in pairwise(fleet):
        for process in (before, after):
            learner.client = process
            await learner.expects(200, "GET", "/api/auth/verify")
        fresh = await (
            await after.post("/api/auth/refresh", json={"refreshToken": learner.refresh_token})
        ).json()
        learner.access_token, learner.refresh_token = fresh["accessToken"], fresh["refreshToken"]
        for process in (before, after):
            learner.client = process
            await learner.expects(200, "GET", "/api/auth/verify")


async def test_the_newest_key_signs_and_a_key_that_left_the_ring_verifies_nothing(settings: Settings) -> None:
    user_id = uuid4()
    old = AccessTokens(_with_ring(settings, OLD)).sign(user_id, uuid4())
    both = AccessTokens(_with_ring(settings, NEW, OLD))
    assert both.claims(old).user_id == user_id
    new = both.sign(user_id, uuid4())
    only_new = AccessTokens(_with_ring(settings, NEW))
    assert only_new.claims(new).user_id == user_id
    with pytest.raises(Exception, match="not valid"):
        only_new.claims(old)


async def test_a_token_whose_sign_in_is_known_to_have_ended_costs_no_look_up(
    settings: Settings, aiohttp_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All connections are in use: a request that waited for one would get `database_busy`."""
    scarce = settings.model_copy(update={"database_pool_size": 1, "database_acquire_seconds": 0.2})
    client = await aiohttp_client(create_app(scarce))
    monkeypatch.setattr("cara.accounts.access_tokens.MAX_ENDED_FAMILIES", 2)
    ended = [await Learner.registers(client) for _ in range(3)]
    client.session.cookie_jar.clear()
    for learner in ended:
        await client.post("/api/auth/logout", json={"refreshToken": learner.refresh_token})
        await learner.expects(401, "GET", "/api/auth/verify")
    async with service(client.app, Database).acquire():
        statuses = [(await learner.call("GET", "/api/auth/verify")).status for learner in ended]
    assert statuses == [503, 401, 401]


async def test_a_token_that_was_verified_before_expires_all_the_same(
    settings: Settings, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = AccessTokens(settings)
    assert tokens.claims(learner.access_token) == tokens.claims(learner.access_token)
    expired = time.time() + settings.access_token_seconds + 1
    monkeypatch.setattr(time, "time", lambda: expired)
    with pytest.raises(TokenExpired):
        tokens.claims(learner.access_token)


async def test_a_genuine_token_is_decoded_once_and_a_forged_one_each_time(
    settings: Settings, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, decoded = AccessTokens(settings), []
    decode = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda token, *a, **k: decoded.append(token) or decode(token, *a, **k))
    forged = learner.access_token[:-4] + "AAAA"
    for _ in range(3):
        tokens.claims(learner.access_token)
        with pytest.raises(TokenInvalid):
            tokens.claims(forged)
    assert decoded == [learner.access_token, forged, forged, forged]


async def test_the_tokens_that_came_last_are_remembered_and_no_more(
    settings: Settings, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_tokens, "MAX_VERIFIED_TOKENS", 2)
    tokens = AccessTokens(settings)
    issued = [tokens.sign(uuid4(), uuid4()) for _ in range(3)]
    claims = [tokens.claims(token) for token in issued]
    assert len(tokens._verified) == 2
    assert [tokens.claims(token) for token in issued] == claims
