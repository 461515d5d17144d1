"""Counts requests against limits: in Redis for all processes, in this process alone while Redis is away."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Any, NamedTuple

from aiohttp import web
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from cara.observability.metrics import COUNTED_ALONE
from cara.redis.connections import AWAY
from cara.web.rate_limit_advances import Advances

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 0.25
"""No request waits longer than this for Redis."""

PAUSE_SECONDS = 2.0
"""While Redis is away, one request in this time asks it again; all others are counted here at once."""

MAX_OWN_KEYS = 20_000
"""A process that counts alone drops everything beyond this, rather than fill its memory."""

_Window = tuple[int, float, int, float]  # count and seconds left: of the previous window, of the current one


class LimitState(NamedTuple):
    """One limit after a request of a client was counted under it, by a sliding window."""

    name: str
    quota: int
    window_seconds: int
    admitted: bool
    remaining: int
    reset_seconds: float
    """Until the current window ends."""
    retry_after_seconds: float
    """Until another request of the same cost is admitted."""


COUNTED = web.RequestKey("counted", list[LimitState])
"""The limits that a request was counted under, for the header fields of its response."""


class RequestCounter:
    """Counts by sliding windows of the `limits` library; neither fails with Redis nor waits long for it."""

    def __init__(
        self, redis: Redis, *, answer_seconds: float = ANSWER_SECONDS, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._shared = _SharedCounts(redis)
        self._own = _OwnCounts()
        self._advances = Advances()
        self._answer_seconds = answer_seconds
        self._pause_seconds = pause_seconds
        self._redis_away = False
        self._ask_again_at = 0.0

    async def count(self, limit: RateLimitItem, name: str, client: str, cost: int = 1) -> LimitState:
        """Counts a request of the client under the named limit; a refused request is not counted.

        It may have been counted in advance.
        """
        amount, seconds = limit.amount, limit.get_expiry()
        if used := self._advances.use((name, client), cost):
            remaining, reset_seconds = used
            return LimitState(name, amount, seconds, True, remaining, reset_seconds, 0.0)
        key = limit.key_for(name, client)
        if self._may_ask_redis():
            try:
                async with asyncio.timeout(self._answer_seconds):
                    return await self._count_in_redis(key, limit, name, client, cost)
            except AWAY as error:
                self._note_redis_away(error)
        COUNTED_ALONE.inc()
        counted = await self._own.count(key, amount, seconds, cost)
        return _limit_state(name, amount, seconds, cost, *counted)

    async def _count_in_redis(
        self, key: str, limit: RateLimitItem, name: str, client: str, cost: int
    ) -> LimitState:
        amount, seconds, of_client = limit.amount, limit.get_expiry(), (name, client)
        count = self._advances.wanted(of_client, amount, cost)
        admitted, window = await self._shared.count(key, amount, seconds, count)
        if count > cost and not admitted:
            count = cost
            admitted, window = await self._shared.count(key, amount, seconds, count)
        await self._note_redis_answers()
        state = _limit_state(name, amount, seconds, cost, admitted, window)
        if not admitted:
            return state
        spare, reset_seconds = count - cost, state.reset_seconds
        remaining = self._advances.note(of_client, limit, spare, state.remaining, reset_seconds)
        return state._replace(remaining=remaining)

    def _may_ask_redis(self) -> bool:
        """Returns whether to wait for Redis: only now and then while it is away."""
        now = time.monotonic()
        if not self._redis_away:
            return True
        if now < self._ask_again_at:
            return False
        self._ask_again_at = now + self._pause_seconds
        return True

    def _note_redis_away(self, error: BaseException) -> None:
        if not self._redis_away:
            logger.warning("redis does not count requests (%s): each process does", type(error).__name__)
        self._redis_away = True
        self._ask_again_at = time.monotonic() + self._pause_seconds

    async def _note_redis_answers(self) -> None:
        if self._redis_away:
            self._redis_away = False
            logger.warning("redis counts requests again")
            await self._own.reset()


class _SharedCounts(RedisStorage):
    """Counts in Redis, by the scripts of `limits`; one pipeline counts and reads the window.

    The public methods of `limits` need two round trips for that. `bridge`, the scripts on it and
    `_previous_window_key` are private parts of limits 5.8; setup.cfg has an upper bound for that reason.
    """

    def __init__(self, redis: Redis) -> None:
        super().__init__(
            "async+redis://",
            implementation="redispy",
            key_prefix="cara:limits",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]
        )
        self._redis = redis

    async def count(self, key: str, amount: int, seconds: int, cost: int) -> tuple[bool, _Window]:
        """Counts a request if there is room; whether there was, and the window afterwards."""
        bridge: Any = self.bridge
        keys = [
            bridge.prefixed_key(name)
            for name in (self._previous_window_key(key), self._current_window_key(key))
        ]
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.evalsha(
            bridge.lua_acquire_sliding_window.sha, 2, *keys, str(amount), str(seconds), str(cost)
        )
        pipeline.evalsha(bridge.lua_sliding_window.sha, 2, *keys, str(seconds))
        admitted, window = await pipeline.execute(raise_on_error=False)
        for answer in (admitted, window):
            if isinstance(answer, Exception) and not isinstance(answer, NoScriptError):
                raise answer
        if isinstance(admitted, NoScriptError):
            return await _count_and_read(self, key, amount, seconds, cost)
        if isinstance(window, NoScriptError):
            # The other script was loaded meanwhile, and has counted the request: not once more.
            return bool(admitted), await self.get_sliding_window(key, seconds)
        previous, previous_ms, current, current_ms = window
        counts = (
            int(previous or 0),
            max(0, previous_ms) / 1000,
            int(current or 0),
            max(0, current_ms) / 1000,
        )
        return bool(admitted), counts


class _OwnCounts(MemoryStorage):
    """Counts in the memory of this process."""

    async def count(self, key: str, amount: int, seconds: int, cost: int) -> tuple[bool, _Window]:
        """Counts a request if there is room; whether there was, and the window afterwards."""
        if len(self.storage) > MAX_OWN_KEYS:
            await self.reset()
        return await _count_and_read(self, key, amount, seconds, cost)


async def _count_and_read(
    storage: RedisStorage | MemoryStorage, key: str, amount: int, seconds: int, cost: int
) -> tuple[bool, _Window]:
    admitted = await storage.acquire_sliding_window_entry(key, amount, seconds, cost)
    return admitted, await storage.get_sliding_window(key, seconds)


def _limit_state(
    name: str, quota: int, length: int, cost: int, admitted: bool, window: _Window
) -> LimitState:
    """Returns what a window means.

    Requests of the previous window weigh by the part of it that still counts.
    """
    previous, previous_seconds, current, current_seconds = window
    remaining = max(0, quota - math.floor(previous * previous_seconds / length + current))
    reset_seconds = current_seconds - length if current_seconds > length else length
    return LimitState(
        name=name,
        quota=quota,
        window_seconds=length,
        admitted=admitted,
        remaining=remaining if admitted else 0,
        reset_seconds=reset_seconds,
        retry_after_seconds=_seconds_until_room(quota - cost, length, reset_seconds, window),
    )


def _seconds_until_room(most: int, length: int, reset_seconds: float, window: _Window) -> float:
    """Returns how long it takes until no more than `most` counts: if that can never be, the whole window."""
    if most < 0:
        return length
    previous, previous_seconds, current, _ = window
    if current > most:  # once the current window is the previous one, and has faded
        return reset_seconds + max(0.0, length - (most + 1) * length / current)
    return max(0.0, previous_seconds - (most - current + 1) * length / previous) if previous else 0.0
