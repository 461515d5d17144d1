"""What operators ask a web process: whether it lives, and what it lacks to serve requests in full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr
from redis.asyncio import Redis

from cara import __version__
from cara.app import create_app
from cara.devtools.servers.embedded import embedded_valkey
from cara.postgres.database import Database
from cara.redis.queue import FEEDBACK_QUEUE, MAINTENANCE_QUEUE, health_key
from cara.settings import Settings
from cara.web.context import service
from tests.waiting import until

Client = TestClient[Any, Any]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


async def readiness(client: Client) -> tuple[int, list[str]]:
    """The status, and what is missing."""
    response = await client.get("/ready")
    body = await response.json()
    assert body["ready"] == (response.status == 200)
    return response.status, body["missing"]


async def test_a_process_that_lives_tells_its_version(client: Client) -> None:
    response = await client.get("/health")
    assert (response.status, await response.json()) == (200, {"status": "ok", "version": __version__})


async def test_a_process_is_ready_as_long_as_a_worker_of_feedback_was_seen(
    client: Client, redis: Redis
) -> None:
    await redis.set(health_key(MAINTENANCE_QUEUE), "of another queue")
    assert await readiness(client) == (503, ["no worker was seen lately"])
    await redis.set(health_key(FEEDBACK_QUEUE), "alive")
    assert await readiness(client) == (200, [])


@pytest.mark.usefixtures("worker")
async def test_a_worker_at_work_is_seen_and_for_seconds_only(client: Client, redis: Redis) -> None:
    async def ready() -> bool:
        return await readiness(client) == (200, [])

    await until(ready)
    assert 0 < await redis.ttl(health_key(FEEDBACK_QUEUE)) <= 11


@pytest.mark.parametrize(
    ("parameter", "value", "found"),
    [("maxmemory", "1", "redis is full"), ("replicaof", "127.0.0.1 1", "redis is read-only")],
)
async def test_a_redis_that_refuses_writes_is_named(
    settings: Settings, aiohttp_client: Any, tmp_path: Path, parameter: str, value: str, found: str
) -> None:
    with embedded_valkey(tmp_path, durable=False) as url:
        client = await aiohttp_client(create_app(settings.model_copy(update={"redis_url": SecretStr(url)})))
        async with Redis.from_url(url) as redis:
            await redis.set(health_key(FEEDBACK_QUEUE), "alive")
            assert await readiness(client) == (200, [])
            if parameter == "maxmemory":
                await redis.config_set(parameter, value)
            else:
                await redis.execute_command(parameter, *value.split())
        assert await readiness(client) == (503, [found])


async def test_missing_migrations_are_named(client: Client, redis: Redis, database: Database) -> None:
    await redis.set(health_key(FEEDBACK_QUEUE), "alive")
    last = "where migration_id = '0006_rollups'"
    async with database.acquire() as connection:
        await connection.execute(f"create temp table kept as select * from _yoyo_migration {last}")
        await connection.execute(f"delete from _yoyo_migration {last}")
        try:
            assert await readiness(client) == (503, ["migrations are missing: 0006_rollups"])
        finally:
            await connection.execute("insert into _yoyo_migration select * from kept")
    assert await readiness(client) == (200, [])


async def test_a_pool_without_a_free_connection_is_told_from_a_database_that_hangs(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.health.CHECK_SECONDS", 0.5)
    async with AsyncExitStack() as held:
        for _ in range(settings.database_pool_size):
            await held.enter_async_context(service(client.app, Database).acquire())
        assert (await readiness(client))[1][0] == "no connection to the database is free"


async def test_without_postgresql_and_redis_both_are_named_and_the_process_lives_on(
    settings: Settings, aiohttp_client: Any
) -> None:
    away = {"redis_url": SecretStr("redis://127.0.0.1:1/0"), "database_acquire_seconds": 0.1}
    client = await aiohttp_client(create_app(settings.model_copy(update=away)))
    await service(client.app, Database).close()
    assert await readiness(client) == (503, ["the database cannot be reached", "redis cannot be reached"])
    assert (await client.get("/health")).status == 200
