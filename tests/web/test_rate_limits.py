"""Which limits a request counts under, for whom, and how it is refused."""

from __future__ import annotations

import asyncio
import re
import time

import jwt
from prometheus_client import REGISTRY
from pydantic import SecretStr

from cara.accounts.refresh_tokens import new_token
from cara.app import ROUTES
from cara.console import routes as console
from cara.observability.metrics import COUNTED_ALONE
from cara.postgres.database import new_id
from cara.web.routing import GENERAL_LIMIT
from tests.accounts.signing import outlast_the_grace, posts
from tests.learners import Learner
from tests.waiting import time_limit

LIMITS = {
    "POST /api/auth/register": "sign-in",
    "POST /api/auth/login": "sign-in",
    "POST /api/auth/reauthenticate": "sign-in",
    "POST /api/gemini/process": "gemini",
    "POST /api/gemini/generate-feedback": "gemini",
    "GET /health": None,
    "GET /ready": None,
}
SIGN_IN = {"email": "nobody@example.com", "password": "wrong"}
ORIGIN = "http://localhost:3000"


def test_these_routes_have_a_limit_of_their_own_or_none_and_all_others_the_general_one(settings):
    routes = [*ROUTES, *console.routes(settings)]
    limits = {f"{route.method} {route.path}": route.limit for route in routes}
    assert {name for name in limits if name.startswith("GET /console")} == {
        name for name, limit in limits.items() if limit is None and name not in LIMITS
    }
    assert {name: limit for name, limit in limits.items() if limit not in (GENERAL_LIMIT, None)} == {
        name: limit for name, limit in LIMITS.items() if limit
    }
    assert all(limits[name] is None for name, limit in LIMITS.items() if limit is None)


async def statuses(client, method, path, times, **options):
    return [(await client.request(method, path, **options)).status for _ in range(times)]


async def test_sign_ins_are_limited_by_address_and_the_refusal_says_when_to_retry(served):
    client = await served(rate_limits="on", rate_limit_sign_in="3/minute")
    assert await statuses(client, "POST", "/api/auth/login", 3, json=SIGN_IN) == [401] * 3

    refused = await client.post("/api/auth/login", json=SIGN_IN, headers={"Origin": ORIGIN})
    assert refused.status == 429
    assert refused.content_type == "application/problem+json"
    assert (await refused.json())["code"] == "rate_limited"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Policy"] == '"sign-in";q=3;w=60'
    assert re.fullmatch(r'"sign-in";r=0;t=\d+', refused.headers["RateLimit"])
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "RateLimit" in refused.headers["Access-Control-Expose-Headers"]


async def test_answers_say_how_much_is_left_of_every_limit_that_was_counted(served):
    client = await served(rate_limits="on")
    answer = await client.post("/api/auth/login", json=SIGN_IN)
    assert answer.headers["RateLimit-Policy"] == '"sign-in";q=10;w=60, "address";q=100;w=900'
    assert re.fullmatch(r'"sign-in";r=9;t=\d+, "address";r=99;t=\d+', answer.headers["RateLimit"])

    learner = await Learner.registers(client)
    answer = await learner.call("GET", "/api/sessions")
    assert re.fullmatch(r'"user";r=299;t=\d+', answer.headers["RateLimit"])


async def test_what_is_spent_before_sign_in_does_not_count_afterwards(served):
    client = await served(rate_limits="on", rate_limit_address="4/15 minutes")
    learner = await Learner.registers(client)
    assert await statuses(client, "POST", "/api/auth/login", 4, json=SIGN_IN) == [401, 401, 401, 429]
    assert (await learner.call("GET", "/api/sessions")).status == 200


async def test_each_user_has_a_limit_of_their_own(served):
    client = await served(rate_limits="on", rate_limit_user="2/minute")
    busy, quiet = await Learner.registers(client), await Learner.registers(client)
    calls = [(await busy.call("GET", "/api/sessions")).status for _ in range(3)]
    assert calls == [200, 200, 429]
    assert (await quiet.call("GET", "/api/sessions")).status == 200


