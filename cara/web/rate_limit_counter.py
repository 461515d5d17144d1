"""Counts requests against limits: in Redis for all processes, in this process alone while Redis is away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from cara.observability.metrics import COUNTED_ALONE
from cara.redis.fallback import ANSWER_SECONDS, PAUSE_SECONDS, RedisFallback

MAX_OWN_KEYS = 20_000
"""A process that counts alone forgets everything beyond this, rather than fill its memory."""

_Window = tuple[int, float, int, float]  # count and seconds left: of the previous window, of the current one


@dataclass(frozen=True)
class Standing:
    """How a client stands under one limit, counted by a sliding window."""

    admitted: bool
    remaining: int
    window_seconds: int
    window_ends_in: float
    admits_again_in: float


class RequestCounter:
    """Counts by sliding windows of the `limits` library; never fails, and never waits long."""

    def __init__(
        self,
        redis: Redis,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._shared = _SharedCounts(redis)
        self._own = _OwnCounts()
        self._redis = RedisFallback(
            "requests", COUNTED_ALONE, answer_seconds=answer_seconds, pause_seconds=pause_seconds
        )

    async def count(self, limit: RateLimitItem, name: str, client: str) -> Standing:
        """Counts one request of the client under the named limit; a refused one is not counted."""
        key = limit.key_for(name, client)
        taken, redis_is_back = await self._redis.ask(
            lambda: self._shared.take(key, limit.amount, limit.get_expiry()),
            lambda: self._own.take(key, limit.amount, limit.get_expiry()),
        )
        if redis_is_back:
            await self._own.reset()
        return _standing(limit, *taken)


class _SharedCounts(RedisStorage):
    """Counts in Redis, by the scripts of `limits`; counting and looking take one trip instead of two."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(
            "async+redis://",
            implementation="redispy",
            key_prefix="cara:limits",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]
        )
        self._redis = redis

    async def take(self, key: str, amount: int, seconds: int) -> tuple[bool, _Window]:
        """Counts one if there is room; whether there was, and the window afterwards."""
        bridge: Any = self.bridge
        keys = [
            bridge.prefixed_key(name)
            for name in (self._previous_window_key(key), self._current_window_key(key))
        ]
        trip = self._redis.pipeline(transaction=False)
        trip.evalsha(bridge.lua_acquire_sliding_window.sha, 2, *keys, str(amount), str(seconds), "1")
        trip.evalsha(bridge.lua_sliding_window.sha, 2, *keys, str(seconds))
        try:
            admitted, (previous, previous_ms, current, current_ms) = await trip.execute()
        except NoScriptError:
            return await _in_two_trips(self, key, amount, seconds)
        window = (
            int(previous or 0),
            max(0, previous_ms) / 1000,
            int(current or 0),
            max(0, current_ms) / 1000,
        )
        return bool(admitted), window


class _OwnCounts(MemoryStorage):
    """Counts in the memory of this process."""

    async def take(self, key: str, amount: int, seconds: int) -> tuple[bool, _Window]:
        if len(self.storage) > MAX_OWN_KEYS:
            await self.reset()
        return await _in_two_trips(self, key, amount, seconds)


async def _in_two_trips(
    storage: RedisStorage | MemoryStorage, key: str, amount: int, seconds: int
) -> tuple[bool, _Window]:
    admitted = await storage.acquire_sliding_window_entry(key, amount, seconds)
    return admitted, await storage.get_sliding_window(key, seconds)


def _standing(limit: RateLimitItem, admitted: bool, window: _Window) -> Standing:
    """What a window means. Requests of the previous window weigh by the part of it that still counts."""
    previous, previous_seconds, current, current_seconds = window
    length = limit.get_expiry()
    remaining = max(0, limit.amount - math.floor(previous * previous_seconds / length + current))
    ends_in = current_seconds - length if current_seconds > length else length
    fades_in = previous_seconds % (length / previous) if previous else ends_in
    return Standing(
        admitted=admitted,
        remaining=remaining if admitted else 0,
        window_seconds=length,
        window_ends_in=ends_in,
        admits_again_in=min(fades_in, ends_in),
    )
