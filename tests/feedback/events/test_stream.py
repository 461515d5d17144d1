"""The events that one stream sends, whatever happens while it is sending."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from cara.feedback.events.broker import JobEvents
from cara.feedback.events.stream import EventStreamer
from cara.feedback.schemas import FeedbackJob, JobStatus
from cara.jobs.notifier import JobEvent
from cara.web.guard import Claims
from cara.web.sse import EventStream
from tests.waiting import time_limit


def job(job_id: UUID, status: JobStatus) -> FeedbackJob:
    now = datetime(2026, 11, 10, 12, tzinfo=UTC)
    return FeedbackJob(
        job_id=job_id,
        session_id=uuid4(),
        status=status,
        progress=100,
        stage="finished",
        attempts=1,
        created_at=now,
        started_at=now,
        finished_at=None if status == "running" else now,
    )


class SlowStream(EventStream):
    """A stream to a client; while it sends the first event, more of the job happens."""

    def __init__(
        self, events: JobEvents, meanwhile: list[JobEvent], status: JobStatus, *, closing: bool
    ) -> None:
        self.sent: list[tuple[str, int | None]] = []
        self.hinted = False
        self._events, self._meanwhile, self._status, self._closing = events, meanwhile, status, closing

    async def send(self, name: str, data: str, number: int | None = None) -> None:
        assert data
        self.sent.append((name, number))
        if self._meanwhile:
            self._events.events.extend(self._meanwhile)
            self._meanwhile = []
            self._events.job, self._events.known = job(self._events.job_id, self._status), True
            self._events.closing = self._closing
            self._events.notify()

    async def send_retry_hint(self) -> None:
        self.hinted = True


def one_event() -> JobEvents:
    events = JobEvents(Claims(uuid4(), uuid4()), uuid4())
    events.events.append(JobEvent(1_000_001, "status", "{}"))
    return events


MEANWHILE = [JobEvent(1_000_002, "partial", "{}"), JobEvent(1_000_003, "progress", "{}")]


@pytest.mark.parametrize("closing", [False, True])
async def test_events_that_arrive_with_the_end_during_a_send_are_sent_before_the_end(closing: bool) -> None:
    events = one_event()
    stream = SlowStream(events, list(MEANWHILE), "succeeded", closing=closing)
    async with time_limit():
        await EventStreamer(events, stream, job(events.job_id, "running"), 0).run()
    assert stream.sent == [
        ("status", 1_000_001),
        ("partial", 1_000_002),
        ("progress", 1_000_003),
        ("succeeded", 2_000_000),
    ]
    assert not stream.hinted


async def test_events_that_arrive_with_the_shutdown_are_sent_before_the_retry_hint() -> None:
    events = one_event()
    stream = SlowStream(events, list(MEANWHILE), "running", closing=True)
    async with time_limit():
        await EventStreamer(events, stream, job(events.job_id, "running"), 0).run()
    assert [number for _, number in stream.sent] == [1_000_001, 1_000_002, 1_000_003]
    assert stream.hinted


async def test_the_end_of_a_job_that_was_deleted_and_forgotten_by_redis_counts_its_attempts() -> None:
    events = JobEvents(Claims(uuid4(), uuid4()), uuid4())
    events.known = True
    stream = SlowStream(events, [], "running", closing=False)
    async with time_limit():
        await EventStreamer(events, stream, job(events.job_id, "running"), 0).run()
    assert stream.sent == [("cancelled", 2_000_000)]