async def test_a_job_can_be_polled_beyond_the_gemini_limit(served):
    client = await served(rate_limits="on", rate_limit_gemini="2/minute")
    learner = await Learner.registers(client)
    job = await learner.asks_for_feedback()
    await learner.asks_for_feedback()
    polls = [(await learner.call("GET", job["statusUrl"])).status for _ in range(10)]
    assert polls == [200] * 10
    session = await learner.opens_session(transcript="One more talk.")
    refused = await learner.call("POST", "/api/gemini/generate-feedback", json={"sessionId": session["id"]})
    assert refused.status == 429
    assert refused.headers["RateLimit-Policy"] == '"gemini";q=2;w=60'


async def test_a_ticket_counts_for_its_user_and_not_for_the_address(served):
    client = await served(rate_limits="on", rate_limit_user="4/minute", rate_limit_address="2/minute")
    learner = await Learner.registers(client)
    job = await learner.asks_for_feedback()
    await learner.expects(202, "DELETE", job["statusUrl"])
    followed = [(await client.get(job["eventsUrl"])).status for _ in range(2)]
    assert followed == [200, 429]
    assert (await client.get("/api/openapi.json")).status == 200


async def test_a_token_that_was_ended_spends_nothing_of_its_owners(served):
    client = await served(rate_limits="on", rate_limit_user="9/minute", rate_limit_address="6/15 minutes")
    learner = await Learner.registers(client)
    ended = learner.authorization
    await learner.expects(200, "POST", "/api/auth/logout-all")
    credentials = {"email": learner.email, "password": learner.password}
    learner.access_token = (await (await client.post("/api/auth/login", json=credentials)).json())[
        "accessToken"
    ]

    uses = [await client.get("/api/sessions", headers=ended) for _ in range(5)]
    assert [use.status for use in uses] == [401, 401, 401, 401, 429]
    assert [use.headers["RateLimit"].split(";")[:2] for use in uses] == [
        ['"address"', f"r={left}"] for left in (3, 2, 1, 0, 0)
    ]
    # The first use: until then the process did not know that the sign-in had ended.
    assert (await learner.call("GET", "/api/sessions")).headers["RateLimit"].startswith('"user";r=6;')


async def test_all_sign_ins_of_a_learner_share_their_limit(served):
    client = await served(rate_limits="on", rate_limit_user="3/minute")
    learner = await Learner.registers(client)
    credentials = {"email": learner.email, "password": learner.password}
    other = await (await client.post("/api/auth/login", json=credentials)).json()
    calls = []
    for token in (learner.access_token, other["accessToken"]) * 2:
        learner.access_token = token
        calls.append((await learner.call("GET", "/api/sessions")).status)
    assert calls == [200, 200, 200, 429]


def expired(learner, settings):
    """The Authorization field with the learner's token, as it is when its time is over."""
    [key] = settings.signing_keys
    claims = jwt.decode(learner.access_token, options={"verify_signature": False})
    past = claims | {"iat": int(time.time()) - 1000, "exp": int(time.time()) - 100}
    return {"Authorization": f"Bearer {jwt.encode(past, key.secret, 'HS256', headers={'kid': key.kid})}"}


async def refreshing(client, token):
    return await posts(client, "/api/auth/refresh", {"refreshToken": token})


async def uses_up_the_address(client):
    while (await client.get("/api/nowhere")).status != 429:
        pass


async def test_expired_tokens_count_by_themselves_and_not_for_the_address(served, settings):
    client = await served(rate_limits="on", rate_limit_user="3/minute", rate_limit_address="2/15 minutes")
    learner, other = await Learner.registers(client), await Learner.registers(client)
    late = [await client.get("/api/sessions", headers=expired(learner, settings)) for _ in range(4)]
    assert [answer.status for answer in late] == [401, 401, 401, 429]
    assert [answer.headers["RateLimit"].split(";")[:2] for answer in late] == [
        ['"user"', f"r={left}"] for left in (2, 1, 0, 0)
    ]
    assert (await late[0].json())["code"] == "token_expired"
    for bystander in (other, learner):
        assert (await bystander.call("GET", "/api/sessions")).status == 200


