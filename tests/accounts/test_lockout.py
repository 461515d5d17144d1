"""The arithmetic of locks, and where failures are counted: in Redis, or without it in the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from cara.accounts.failure_counts import MAX_OWN_NAMES, OwnFailureCounts, ResilientFailureCounts
from cara.accounts.lockout import WITH_A_PAIR, WITH_AN_ACCOUNT, AccountLocked, Lockout
from cara.observability.metrics import FAILURES_COUNTED_ALONE
from cara.redis.connections import connection_pool
from tests.redis.restartable_valkey import RestartableValkey
from tests.redis.watched_redis import WatchedRedis

NOBODY = "nobody@example.com"


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_delays_double_up_to_a_limit() -> None:
    assert [WITH_A_PAIR.lock_seconds(failures) for failures in (1, 4, 5, 6, 7, 11, 12, 500)] == [
        0,
        0,
        10,
        20,
        40,
        640,
        900,
        900,
    ]
    assert max(WITH_AN_ACCOUNT.lock_seconds(failures) for failures in range(2_000)) == 60


async def test_a_lock_opens_after_its_delay_and_the_next_failure_doubles_it() -> None:
    clock = Clock()
    lockout = Lockout(OwnFailureCounts(clock))
    for _ in range(5):
        await lockout.check(NOBODY, "192.0.2.1", familiar=False)
        locked = await lockout.failed(NOBODY, "192.0.2.1")
    assert locked == 10
    clock.now += 9
    with pytest.raises(AccountLocked) as refused:
        await lockout.check(NOBODY, "192.0.2.1", familiar=True)
    assert refused.value.retry_after_seconds == 1
    clock.now += 1
    await lockout.check(NOBODY, "192.0.2.1", familiar=False)
    assert await lockout.failed(NOBODY, "192.0.2.1") == 20


async def test_failures_are_forgotten_after_a_day() -> None:
    clock = Clock()
    lockout = Lockout(OwnFailureCounts(clock))
    for _ in range(20):
        await lockout.failed(NOBODY, None)
    clock.now += WITH_A_PAIR.forget_after_seconds
    assert await lockout.failed(NOBODY, None) == 0


async def test_no_number_of_addresses_fills_the_memory_of_a_process() -> None:
    counts = OwnFailureCounts()
    for number in range(MAX_OWN_NAMES + 10):
        await counts.add(str(number), 60)
    assert await counts.add("0", 60) == 1
    assert await counts.add(str(MAX_OWN_NAMES), 60) == 2


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    pool = connection_pool(redis_url, size=20, retries=0)
    yield Redis(connection_pool=pool)
    await pool.disconnect()


async def test_while_redis_answers_it_counts_for_all(redis: Redis) -> None:
    counts, before = ResilientFailureCounts(redis), FAILURES_COUNTED_ALONE._value.get()
    assert await counts.add("somebody", 60) == 1
    assert await ResilientFailureCounts(redis).add("somebody", 60) == 2
    await counts.lock("somebody", 3_600)
    assert 3_500 < (await counts.locked_seconds(["somebody"]))[0] <= 3_600
    await counts.forget("somebody")
    assert await counts.locked_seconds(["somebody", "nobody"]) == [0, 0]
    assert FAILURES_COUNTED_ALONE._value.get() == before


async def test_of_a_redis_that_hangs_only_the_first_after_each_pause_waits(
    valkey: RestartableValkey,
) -> None:
    pool, clock = connection_pool(valkey.url, size=20, retries=0), Clock()
    redis = WatchedRedis(connection_pool=pool)
    counts = ResilientFailureCounts(redis, answer_seconds=0.1, pause_seconds=1, clock=clock)
    await redis.hang()
    assert await counts.add("somebody", 60) == redis.trips == 1

    for waited in (2, 3, 4):
        clock.now += 1
        await asyncio.gather(*(counts.add("somebody", 60) for _ in range(10)))
        assert redis.trips == waited
    assert await counts.add("somebody", 60) == 32
    await pool.disconnect()


async def test_a_success_is_not_followed_by_failures_from_before_it(valkey: RestartableValkey) -> None:
    """Which this process counted the last time that Redis was away."""
    pool = connection_pool(valkey.url, size=5, retries=0)
    counts = ResilientFailureCounts(Redis(connection_pool=pool), pause_seconds=0)
    valkey.stop()
    assert [await counts.add("somebody", 60) for _ in range(4)] == [1, 2, 3, 4]
    valkey.start()
    await counts.forget("somebody")
    assert await counts.add("somebody", 60) == 1
    valkey.stop()
    assert await counts.add("somebody", 60) == 1
    await pool.disconnect()
