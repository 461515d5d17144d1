"""Connections to Redis: cancellation, the kinds of URL, and the subscriber."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError

from cara.redis.connections import connection_pool
from cara.redis.subscriber import Subscriber
from tests.waiting import TIMEOUT_SECONDS, time_limit


async def test_a_cancelled_task_sends_no_further_commands(redis_url: str) -> None:
    redis = Redis(connection_pool=connection_pool(redis_url, size=4))
    await redis.ping()

    async def ping_forever() -> None:
        while True:
            await redis.ping()

    for attempt in range(300):
        task = asyncio.create_task(ping_forever())
        for _ in range(attempt % 17):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=TIMEOUT_SECONDS)
        assert done, f"the cancellation was lost in attempt {attempt}"
    await redis.aclose(close_connection_pool=True)


async def test_an_unreachable_redis_raises_a_connection_error() -> None:
    redis = Redis(connection_pool=connection_pool("redis://127.0.0.1:1/0", size=1))
    with pytest.raises(RedisConnectionError):
        await redis.ping()


def test_a_sentinel_url_names_nodes_service_and_database() -> None:
    pool = connection_pool("redis+sentinel://:secret@one:26379,two:26380/cara/3", size=5)
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "cara"
    assert pool.connection_kwargs["db"] == 3
    assert pool.connection_kwargs["password"] == "secret"


def test_the_scheme_rediss_uses_tls() -> None:
    pool = connection_pool("rediss://user:secret@example.com:6380/0", size=5)
    assert pool.connection_kwargs["host"] == "example.com"
    assert "Tls" in pool.connection_class.__name__


async def test_a_listener_is_woken_by_a_message_and_after_a_reconnection(redis_url: str) -> None:
    subscriber = Subscriber(redis_url)
    running = asyncio.create_task(subscriber.run())
    redis = Redis(connection_pool=connection_pool(redis_url, size=4))
    try:
        async with subscriber.listen("channel") as wake, time_limit():
            await wake.wait()
            wake.clear()
            await redis.publish("channel", b"")
            await wake.wait()
            wake.clear()
            await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await wake.wait()
    finally:
        running.cancel()
        await asyncio.wait([running])
        await redis.aclose(close_connection_pool=True)