async def test_an_expired_token_does_not_count_under_the_gemini_limit(served, settings):
    client = await served(rate_limits="on", rate_limit_gemini="1/minute")
    learner = await Learner.registers(client)
    late = [await client.post("/api/gemini/process", headers=expired(learner, settings)) for _ in range(3)]
    assert [answer.headers["RateLimit"].split(";")[:2] for answer in late] == [
        ['"user"', f"r={left}"] for left in (299, 298, 297)
    ]


async def test_a_live_refresh_token_counts_for_its_owner_though_the_address_is_used_up(served):
    client = await served(rate_limits="on", rate_limit_user="3/minute", rate_limit_address="2/15 minutes")
    learner = await Learner.registers(client)
    await uses_up_the_address(client)
    first = learner.refresh_token
    answers = [await refreshing(client, first) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.headers["RateLimit"].split(";")[:2] for answer in answers] == [
        ['"user"', f"r={left}"] for left in (2, 1, 0)
    ]
    refused = await refreshing(client, (await answers[-1].json())["refreshToken"])
    assert refused.status == 429
    assert refused.headers["RateLimit-Policy"] == '"user";q=3;w=60'


async def test_unusable_refresh_tokens_count_for_the_address(served):
    junk = ("nonsense", new_token(new_id()), "")
    for number, token in enumerate(junk):
        client = await served(rate_limits="on", rate_limit_address=f"{number + 3}/hour")
        learner = await Learner.registers(client)
        tried = [await refreshing(client, token) for _ in range(number + 3)]
        assert tried[-1].status == 429, token
        assert tried[0].headers["RateLimit-Policy"] == f'"address";q={number + 3};w=3600'
        assert (await refreshing(client, learner.refresh_token)).status == 200


async def test_a_spent_refresh_token_ends_its_family_even_from_an_address_that_is_used_up(served, database):
    client = await served(rate_limits="on", rate_limit_address="2/15 minutes")
    learner = await Learner.registers(client)
    successor = (await (await refreshing(client, learner.refresh_token)).json())["refreshToken"]
    await outlast_the_grace(database)
    await uses_up_the_address(client)
    answer = await refreshing(client, learner.refresh_token)
    assert (answer.status, answer.headers["RateLimit-Policy"]) == (429, '"address";q=2;w=900')
    assert (await refreshing(client, successor)).status == 429


async def test_a_large_body_for_a_refresh_counts_for_the_address_before_it_is_read(served):
    client = await served(rate_limits="on", rate_limit_address="2/15 minutes")
    learner = await Learner.registers(client)
    await uses_up_the_address(client)
    padded = b'{"refreshToken": "%s"}' % learner.refresh_token.encode() + b" " * 5000
    as_json = {"Content-Type": "application/json"}
    assert (await client.post("/api/auth/refresh", data=padded, headers=as_json)).status == 429


UNAUTHENTICATED = [
    ("/api/nowhere", 404, {}),
    ("/wp-login.php", 404, {}),
    ("/api/sessions", 401, {}),
    ("/api/sessions", 401, {"Authorization": "Bearer forged"}),
    ("/api/gemini/jobs/0190b0a0-0000-7000-8000-000000000000/events?ticket=forged", 401, {}),
    ("/api/gemini/jobs/0190b0a0-0000-7000-8000-000000000000/events?unknown=1", 400, {}),
    ("/api/gemini/jobs/nonsense/events", 400, {}),
    ("/api/auth/login", 405, {}),
]


