"""arq's worker, made wakeful: the one place that knows arq's inside.

Stock arq polls. This one also polls at once when it is woken by an enqueue or when a job ends, looks only at
jobs that nobody works on, and outlives a Redis that goes away. Slow polling stays as the safety net.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from arq.constants import in_progress_key_prefix
from arq.worker import Worker

from cara.redis.connections import AWAY
from cara.redis.queue import wake_channel
from cara.redis.subscriber import Subscriber

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
AWAY_SECONDS = 0.5


class PubSubWorker(Worker):
    """A worker of one queue; `run_until_cancelled` is its life."""

    def __init__(self, *, subscriber: Subscriber, fleet_jobs: int, **options: Any) -> None:
        super().__init__(
            handle_signals=False,
            poll_delay=POLL_SECONDS,
            # Running jobs stay in the queue's set: what is read must reach past those of the whole fleet.
            queue_read_limit=2 * fleet_jobs,
            **options,
        )
        self._subscriber = subscriber
        self._wake = asyncio.Event()
        self._ended = 0

    async def run_until_cancelled(self) -> None:
        """Takes and runs jobs until cancelled."""
        async with self._subscriber.listen(wake_channel(self.queue_name)) as self._wake:
            while True:
                try:
                    self._wake.clear()
                    await self._poll_iteration()
                except AWAY as error:
                    logger.warning("redis is away: %s", type(error).__name__)
                    await asyncio.sleep(AWAY_SECONDS)
                await self._until_woken()

    async def drain(self, seconds: float) -> None:
        """Takes no more jobs, lets those under way finish within the time, and cancels the rest.

        A cancelled job hands itself back before it ends.
        """
        self.allow_pick_jobs = False
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=seconds)
        running = [task for task in self.job_tasks.values() if not task.done()]
        for task in running:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=seconds)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Starts what is not in progress anywhere: one look for all ids, instead of three for each."""
        if not job_ids:
            return
        marks = await self.pool.mget([in_progress_key_prefix.encode() + job_id for job_id in job_ids])
        free = [job_id for job_id, mark in zip(job_ids, marks, strict=True) if not mark]
        before, taken = set(self.tasks.values()), self._places_taken
        try:
            await super().start_jobs(free)
        except AWAY:
            # arq takes a place before it asks Redis for a job, and forgets it when Redis does not answer.
            if self._places_taken - taken > len(set(self.tasks.values()) - before):
                super()._release_sem_dec_counter_on_complete()
            raise

    async def run_job(self, job_id: str, score: int) -> None:
        """Runs one job. Redis may be away when it ends: the job's own row tells how it went."""
        try:
            await super().run_job(job_id, score)
        except AWAY as error:
            logger.warning("redis was not told that %s ended: %s", job_id, type(error).__name__)

    def _release_sem_dec_counter_on_complete(self) -> None:
        """A job has ended and its place is free: time to look for the next."""
        super()._release_sem_dec_counter_on_complete()
        self._ended += 1
        self._wake.set()

    @property
    def _places_taken(self) -> int:
        """How many places were ever taken for a job; unlike arq's counter, it does not fall when one ends."""
        return self.job_counter + self._ended

    async def _until_woken(self) -> None:
        try:
            async with asyncio.timeout(self.poll_delay_s):
                await self._wake.wait()
        except TimeoutError:
            return
