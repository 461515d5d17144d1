"""The story that one stream is told, whatever happens while it is being told."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from cara.feedback.events.broker import Feed
from cara.feedback.events.publish import JobEvent
from cara.feedback.events.stream import Storyteller
from cara.feedback.schemas import FeedbackJob, JobStatus
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
        finished_at=now,
    )


class SlowStream(EventStream):
    """A stream to a client; while its first event is being sent, the world goes on."""

    def __init__(self, feed: Feed, meanwhile: list[JobEvent], status: JobStatus, *, closing: bool) -> None:
        self.sent: list[tuple[str, int | None]] = []
        self.handed_over = False
        self._feed, self._meanwhile, self._status, self._closing = feed, meanwhile, status, closing

    async def send(self, name: str, data: str, number: int | None = None) -> None:  # noqa: ARG002
        self.sent.append((name, number))
        if self._meanwhile:
            self._feed.events.extend(self._meanwhile)
            self._meanwhile = []
            self._feed.job, self._feed.known = job(self._feed.job_id, self._status), True
            self._feed.closing = self._closing
            self._feed.announce()

    async def send_retry_hint(self) -> None:
        self.handed_over = True


def feed_with_one_event() -> Feed:
    feed = Feed(uuid4(), uuid4())
    feed.events.append(JobEvent(1_000_001, "status", "{}"))
    return feed


MEANWHILE = [JobEvent(1_000_002, "partial", "{}"), JobEvent(1_000_003, "progress", "{}")]


@pytest.mark.parametrize("closing", [False, True])
async def test_what_comes_with_the_end_while_something_is_sent_is_told_before_the_end(closing: bool) -> None:
    feed = feed_with_one_event()
    stream = SlowStream(feed, list(MEANWHILE), "succeeded", closing=closing)
    async with time_limit():
        await Storyteller(feed, stream, job(feed.job_id, "running"), 0).tell()
    assert stream.sent == [
        ("status", 1_000_001),
        ("partial", 1_000_002),
        ("progress", 1_000_003),
        ("succeeded", 2_000_000),
    ]
    assert not stream.handed_over


async def test_what_comes_with_the_shutdown_is_told_before_the_stream_is_handed_over() -> None:
    feed = feed_with_one_event()
    stream = SlowStream(feed, list(MEANWHILE), "running", closing=True)
    async with time_limit():
        await Storyteller(feed, stream, job(feed.job_id, "running"), 0).tell()
    assert [number for _, number in stream.sent] == [1_000_001, 1_000_002, 1_000_003]
    assert stream.handed_over
