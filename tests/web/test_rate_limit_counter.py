"""Counting requests by sliding windows, with Redis and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from limits import parse

from cara.observability.metrics import COUNTED_ALONE
from cara.redis.connections import connection_pool
from cara.web import rate_limit_counter
from cara.web.rate_limit_counter import LimitState, RequestCounter
from tests.redis.restartable_valkey import RestartableValkey
from tests.redis.watched_redis import WatchedRedis
from tests.waiting import TIMEOUT_SECONDS, time_limit

THREE_A_MINUTE = parse("3/minute")


@pytest.fixture
async def redis(valkey: RestartableValkey) -> AsyncIterator[WatchedRedis]:
    pool = connection_pool(valkey.url, size=10, retries=0)
    yield WatchedRedis(connection_pool=pool)
    await pool.disconnect()


@pytest.fixture
def counter(redis: WatchedRedis) -> RequestCounter:
    return RequestCounter(redis, answer_seconds=TIMEOUT_SECONDS, pause_seconds=0.05)


async def counted(counter: RequestCounter, times: int = 1, client: str = "somebody") -> list[LimitState]:
    return [await counter.count(THREE_A_MINUTE, "test", client) for _ in range(times)]


def counted_alone() -> float:
    return COUNTED_ALONE._value.get()


async def until_redis_counts(counter: RequestCounter) -> None:
    async with time_limit():
        before = -1.0
        while counted_alone() != before:
            before = counted_alone()
            await counted(counter, client="a probe")
            await asyncio.sleep(0.01)


async def test_a_limit_admits_so_many_and_no_more(counter):
    states = await counted(counter, times=5)
    assert [state.admitted for state in states] == [True, True, True, False, False]
    assert [state.remaining for state in states] == [2, 1, 0, 0, 0]
    assert [state.retry_after_seconds for state in states[:2]] == [0, 0]
    assert all(0 < state.retry_after_seconds <= state.reset_seconds <= 60 for state in states[2:])


async def test_clients_and_limits_are_counted_apart(counter):
    await counted(counter, times=4)
    [other] = await counted(counter, client="somebody else")
    assert other.remaining == 2
    assert (await counter.count(THREE_A_MINUTE, "another limit", "somebody")).remaining == 2


async def test_two_processes_count_together(redis, counter):
    other_process = RequestCounter(redis, answer_seconds=TIMEOUT_SECONDS)
    await counted(counter, times=2)
    assert [each.admitted for each in await counted(other_process, times=2)] == [True, False]


async def test_a_limit_holds_exactly_under_concurrency(counter):
    limit = parse("50/minute")
    alone = counted_alone()
    taken = await asyncio.gather(*(counter.count(limit, "test", "crowd") for _ in range(200)))
    assert sum(state.admitted for state in taken) == 50
    assert counted_alone() == alone


async def test_a_limit_holds_exactly_whatever_requests_cost(counter):
    limit = parse("50/minute")
    taken = await asyncio.gather(*(counter.count(limit, "test", "heavy", 7) for _ in range(20)))
    assert sum(state.admitted for state in taken) == 7
    assert (await counter.count(limit, "test", "heavy", 1)).admitted
    assert not (await counter.count(limit, "test", "heavy", 1)).admitted
    assert not (await counter.count(limit, "test", "too heavy", 51)).admitted


async def test_a_request_counts_once_while_redis_learns_the_scripts(redis, counter):
    """Redis forgets scripts when it restarts; another request may have loaded only the one that counts."""
    await redis.script_load(counter._shared.bridge.lua_acquire_sliding_window.script)
    assert [state.remaining for state in await counted(counter, times=3)] == [2, 1, 0]
    await redis.script_flush()
    assert [state.admitted for state in await counted(counter)] == [False]


async def test_a_refused_client_is_admitted_after_retry_after(counter):
    one_a_second = parse("2/second")
    while (state := await counter.count(one_a_second, "test", "eager")).admitted:
        pass
    await asyncio.sleep(state.retry_after_seconds + 0.02)
    assert (await counter.count(one_a_second, "test", "eager")).admitted


async def test_without_redis_each_process_counts_and_afterwards_redis_again(valkey, counter, caplog):
    await counted(counter)
    valkey.stop()
    before = counted_alone()
    alone = await counted(counter, times=5)
    assert [state.admitted for state in alone] == [True, True, True, False, False]
    assert counted_alone() - before == 5
    heavy = [await counter.count(parse("50/minute"), "test", "heavy", 20) for _ in range(3)]
    assert [state.admitted for state in heavy] == [True, True, False]

    valkey.start()
    await until_redis_counts(counter)
    [state] = await counted(counter)
    assert state.admitted
    assert caplog.text.count("redis does not count requests") == 1
    assert caplog.text.count("redis counts requests again") == 1


async def test_scripts_that_redis_forgot_are_loaded_again(redis, counter):
    await counted(counter)
    alone = counted_alone()
    await redis.script_flush()
    [state] = await counted(counter)
    assert state.remaining == 1
    assert counted_alone() == alone


async def test_a_redis_that_hangs_holds_one_request_and_the_others_not_at_all(redis):
    counter = RequestCounter(redis, answer_seconds=0.2, pause_seconds=3_600)
    await redis.hang()
    assert [state.admitted for state in await counted(counter, times=4)] == [True, True, True, False]
    await counted(counter, times=100, client="somebody else")
    assert redis.pipelines == 1


async def test_a_process_that_counts_alone_does_not_remember_without_end(valkey, counter, monkeypatch):
    monkeypatch.setattr(rate_limit_counter, "MAX_OWN_KEYS", 50)
    valkey.stop()
    for number in range(120):
        await counted(counter, client=f"client {number}")
    assert len(counter._own.storage) <= 51


@pytest.mark.parametrize(
    ("window", "cost", "remaining", "reset", "retry_after"),
    [
        # Ten requests in the window before, of which 30 of 60 seconds still count: five, and two in this one.
        ((10, 30.0, 2, 90.0), 1, 13, 30, 0),
        # One of ten fades each six seconds.
        ((10, 33.0, 15, 93.0), 1, 0, 33, 3),
        # Nothing went before: all that was counted leaves with the present window.
        ((0, 0.0, 20, 80.0), 1, 0, 20, 20),
        # The request before is no hindrance, but those of the present window are.
        ((1, 50.0, 20, 110.0), 1, 0, 50, 50),
        # There is room for two, and a third fades in three seconds.
        ((10, 33.0, 13, 93.0), 3, 2, 33, 3),
        # A third of what counts now has to fade once its window is the one before.
        ((0, 0.0, 18, 80.0), 8, 2, 20, 20 + 60 - 13 * 60 / 18),
    ],
)
async def test_requests_of_the_window_before_fade_one_after_the_other(
    counter, monkeypatch, window, cost, remaining, reset, retry_after
):
    async def count(*_):
        return True, window

    monkeypatch.setattr(rate_limit_counter._SharedCounts, "count", count)
    state = await counter.count(parse("20/minute"), "test", "somebody", cost)
    found = (state.remaining, state.reset_seconds, state.retry_after_seconds)
    assert found == (remaining, pytest.approx(reset), pytest.approx(retry_after))
