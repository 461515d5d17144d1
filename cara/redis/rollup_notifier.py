"""Wakes the workers that fold roll-ups: at most once a second, however many events are stored."""

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
    """Collects the calls of `wake`, and enqueues a fold while `run` runs.

    All processes derive the same job id from the current second, so that the queue holds one fold. A process
    that finds the id taken enqueues again in the next second: that fold may have read before this process
    committed. A lost wake-up delays folding by a few seconds: the workers also fold on a schedule.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Notes that events or sessions were committed. Returns at once."""
        self._wanted.set()

    async def run(self) -> None:
        """Enqueues folds until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not await self._enqueue():
                self._wanted.set()
            await asyncio.sleep(SLOT_SECONDS)

    async def _enqueue(self) -> bool:
        """False if the job id of this second was taken."""
        slot = int(time.time() / SLOT_SECONDS)
        try:
            job = await self._redis.enqueue_job(
                FOLD_ROLLUPS, _job_id=f"{FOLD_ROLLUPS}:{slot}", _queue_name=ROLLUP_QUEUE
            )
            await self._redis.publish(wake_channel(ROLLUP_QUEUE), b"")
        except AWAY as error:
            logger.debug("redis is away (%s): roll-ups are folded on schedule", type(error).__name__)
            return True
        return job is not None
