"""Connections to Redis: cancellation, the kinds of URL, and the subscriber."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from redis.asyncio import Redis
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from cara.devtools.servers.embedded import embedded_valkey
from cara.redis.connections import connection_pool
from cara.redis.subscriber import Subscriber
from tests.waiting import TIMEOUT_SECONDS, time_limit, until


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


def test_a_sentinel_url_may_name_a_user_and_leave_out_what_is_usual() -> None:
    pool = connection_pool("redis+sentinel://bob:secret@one,two:26380/", size=5)
    assert isinstance(pool, SentinelConnectionPool)
    nodes = [node.connection_pool.connection_kwargs for node in pool.sentinel_manager.sentinels]
    assert [(node["host"], node["port"]) for node in nodes] == [("one", 26379), ("two", 26380)]
    assert (pool.service_name, pool.connection_kwargs["db"]) == ("mymaster", 0)
    assert (pool.connection_kwargs["username"], pool.connection_kwargs["password"]) == ("bob", "secret")


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


async def test_a_channel_is_subscribed_to_as_long_as_somebody_listens(redis_url: str) -> None:
    subscriber, channel = Subscriber(redis_url), f"channel {uuid4()}"
    running = asyncio.create_task(subscriber.run())
    redis = Redis(connection_pool=connection_pool(redis_url, size=4))

    async def subscribers(count: int) -> bool:
        return await redis.pubsub_numsub(channel) == [(channel.encode(), count)]

    try:
        async with subscriber.listen(channel):
            async with subscriber.listen(channel):
                await until(lambda: subscribers(1))
            assert await subscribers(1)
        await until(lambda: subscribers(0))
    finally:
        running.cancel()
        await asyncio.wait([running])
        await redis.aclose(close_connection_pool=True)


async def test_a_redis_that_hangs_is_given_up_although_the_connection_was_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.redis.connections.SOCKET_SECONDS", 0.1)
    with embedded_valkey(tmp_path, durable=False) as url:
        redis = Redis(connection_pool=connection_pool(url, size=1))
        server = psutil.Process((await redis.info("server"))["process_id"])
        connection = await redis.connection_pool.get_connection()
        connection.next_health_check = 0
        await redis.connection_pool.release(connection)
        server.suspend()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                with pytest.raises((RedisConnectionError, RedisTimeoutError)):
                    await redis.ping()
        finally:
            server.resume()
        assert await redis.ping()
        await redis.aclose(close_connection_pool=True)
