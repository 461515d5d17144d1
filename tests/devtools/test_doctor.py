"""`cara doctor`: what it finds, and how bad that is."""

from __future__ import annotations

import json
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

import pytest
import redis as redis_client
from pydantic import SecretStr
from redis.asyncio import Redis

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.doctor import check_worker, examine
from cara.redis.queue import FEEDBACK_QUEUE, health_key
from cara.settings import Settings
from tests.conftest import RunningEmulator, make_settings
from tests.gemini.wire_server import chunk, wire_server
from tests.servers import Servers

USUAL = {
    "valkey_version": "9.1.0",
    "redis_version": "7.2.4",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
}


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Redis tells of itself."""
    told: dict[str, Any] = {**USUAL}

    async def info(_: Redis) -> dict[str, Any]:
        return told

    monkeypatch.setattr(Redis, "info", info)
    return told


async def found(settings: Settings) -> list[tuple[str, str, str]]:
    return [(finding.about, finding.verdict, finding.sentence) for finding in await examine(settings)]


async def test_where_everything_is_there_nothing_is_wrong(
    settings: Settings, redis_url: str, facts: dict[str, Any]
) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.set(health_key(FEEDBACK_QUEUE), "alive")
    findings = await found(settings.model_copy(update={"jwt_secret": SecretStr(token_urlsafe(48))}))
    assert {verdict for _, verdict, _ in findings} == {"good"}
    about = ["PostgreSQL", "migrations", "Redis", "worker", "Gemini", "Gemini", "JWT_SECRET", "Sentry"]
    assert [name for name, *_ in findings] == about
    assert ("Redis", "good", "Valkey 9.1.0 answers") in findings
    assert ("JWT_SECRET", "good", "1 key in the ring") in findings


async def test_a_redis_that_forgets_is_warned_of(settings: Settings, facts: dict[str, Any]) -> None:
    del facts["valkey_version"]
    facts.update(maxmemory_policy="allkeys-lru", aof_enabled=0)
    of_redis = [(verdict, sentence) for about, verdict, sentence in await found(settings) if about == "Redis"]
    assert of_redis[0] == ("good", "Redis 7.2.4 answers")
    assert [verdict for verdict, _ in of_redis[1:]] == ["warning", "warning"]
    assert of_redis[1][1].startswith("maxmemory-policy is allkeys-lru: set noeviction")
    assert of_redis[2][1].startswith("no append-only file")


async def test_missing_migrations_and_a_missing_key_are_bad_and_production_wants_reports(
    settings: Settings, servers: Servers, facts: dict[str, Any]
) -> None:
    with servers.database(f"test_{uuid4().hex}", template="template0") as url:
        changes = {"database_url": SecretStr(url), "gemini_api_key": None, "environment": "production"}
        findings = {about: rest for about, *rest in await found(settings.model_copy(update=changes))}
    verdict, sentence = findings["migrations"]
    assert (verdict, sentence.endswith("run `cara migrate up`")) == ("bad", True)
    assert "0001_users, 0002_sessions" in sentence
    assert findings["Gemini"] == ["bad", "GEMINI_API_KEY is missing: no feedback and no coach"]
    assert findings["Sentry"] == ["warning", "SENTRY_DSN is not set: errors go to the log only"]


async def test_a_pooler_that_refuses_the_limits_of_a_session_needs_them_in_postgresql(
    settings: Settings, facts: dict[str, Any]
) -> None:
    found_without = await found(settings.model_copy(update={"database_session_limits": "off"}))
    (warning,) = {finding[2] for finding in found_without} - {finding[2] for finding in await found(settings)}
    assert warning.startswith("sessions have no limits")


def test_the_check_of_the_worker_succeeds_while_one_was_seen(
    database_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = make_settings(database_url=database_url, redis_url=redis_url)

    def checked(settings: Settings) -> tuple[int, str]:
        return check_worker(settings), capsys.readouterr().out.strip()

    assert checked(settings) == (1, "none runs, or none with this Redis: start one with `cara worker`")
    with redis_client.Redis.from_url(redis_url) as redis:
        redis.set(health_key(FEEDBACK_QUEUE), "alive")
    assert checked(settings) == (0, "one runs")
    nowhere = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    assert checked(nowhere)[0] == 1


MODEL = "gemini-3.8-flash"


async def of_gemini(settings: Settings) -> list[tuple[str, str]]:
    """What is found of Gemini, the first and free answer left out if it is good."""
    findings = [
        (verdict, sentence) for about, verdict, sentence in await found(settings) if about == "Gemini"
    ]
    answers = ("good", f"{MODEL} answers at {settings.gemini_base_url}")
    return [finding for finding in findings if finding != answers]


async def test_a_model_that_judges_a_sample_talk_is_good_and_the_cost_is_said(
    settings: Settings, emulator: RunningEmulator, facts: dict[str, Any]
) -> None:
    (judged,) = await of_gemini(settings)
    ledger = emulator.emulator.ledger
    assert judged == ("good", f"{MODEL} judges a sample talk: full schema, {ledger.total_tokens:,} tokens")
    assert ledger.calls == 1


@pytest.mark.parametrize(
    ("refusals", "schema"), [(1, "only with the plainer schema"), (2, "only without a schema")]
)
async def test_a_model_that_refuses_a_schema_is_warned_of(
    settings: Settings, facts: dict[str, Any], unused_tcp_port: int, refusals: int, schema: str
) -> None:
    refusal = {"error": {"code": 400, "message": "odd", "status": "INVALID_ARGUMENT"}}
    async with wire_server(unused_tcp_port) as server:
        server.answers(b'{"totalTokens": 2}', content_type="application/json")
        for _ in range(refusals):
            server.answers(json.dumps(refusal).encode(), status=400, content_type="application/json")
        usage = {"promptTokenCount": 1_800, "candidatesTokenCount": 120, "totalTokenCount": 1_920}
        server.answers(chunk('{"clarity": {"score": 80}}', finish="STOP", usage=usage))
        (judged,) = await of_gemini(settings.model_copy(update={"gemini_base_url": server.url}))
    assert judged == ("warning", f"{MODEL} judges a sample talk: {schema}, 1,920 tokens")


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.BAD_REQUEST, "judges no sample talk: 400 INVALID_ARGUMENT"),
        (Fault.BROKEN_JSON, "could not be used. Please try again. (not_json) It cost "),
        (Fault.SCHEMA_BREACH, "could not be used. Please try again. (no_score) It cost "),
        (Fault.UNAVAILABLE, "judges no sample talk: Gemini is not answering just now"),
    ],
)
async def test_a_model_that_judges_nothing_is_bad_and_the_cause_is_said(
    settings: Settings, emulator: RunningEmulator, facts: dict[str, Any], fault: Fault, cause: str
) -> None:
    emulator.emulator.fail_rate(fault, 1.0)
    ((verdict, sentence),) = await of_gemini(settings)
    assert (verdict, cause in sentence) == ("bad", True), sentence


async def test_a_model_that_does_not_answer_the_free_question_is_not_asked_for_a_judgement(
    settings: Settings, emulator: RunningEmulator, facts: dict[str, Any]
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.BAD_KEY, methods=frozenset({"countTokens"})))
    ((verdict, sentence),) = await of_gemini(settings)
    assert (verdict, "API key not valid" in sentence) == ("bad", True)
    assert emulator.emulator.ledger.calls == 0


async def test_a_model_that_takes_too_long_is_bad(
    settings: Settings, emulator: RunningEmulator, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.doctor.JUDGE_SECONDS", 1.0)
    emulator.emulator.fail_next(Fault.STALL)
    assert await of_gemini(settings) == [
        ("bad", f"{MODEL} judges no sample talk: Gemini took too long to answer. Please try again.")
    ]
