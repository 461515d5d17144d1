"""Room that Redis counts in advance: fewer questions, and no request more than the limit."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import pytest
from limits import parse

from cara.redis.connections import connection_pool
from cara.web import rate_limit_advances
from cara.web.rate_limit_advances import MOST, SHARE, Advances
from cara.web.rate_limit_counter import RequestCounter
from tests.redis.watched_redis import WatchedRedis
from tests.waiting import TIMEOUT_SECONDS

THOUSAND_A_MINUTE = parse("1000/minute")
KEY = ("user", "somebody")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[WatchedRedis]:
    pool = connection_pool(redis_url, size=10, retries=0)
    yield WatchedRedis(connection_pool=pool)
    await pool.disconnect()


def counter_of(redis: WatchedRedis) -> RequestCounter:
    return RequestCounter(redis, answer_seconds=TIMEOUT_SECONDS)


async def test_a_busy_client_asks_redis_for_ten_requests_at_once_and_gets_exactly_the_limit(redis):
    counter = counter_of(redis)
    states = [await counter.count(THOUSAND_A_MINUTE, "user", "somebody") for _ in range(1_002)]
    assert [state.admitted for state in states] == [True] * 1_000 + [False] * 2
    assert [state.remaining for state in states] == [*range(999, -1, -1), 0, 0]
    near_the_limit = 1_000 // rate_limit_advances.NEAR_ITS_LIMIT
    assert redis.pipelines == pytest.approx((1_000 - near_the_limit) / 10 + near_the_limit, abs=12)


async def test_processes_together_admit_the_limit_and_lose_little_of_it(redis):
    counters = [counter_of(redis) for _ in range(4)]

    async def calls(counter: RequestCounter) -> int:
        states = [await counter.count(THOUSAND_A_MINUTE, "user", "somebody") for _ in range(400)]
        return sum(state.admitted for state in states)

    admitted = sum(await asyncio.gather(*map(calls, counters)))
    assert 1_000 - 4 * 1_000 // SHARE <= admitted <= 1_000


async def test_requests_at_the_same_moment_take_one_advance(redis):
    counter = counter_of(redis)
    for at_once in (1, 30):
        await asyncio.gather(*(counter.count(THOUSAND_A_MINUTE, "user", "somebody") for _ in range(at_once)))
    counted = await counter_of(redis).count(THOUSAND_A_MINUTE, "user", "somebody")
    assert 1_000 - 31 - 1_000 // SHARE <= counted.remaining <= 1_000 - 31


async def test_what_is_left_of_an_advance_lapses(redis, monkeypatch):
    counter, now = counter_of(redis), time.monotonic()
    for _ in range(3):
        await counter.count(THOUSAND_A_MINUTE, "user", "somebody")
    asked = redis.pipelines
    monkeypatch.setattr(time, "monotonic", lambda: now + 30)
    await counter.count(THOUSAND_A_MINUTE, "user", "somebody")
    assert redis.pipelines == asked + 1


def test_what_has_lapsed_does_not_come_back_with_the_next_advance(monkeypatch):
    advances, limit, now = Advances(), parse("1000000/day"), time.monotonic()
    advances.note(KEY, limit, 4_000, 900_000, 80_000.0)
    monkeypatch.setattr(time, "monotonic", lambda: now + 10_000)
    assert advances.use(KEY, 4_500) is None
    assert advances.note(KEY, limit, 4_500, 890_000, 70_000.0) == 890_000 + 4_500
    assert advances.use(KEY, 4_500) is not None
    assert advances.use(KEY, 1) is None


def test_room_that_is_left_has_an_end_while_redis_is_asked_for_more():
    advances, limit = Advances(), parse("1000000/day")
    advances.note(KEY, limit, 4_000, 900_000, 80_000.0)
    assert advances.use(KEY, 4_500) is None
    assert advances.wanted(KEY, limit.amount, 4_500) == 9_000
    assert advances.use(KEY, 100) == (903_900, pytest.approx(80_000, abs=60))


async def test_small_limits_and_large_costs_are_never_counted_in_advance(redis):
    counter = counter_of(redis)
    for limit, cost in ((parse("199/minute"), 1), (THOUSAND_A_MINUTE, 6)):
        asked = redis.pipelines
        for _ in range(10):
            await counter.count(limit, "user", f"one of cost {cost}", cost)
        assert redis.pipelines == asked + 10


async def test_a_cost_that_is_small_beside_its_limit_is_counted_in_advance(redis):
    counter, limit = counter_of(redis), parse("1000000/day")
    states = [await counter.count(limit, "storage", "somebody", 100) for _ in range(MOST + 1)]
    assert states[-1].remaining == 1_000_000 - 100 * (MOST + 1)
    assert redis.pipelines == 2
    assert not (await counter.count(limit, "storage", "somebody", 1_000_000)).admitted


def test_clients_are_not_remembered_without_end(monkeypatch):
    monkeypatch.setattr(rate_limit_advances, "MAX_CLIENTS", 50)
    advances = Advances()
    for number in range(120):
        advances.note(("user", str(number)), THOUSAND_A_MINUTE, 0, 999, 60.0)
    assert len(advances._advances) == 50


def test_a_client_that_comes_seldom_asks_for_one(monkeypatch):
    advances, clock = Advances(), itertools.count(step=2)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    for _ in range(3):
        assert advances.wanted(KEY, 1_000, 1) == 1
        advances.note(KEY, THOUSAND_A_MINUTE, 0, 999, 60.0)
