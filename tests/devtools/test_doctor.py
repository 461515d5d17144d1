"""`cara doctor`: what it finds, and how bad that is."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import redis as redis_client
from pydantic import SecretStr
from redis.asyncio import Redis

from cara.doctor import check_worker, examine
from cara.redis.queue import FEEDBACK_QUEUE, health_key
from cara.settings import Settings
from tests.conftest import make_settings
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
    findings = await found(settings)
    assert {verdict for _, verdict, _ in findings} == {"good"}
    about = ["PostgreSQL", "migrations", "Redis", "worker", "Gemini", "JWT_SECRET", "Sentry"]
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
