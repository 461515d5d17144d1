"""arq's worker with wake-ups: the only module that uses arq's private parts.

arq polls, and starts jobs by the clock of its own process. `PubSubWorker` also polls at once when a message
on the queue's channel says that a job was enqueued, and when a job ends. It goes by the clock of Redis alone,
by which `cara.redis.queue` enqueues, claims in one step the jobs that no worker runs, and survives a Redis
that goes away. Slow polling stays as the safety net.

Written against arq 0.28, which setup.cfg bounds (`arq < 0.29`). Of arq's Worker this module uses, and a newer
version must keep: `run_job`, which runs a job that is marked as in progress and removes the mark;
`heart_beat`, which calls `record_health` and `run_cron`; `_last_health_check`; `tasks` and `job_tasks`, the
tasks of jobs that were started and of jobs that run; `job_counter`, `in_progress_timeout_s`, and
`allow_pick_jobs`.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

from arq.constants import in_progress_key_prefix
from arq.worker import Worker

from cara.redis.connections import AWAY, OUTAGE
from cara.redis.queue import wake_channel
from cara.redis.subscriber import Subscriber

POLL_SECONDS = 0.5
AWAY_SECONDS = 0.5

CLAIM = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local read_limit, slots, mark, mark_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, read_limit)
local claimed = {}
for i = 1, #due, 2 do
    if #claimed == 2 * slots then break end
    if redis.call('SET', mark .. due[i], '1', 'NX', 'PX', mark_ms) then
        table.insert(claimed, due[i])
        table.insert(claimed, due[i + 1])
    end
end
return {now, claimed}
"""
"""Marks due jobs that are not in progress, at most as many as there are slots. Returns the time of Redis in
milliseconds, and the claimed jobs with their scores."""


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
        self._claim = self.pool.register_script(CLAIM)
        self._clock_offset = timedelta()

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

    async def _poll_iteration(self) -> None:
        """Starts due jobs, forgets those that have ended, and enqueues periodic ones."""
        if self.allow_pick_jobs and self.job_counter < self.max_jobs:
            await self._start_due_jobs()
        for job_id, task in list(self.tasks.items()):
            if task.done():
                del self.tasks[job_id]
                task.result()
        await self.heart_beat()

    async def _start_due_jobs(self) -> None:
        """Claims and starts as many jobs as there are free slots.

        If the answer of Redis is lost, its claims are nobody's until their marks expire: the sweeper looks
        after feedback jobs before that, and what is periodic comes again.
        """
        slots, mark_ms = self.max_jobs - self.job_counter, int(self.in_progress_timeout_s * 1000)
        arguments: list[str | int] = [self.queue_read_limit, slots, in_progress_key_prefix, mark_ms]
        now_ms, claimed = await self._claim(keys=[self.queue_name], args=arguments)
        self._clock_offset = timedelta(seconds=now_ms / 1000 - time.time())
        for claimed_id, score in zip(claimed[::2], claimed[1::2], strict=True):
            job_id = claimed_id.decode()
            if job_id not in self.tasks:  # or it runs here already, and only its mark was lost
                self._start_job(job_id, int(float(score)))

    def _start_job(self, job_id: str, score: int) -> None:
        self.job_counter += 1
        self.tasks[job_id] = task = self.loop.create_task(self.run_job(job_id, score))
        task.add_done_callback(self._job_ended)

    def _job_ended(self, _: asyncio.Task[None]) -> None:
        """Frees the slot of a job, and wakes the worker to look for the next one."""
        self.job_counter -= 1
        self._wake.set()

    async def run_job(self, job_id: str, score: int) -> None:
        """Runs one job. If Redis is away when it ends, nothing is lost: the job's row has its outcome."""
        try:
            await super().run_job(job_id, score)
        except AWAY as error:
            OUTAGE.failed("jobs ended without a mark", type(error).__name__)

    async def run_cron(self, n: datetime, delay: float, num_windows: int = 2) -> None:
        """Enqueues what is due by the clock of Redis: processes whose clocks differ agree on job ids."""
        await super().run_cron(n + self._clock_offset, delay, num_windows)

    async def record_health(self) -> None:
        """Renews the health key in time, also after the clock of this process was set back."""
        self._last_health_check = min(self._last_health_check, time.time())
        await super().record_health()

    async def _until_woken(self) -> None:
        try:
            async with asyncio.timeout(self.poll_delay_s):
                await self._wake.wait()
        except TimeoutError:
            return
