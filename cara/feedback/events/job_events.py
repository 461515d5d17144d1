"""The events of one job in a web process: written once as they are sent, however many streams send them."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

from cara.feedback.events.schemas import JobStatusEvent
from cara.feedback.schemas import FeedbackJob
from cara.jobs.notifier import NUMBERS_PER_ATTEMPT, JobEvent, final_number
from cara.web.guard import Claims
from cara.web.sse import event_text

BATCH_BYTES: Final = 32_000
"""About how much of the past a client gets at a time; the next batch follows when it has read that."""


class Listener(Protocol):
    """A stream that sends the events of a job."""

    def update(self) -> None:
        """Sends what is new, as far as the client reads."""

    def heartbeat(self, silent_since: float) -> None:
        """Sends a comment if nothing was sent since then, by the monotonic clock in seconds."""

    def abort(self) -> None:
        """Ends the stream at once."""


class JobEvents:
    """The events of one job that have arrived, and the job as it was last read from PostgreSQL.

    `job` is None before the first read (`known` is False then), and when the job is gone; `last_job` is how
    anyone saw it last. Whenever something here changes, `changed` is set, and replaced by a new event, and
    the streams are updated.
    """

    def __init__(self, claims: Claims, job_id: UUID) -> None:
        self.claims, self.job_id = claims, job_id
        self.job: FeedbackJob | None = None
        self.known = False
        self.closing = False
        self.signed_out = False
        self.streams: set[Listener] = set()
        self.waiting = 0
        self.changed = asyncio.Event()
        self.last_job: FeedbackJob | None = None
        self._numbers: list[int] = []
        self._texts: list[bytes] = []
        self._batch_key, self._batch = (0, 0), (b"", 0)
        self._status = self._end = b""

    @property
    def ended(self) -> bool:
        """Whether no more events will come, because the job has ended or is gone."""
        return self.known and (self.job is None or self.job.finished_at is not None)

    @property
    def last_number(self) -> int:
        """The number of the last event, 0 without one."""
        return self._numbers[-1] if self._numbers else 0

    def notify(self) -> None:
        """Wakes all tasks that wait for `changed`, and updates the streams."""
        self.changed.set()
        self.changed = asyncio.Event()
        for stream in tuple(self.streams):
            stream.update()

    def close(self) -> None:
        """Lets every listener end although the job goes on."""
        self.closing = True
        self.notify()

    def add(self, fresh: Iterable[JobEvent]) -> None:
        """Appends events whose numbers are above the last one."""
        for event in fresh:
            self._numbers.append(event.number)
            self._texts.append(event_text(event.name, event.data, event.number))

    def set_job(self, job: FeedbackJob | None) -> None:
        """Notes the job as it was just read; None if it is gone."""
        self.job, self.known = job, True
        self.last_job = job or self.last_job
        self._status = b""

    def after(self, number: int) -> tuple[bytes, int]:
        """Returns the events with numbers above this one as they are sent, and the last of their numbers.

        No more than a batch at a time. Streams that are equally far share the text.
        """
        start, count = bisect_right(self._numbers, number), len(self._numbers)
        if start == count:
            return b"", number
        if self._batch_key != (start, count):
            self._batch_key, self._batch = (start, count), self._batch_from(start)
        return self._batch

    def _batch_from(self, start: int) -> tuple[bytes, int]:
        size, end = 0, start
        while end < len(self._texts) and size < BATCH_BYTES:
            size += len(self._texts[end])
            end += 1
        return b"".join(self._texts[start:end]), self._numbers[end - 1]

    def status_text(self) -> bytes:
        """Returns the job's status as of now, as it is sent if Redis has no events; else nothing.

        It has no number, because it is not one of the job's events.
        """
        job = self.job
        if job is None or self._numbers or self.ended:
            return b""
        if not self._status:
            status = JobStatusEvent(
                status=job.status, attempt=job.attempts, stage=job.stage, progress=job.progress
            )
            self._status = event_text("status", status.model_dump_json(by_alias=True))
        return self._status

    def end_text(self) -> bytes:
        """Returns the final event; a job that was deleted with its session or account ends as cancelled."""
        if not self._end:
            job = self.job or self._deleted_job()
            self._end = event_text(job.status, job.model_dump_json(by_alias=True), final_number(job.attempts))
        return self._end

    def _deleted_job(self) -> FeedbackJob:
        """Returns the end of a job that is gone, from what was last known of it."""
        job = self.last_job
        assert job is not None
        end = {
            "status": "cancelled",
            "stage": "finished",
            "attempts": max(job.attempts, self.last_number // NUMBERS_PER_ATTEMPT),
            "finished_at": datetime.now(UTC),
        }
        return job.model_copy(update={**end, "feedback": None, "problem": None})
