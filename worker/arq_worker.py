"""arq's worker with wake-ups: the only module that uses arq's private parts.

arq polls. `PubSubWorker` also polls at once when a message on the queue's channel says that a job was
enqueued, and when a job ends. It only looks at jobs that no worker runs, and survives a Redis that goes away.
Slow polling stays as the safety net.

Written against arq 0.28, which setup.cfg bounds (`arq < 0.29`). Of arq's Worker this module uses, and a newer
version must keep: `_poll_iteration`, which reads the queue once and calls `start_jobs`; `start_jobs`, which
increments `job_counter` before it asks Redis, and puts what it starts into `tasks`; `run_job`;
`_release_sem_dec_counter_on_complete`, called when a task is done; `job_tasks`, the tasks of running jobs;
and `allow_pick_jobs`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from arq.constants import in_progress_key_prefix
from arq.worker import Worker

from cara.redis.connections import AWAY, OUTAGE
from cara.redis.queue import wake_channel
from cara.redis.subscriber import Subscriber

POLL_SECONDS = 0.5
AWAY_SECONDS = 0.5


class PubSubWorker(Worker):
    """A worker of one queue, run by `run_until_cancelled`."""

    def __init__(self, *, subscriber: Subscriber, fleet_jobs: int, **options: Any) -> None:
        super().__init__(
            handle_signals=False,
            poll_delay=POLL_SECONDS,
            # Running jobs stay in the queue's sorted set: a read must reach past those of the whole fleet.
            queue_read_limit=2 * fleet_jobs,
            **options,
        )
        self._subscriber = subscriber
        self._wake = asyncio.Event()
        self._ended_jobs = 0

    async def run_until_cancelled(self) -> None:
        """Runs jobs until cancelled."""
        async with self._subscriber.listen(wake_channel(self.queue_name)) as self._wake:
            while True:
                try:
                    self._wake.clear()
                    await self._poll_iteration()
                    OUTAGE.answered()
                except AWAY as error:
                    OUTAGE.failed("no jobs are taken", type(error).__name__)
                    await asyncio.sleep(AWAY_SECONDS)
                await self._until_woken()

    async def drain(self, seconds: float) -> None:
        """Starts no more jobs, waits this long for running ones, and cancels the rest.

        A cancelled feedback job requeues itself before it ends.
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
        """Starts the jobs that are not in progress anywhere: one query for all ids, before those of arq."""
        if not job_ids:
            return
        marks = await self.pool.mget([in_progress_key_prefix.encode() + job_id for job_id in job_ids])
        free = [job_id for job_id, mark in zip(job_ids, marks, strict=True) if not mark]
        tasks, slots = set(self.tasks.values()), self._slots_taken
        try:
            await super().start_jobs(free)
        except AWAY:
            # arq takes a slot before it asks Redis for a job, and does not free it when Redis fails.
            if self._slots_taken - slots > len(set(self.tasks.values()) - tasks):
                super()._release_sem_dec_counter_on_complete()
            raise

    async def run_job(self, job_id: str, score: int) -> None:
        """Runs one job. If Redis is away when it ends, nothing is lost: the job's row has its outcome."""
        try:
            await super().run_job(job_id, score)
        except AWAY as error:
            OUTAGE.failed("jobs ended without a mark", type(error).__name__)

    def _release_sem_dec_counter_on_complete(self) -> None:
        """Frees the slot of a job that has ended, and wakes the worker to look for the next one."""
        super()._release_sem_dec_counter_on_complete()
        self._ended_jobs += 1
        self._wake.set()

    @property
    def _slots_taken(self) -> int:
        """How many slots were ever taken; unlike arq's counter, it does not fall when a job ends."""
        return self.job_counter + self._ended_jobs

    async def _until_woken(self) -> None:
        try:
            async with asyncio.timeout(self.poll_delay_s):
                await self._wake.wait()
        except TimeoutError:
            return
