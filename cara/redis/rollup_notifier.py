"""Tells the workers that there is something to fold: at most once a second, whatever comes in."""

from __future__ import annotations

import asyncio
import logging
import time

from arq.connections import ArqRedis

from cara.redis.connections import AWAY
from cara.redis.queue import FOLD_ROLLUPS, ROLLUP_QUEUE, wake_channel

logger = logging.getLogger(__name__)

SLOT_SECONDS = 1.0


class RollupNotifier:
    """Gathers wake-ups; `run` is its life.

    All processes name the entry of a second alike, so that the queue holds one. Whoever finds it taken asks
    again in the next second: the run that it belongs to may have looked before this process committed.
    A wake-up that Redis loses costs a few seconds: the workers also look by the clock.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Says that something was committed; costs nothing."""
        self._wanted.set()

    async def run(self) -> None:
        """Passes wake-ups on until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not await self._enqueue():
                self._wanted.set()
            await asyncio.sleep(SLOT_SECONDS)

    async def _enqueue(self) -> bool:
        slot = int(time.time() / SLOT_SECONDS)
        try:
            job = await self._redis.enqueue_job(
                FOLD_ROLLUPS, _job_id=f"{FOLD_ROLLUPS}:{slot}", _queue_name=ROLLUP_QUEUE
            )
            await self._redis.publish(wake_channel(ROLLUP_QUEUE), b"")
        except AWAY as error:
            logger.debug("roll-ups wait for the clock: redis is away (%s)", type(error).__name__)
            return True
        return job is not None
