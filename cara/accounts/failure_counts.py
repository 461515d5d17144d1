"""Counts of failed sign-ins and the locks that follow: in Redis for all processes, without it in this one.

Names are digests: neither emails nor addresses are kept. All that is lost with Redis is how often somebody
failed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from redis.asyncio import Redis

from cara.observability.metrics import FAILURES_COUNTED_ALONE
from cara.redis.fallback import PAUSE_SECONDS, RedisFallback

Found = TypeVar("Found")

ANSWER_SECONDS = 1.0
"""No sign-in waits longer than this for Redis."""

MAX_OWN_NAMES = 10_000
"""A process that counts alone forgets the oldest beyond this, rather than fill its memory."""

_PREFIX = "cara:sign-in"


class FailureCounts(Protocol):
    """Where failures are counted by name."""

    async def locked_seconds(self, names: list[str]) -> list[float]:
        """For how long each name is still locked; 0 when it is not."""

    async def add(self, name: str, forget_after_seconds: float) -> int:
        """Counts one failure; how many there are now. Forgotten when none is added for so long."""

    async def lock(self, name: str, seconds: float) -> None:
        """Locks a name."""

    async def forget(self, name: str) -> None:
        """Drops the count of a name, and its lock."""


class SharedFailureCounts:
    """Counts in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def locked_seconds(self, names: list[str]) -> list[float]:
        trip = self._redis.pipeline(transaction=False)
        for name in names:
            trip.pttl(_locked(name))
        return [max(0, milliseconds) / 1000 for milliseconds in await trip.execute()]

    async def add(self, name: str, forget_after_seconds: float) -> int:
        trip = self._redis.pipeline()
        trip.incr(_failures(name))
        trip.pexpire(_failures(name), int(forget_after_seconds * 1000))
        count, _ = await trip.execute()
        return int(count)

    async def lock(self, name: str, seconds: float) -> None:
        await self._redis.set(_locked(name), 1, px=int(seconds * 1000))

    async def forget(self, name: str) -> None:
        await self._redis.delete(_failures(name), _locked(name))


@dataclass
class _Own:
    count: int = 0
    forget_at: float = 0.0
    locked_until: float = 0.0


class OwnFailureCounts:
    """Counts in the memory of this process; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names: OrderedDict[str, _Own] = OrderedDict()

    async def locked_seconds(self, names: list[str]) -> list[float]:
        now = self._clock()
        return [max(0.0, self._names.get(name, _Own()).locked_until - now) for name in names]

    async def add(self, name: str, forget_after_seconds: float) -> int:
        own, now = self._own(name), self._clock()
        own.count = own.count + 1 if now < own.forget_at else 1
        own.forget_at = now + forget_after_seconds
        return own.count

    async def lock(self, name: str, seconds: float) -> None:
        self._own(name).locked_until = self._clock() + seconds

    async def forget(self, name: str) -> None:
        self._names.pop(name, None)

    def _own(self, name: str) -> _Own:
        own = self._names.setdefault(name, _Own())
        self._names.move_to_end(name)
        if len(self._names) > MAX_OWN_NAMES:
            self._names.popitem(last=False)
        return own


class ResilientFailureCounts:
    """Counts in Redis while it answers, else in this process; never fails, and never waits long."""

    def __init__(
        self,
        redis: Redis,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = SharedFailureCounts(redis)
        self._own = OwnFailureCounts(clock)
        self._redis = RedisFallback(
            "failed sign-ins",
            FAILURES_COUNTED_ALONE,
            answer_seconds=answer_seconds,
            pause_seconds=pause_seconds,
            clock=clock,
        )

    async def locked_seconds(self, names: list[str]) -> list[float]:
        return await self._ask(lambda counts: counts.locked_seconds(names))

    async def add(self, name: str, forget_after_seconds: float) -> int:
        return await self._ask(lambda counts: counts.add(name, forget_after_seconds))

    async def lock(self, name: str, seconds: float) -> None:
        await self._ask(lambda counts: counts.lock(name, seconds))

    async def forget(self, name: str) -> None:
        """Here too: what this process counted while Redis was away must not outlive a success."""
        await self._own.forget(name)
        await self._ask(lambda counts: counts.forget(name))

    async def _ask(self, question: Callable[[FailureCounts], Awaitable[Found]]) -> Found:
        answer, _ = await self._redis.ask(lambda: question(self._shared), lambda: question(self._own))
        return answer


def _failures(name: str) -> str:
    return f"{_PREFIX}:failures:{name}"


def _locked(name: str) -> str:
    return f"{_PREFIX}:locked:{name}"