async def test_requests_that_authenticate_nobody_are_limited_by_address(served):
    client = await served(
        rate_limits="on", rate_limit_address="2/minute", trusted_proxies=("127.0.0.0/8", "::1/128")
    )
    for number, (path, status, headers) in enumerate(UNAUTHENTICATED):
        from_elsewhere = {**headers, "X-Forwarded-For": f"203.0.113.{number}"}
        assert await statuses(client, "GET", path, 3, headers=from_elsewhere) == [status, status, 429], path


async def test_health_readiness_and_preflights_are_never_counted(served):
    client = await served(rate_limits="on", rate_limit_address="1/minute")
    assert await statuses(client, "GET", "/health", 5) == [200] * 5
    assert 429 not in await statuses(client, "GET", "/ready", 3)
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    assert await statuses(client, "OPTIONS", "/api/auth/login", 5, headers=preflight) == [200] * 5
    assert await statuses(client, "OPTIONS", "/api/nowhere", 5) == [404] * 5
    answer = await client.get("/api/openapi.json")
    assert answer.status == 200
    assert '"address";r=0' in answer.headers["RateLimit"]


async def test_limits_follow_the_client_behind_a_trusted_proxy(served):
    client = await served(
        rate_limits="on", rate_limit_address="1/minute", trusted_proxies=("127.0.0.0/8", "::1/128")
    )
    for number in range(3):
        answer = await client.get("/api/nowhere", headers={"X-Forwarded-For": f"6.6.6.6, 203.0.113.{number}"})
        assert answer.status == 404
    again = await client.get("/api/nowhere", headers={"X-Forwarded-For": "9.9.9.9, 203.0.113.1"})
    assert again.status == 429


async def test_a_forwarded_address_from_an_untrusted_peer_is_ignored(served):
    client = await served(rate_limits="on", rate_limit_address="1/minute")
    fields = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(2)]
    assert [(await client.get("/api/nowhere", headers=each)).status for each in fields] == [404, 429]


async def test_the_body_of_a_rate_limited_request_is_never_read(served):
    client = await served(rate_limits="on", rate_limit_sign_in="1/minute")
    await client.post("/api/auth/login", json=SIGN_IN)
    refused = await client.post("/api/auth/login", data=b"{" * 2_000_000, headers={"Expect": "100-continue"})
    assert refused.status == 429


async def test_disabled_limits_send_no_header_fields(client):
    answer = await client.get("/api/nowhere")
    assert answer.status == 404
    assert "RateLimit" not in answer.headers


async def test_redis_may_go_and_come_back_while_requests_are_answered_and_limited(served, valkey):
    client = await served(rate_limits="on", rate_limit_user="3/minute", redis_url=SecretStr(valkey.url))
    learner = await Learner.registers(client)
    assert (await learner.call("GET", "/api/sessions")).headers["RateLimit"].startswith('"user";r=2;')

    valkey.stop()
    answers = [await learner.call("GET", "/api/sessions") for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[0].headers["RateLimit"].startswith('"user";r=2;')

    valkey.start()
    async with time_limit():
        before = -1.0
        while before != COUNTED_ALONE._value.get():
            before = COUNTED_ALONE._value.get()
            await client.get("/api/nowhere")
            await asyncio.sleep(0.05)
    assert (await learner.call("GET", "/api/sessions")).headers["RateLimit"].startswith('"user";r=2;')


async def test_refused_requests_are_counted_by_their_limit(served):
    def refused(limit):
        return REGISTRY.get_sample_value("cara_http_requests_refused_total", {"limit": limit}) or 0

    client = await served(rate_limits="on", rate_limit_address="3/minute", rate_limit_sign_in="2/minute")
    before = {limit: refused(limit) for limit in ("sign-in", "address")}
    assert await statuses(client, "POST", "/api/auth/login", 3, json=SIGN_IN) == [401, 401, 429]
    assert await statuses(client, "GET", "/api/nowhere", 3) == [404, 429, 429]
    assert {limit: refused(limit) - count for limit, count in before.items()} == {"sign-in": 1, "address": 2}
