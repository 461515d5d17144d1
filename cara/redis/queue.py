"""The queues of background tasks in Redis: names of queues and tasks, payloads, and enqueueing through arq.

PostgreSQL holds the truth about every job. Therefore a lost entry only delays a job: the sweeper finds the
jobs that Redis does not know.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix
from arq.jobs import Job

from cara.redis.connections import AWAY, OUTAGE, connection_pool

FEEDBACK_QUEUE = "cara:queue:feedback"
MAINTENANCE_QUEUE = "cara:queue:maintenance"
ROLLUP_QUEUE = "cara:queue:rollups"
WRITE_FEEDBACK = "write_feedback"
FOLD_ROLLUPS = "fold_rollups"

FOLD_SLOT_SECONDS = 1.0
KEEP_ENTRIES = timedelta(days=1)
"""After that arq forgets an entry that no worker has started; the sweeper enqueues the job again."""


def wake_channel(queue: str) -> str:
    """Returns the channel on which workers of the queue learn that something was enqueued."""
    return f"{queue}:wake"


def health_key(queue: str) -> str:
    """Returns the key that exists while a worker of the queue is alive."""
    return f"{queue}:health"


def serialize(payload: dict[str, Any]) -> bytes:
    """Serializes a payload as JSON: readable, and nothing is unpickled that could run code."""
    return json.dumps(payload, default=repr).encode()


def deserialize(raw: bytes) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(raw)
    return payload


class QueueClient(ArqRedis):
    """A Redis client that enqueues by the clock of Redis, by which workers look for due jobs.

    arq itself goes by the clock of whoever enqueues: jobs of a process that is 20 s ahead would start 20 s
    late.
    """

    async def now(self) -> datetime:
        """Returns the time of Redis."""
        seconds, microseconds = await self.time()
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)

    async def enqueue_job(
        self,
        function: str,
        *args: Any,
        _defer_until: datetime | None = None,
        _defer_by: float | timedelta | None = None,
        **options: Any,
    ) -> Job | None:
        """Enqueues as arq does, but `_defer_by` counts from the time of Redis; entries are kept for a day."""
        delay = _defer_by if isinstance(_defer_by, timedelta) else timedelta(seconds=_defer_by or 0)
        due = _defer_until or await self.now() + delay
        expires = options.pop("_expires", None) or KEEP_ENTRIES + delay
        return await super().enqueue_job(function, *args, _defer_until=due, _expires=expires, **options)


def arq_client(url: str, *, size: int, retries: int = 1) -> QueueClient:
    """Returns a Redis client that can enqueue."""
    return QueueClient(
        pool_or_conn=connection_pool(url, size=size, retries=retries),
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=FEEDBACK_QUEUE,
    )


class Queue:
    """Enqueues feedback jobs for the workers."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis

    async def enqueue_feedback(self, job_id: UUID, *, attempts: int = 0, delay_seconds: float = 0) -> None:
        """Enqueues a job, once for each attempt, and wakes workers; if Redis is away, the sweeper will."""
        try:
            await self._redis.enqueue_job(
                WRITE_FEEDBACK, str(job_id), _job_id=_entry(job_id, attempts), _defer_by=delay_seconds or None
            )
            await self._redis.publish(wake_channel(FEEDBACK_QUEUE), b"")
        except AWAY as error:
            OUTAGE.failed("jobs wait for the sweeper", type(error).__name__)

    async def revive_feedback(self, job_id: UUID, *, attempts: int) -> None:
        """Enqueues again a job that workers should have claimed by now.

        An entry that is still marked as in progress belongs to a worker that died before it claimed the job:
        the mark is deleted. If that worker is alive after all, the claim lets only one worker win.
        """
        try:
            await self._redis.delete(in_progress_key_prefix + _entry(job_id, attempts))
        except AWAY:
            return
        await self.enqueue_feedback(job_id, attempts=attempts)


class RollupNotifier:
    """Wakes the workers that fold roll-ups, at most once a second: `wake` takes note, `run` enqueues a fold.

    All processes derive the same job id from the current second of Redis, so that the queue holds one fold.
    A process that finds the id taken enqueues again in the next second: that fold may have read before this
    process committed. A lost wake-up delays folding by a few seconds: the workers also fold on a schedule.
    """

    def __init__(self, redis: QueueClient) -> None:
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
            await asyncio.sleep(FOLD_SLOT_SECONDS)

    async def _enqueue(self) -> bool:
        """Returns False if the job id of this second was taken."""
        try:
            slot = int((await self._redis.now()).timestamp() / FOLD_SLOT_SECONDS)
            job = await self._redis.enqueue_job(
                FOLD_ROLLUPS, _job_id=f"{FOLD_ROLLUPS}:{slot}", _queue_name=ROLLUP_QUEUE
            )
            await self._redis.publish(wake_channel(ROLLUP_QUEUE), b"")
        except AWAY as error:
            OUTAGE.failed("roll-ups are folded on schedule", type(error).__name__)
            return True
        return job is not None


def _entry(job_id: UUID, attempts: int) -> str:
    return str(job_id) if attempts == 0 else f"{job_id}:{attempts}"
