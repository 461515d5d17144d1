"""The queues of background tasks in Redis: names of queues and tasks, payloads, and enqueueing through arq.

PostgreSQL holds the truth about every job. Therefore a lost entry only delays a job: the sweeper finds the
jobs that Redis does not know.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, result_key_prefix
from arq.jobs import Job, serialize_job
from arq.utils import timestamp_ms

from cara.redis.connections import AWAY, OUTAGE, connection_pool

FEEDBACK_QUEUE = "cara:queue:feedback"
MAINTENANCE_QUEUE = "cara:queue:maintenance"
ROLLUP_QUEUE = "cara:queue:rollups"
WRITE_FEEDBACK = "write_feedback"
FOLD_ROLLUPS = "fold_rollups"

FOLD_SLOT_SECONDS = 1.0
KEEP_ENTRIES = timedelta(days=1)
"""After that arq forgets an entry that no worker has started; the sweeper enqueues the job again."""

_ENQUEUE = """
local time = redis.call('TIME')
local entry, payload, due, delay_ms, keep_ms, channel = unpack(ARGV)
local is_new = redis.call('EXISTS', KEYS[2], KEYS[3]) == 0
if is_new then
    if due == '' then
        due = time[1] * 1000 + math.floor(time[2] / 1000) + delay_ms
    end
    redis.call('PSETEX', KEYS[2], keep_ms, payload)
    redis.call('ZADD', KEYS[1], due, entry)
end
if channel ~= '' then
    redis.call('PUBLISH', channel, '')
end
return is_new and 1 or 0
"""
"""Does in one step what arq does in three round trips, by the clock of Redis, and wakes the workers.

Returns 0 if the entry, or the result of one, is there already.
"""


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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._enqueue = self.register_script(_ENQUEUE)

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
        _expires: float | timedelta | None = None,
        _job_id: str | None = None,
        _queue_name: str | None = None,
        _job_try: int | None = None,
        _wakes: bool = False,
        **kwargs: Any,
    ) -> Job | None:
        """Enqueues as arq does, but `_defer_by` counts from the time of Redis; entries are kept for a day.

        With `_wakes` the workers of the queue look for it at once, also if the entry was there already.
        """
        queue, job_id = _queue_name or self.default_queue_name, _job_id or uuid4().hex
        delay = _seconds(_defer_by)
        payload = serialize_job(
            function, args, kwargs, _job_try, timestamp_ms(), serializer=self.job_serializer
        )
        is_new = await self._enqueue(
            keys=[queue, job_key_prefix + job_id, result_key_prefix + job_id],
            args=[
                job_id,
                payload,
                round(_defer_until.timestamp() * 1000) if _defer_until else "",
                round(delay * 1000),
                round((_seconds(_expires) or KEEP_ENTRIES.total_seconds() + delay) * 1000),
                wake_channel(queue) if _wakes else "",
            ],
        )
        job = Job(job_id, redis=self, _queue_name=queue, _deserializer=self.job_deserializer)
        return job if is_new else None


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

    def __init__(self, redis: QueueClient) -> None:
        self._redis = redis

    async def enqueue_feedback(self, job_id: UUID, *, attempts: int = 0, delay_seconds: float = 0) -> None:
        """Enqueues a job, once for each attempt, and wakes workers; if Redis is away, the sweeper will."""
        try:
            await self._redis.enqueue_job(
                WRITE_FEEDBACK,
                str(job_id),
                _job_id=_entry(job_id, attempts),
                _queue_name=FEEDBACK_QUEUE,
                _defer_by=delay_seconds,
                _wakes=True,
            )
        except AWAY as error:
            OUTAGE.failed("jobs wait for the sweeper", type(error).__name__)

    async def revive_feedback(self, attempts_by_job: Sequence[tuple[UUID, int]]) -> None:
        """Enqueues again those jobs of which Redis knows nothing although workers should have claimed them.

        An entry that is still marked as in progress belongs to a worker that died before it claimed the job:
        the mark is deleted. If that worker is alive after all, the claim lets only one worker win. An entry
        that just waits for its turn, as in a backlog, is left as it is.
        """
        if not attempts_by_job:
            return
        entries = [_entry(job_id, attempts) for job_id, attempts in attempts_by_job]
        try:
            await self._redis.delete(*(in_progress_key_prefix + entry for entry in entries))
            scores = await self._redis.zmscore(FEEDBACK_QUEUE, entries)
            await self._redis.publish(wake_channel(FEEDBACK_QUEUE), b"")
        except AWAY:
            return
        for (job_id, attempts), score in zip(attempts_by_job, scores, strict=True):
            if score is None:
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
                FOLD_ROLLUPS, _job_id=f"{FOLD_ROLLUPS}:{slot}", _queue_name=ROLLUP_QUEUE, _wakes=True
            )
        except AWAY as error:
            OUTAGE.failed("roll-ups are folded on schedule", type(error).__name__)
            return True
        return job is not None


def _seconds(duration: float | timedelta | None) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration or 0


def _entry(job_id: UUID, attempts: int) -> str:
    return str(job_id) if attempts == 0 else f"{job_id}:{attempts}"
