"""What is counted in Redis for all processes, and by each for itself while Redis is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prometheus_client import Counter

from cara.redis.connections import AWAY

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 0.25
"""Nobody waits longer than this for Redis."""

PAUSE_SECONDS = 2.0
"""While Redis is away one question in so long is put to it; all others are answered here at once."""

Found = TypeVar("Found")


class RedisFallback:
    """Asks Redis while it answers in time, else this process; never waits long, and never fails for Redis.

    `what` is counted, as the log says it; `alone` counts the answers that this process gave by itself;
    `clock` tells seconds.
    """

    def __init__(
        self,
        what: str,
        alone: Counter,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._alone = alone
        self._answer_seconds = answer_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._away = False
        self._ask_again_at = 0.0

    async def ask(
        self, shared: Callable[[], Awaitable[Found]], own: Callable[[], Awaitable[Found]]
    ) -> tuple[Found, bool]:
        """The answer of one of the two, and whether Redis has just come back."""
        if self._may_ask_redis():
            try:
                async with asyncio.timeout(self._answer_seconds):
                    answer = await shared()
            except AWAY as error:
                self._redis_is_away(error)
            else:
                return answer, self._redis_is_back()
        self._alone.inc()
        return await own(), False

    def _may_ask_redis(self) -> bool:
        """While Redis is away only the first to come after each pause may wait for it."""
        now = self._clock()
        if not self._away:
            return True
        if now < self._ask_again_at:
            return False
        self._ask_again_at = now + self._pause_seconds
        return True

    def _redis_is_away(self, error: BaseException) -> None:
        if not self._away:
            logger.warning(
                "redis does not count %s (%s): each process does", self._what, type(error).__name__
            )
        self._away = True
        self._ask_again_at = self._clock() + self._pause_seconds

    def _redis_is_back(self) -> bool:
        back, self._away = self._away, False
        if back:
            logger.warning("redis counts %s again", self._what)
        return back
