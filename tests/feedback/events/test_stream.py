"""The events that one stream sends, whatever happens while its client does not read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from cara.feedback.events.broker import JobEventBroker
from cara.feedback.events.job_events import BATCH_BYTES, JobEvents
from cara.feedback.events.stream import JobStream
from cara.feedback.schemas import FeedbackJob, JobStatus
from cara.jobs.notifier import JobEvent
from cara.web.guard import Claims


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


class RecordedStream(JobStream):
    """A stream to a client that can stop reading; what is written to it."""

    def __init__(self, events: JobEvents, last_number: int = 0) -> None:
        super().__init__(broker=None, last_number=last_number)  # type: ignore[arg-type]
        self.written: list[bytes] = []
        self.reads, self.over = True, False
        events.streams.add(self)
        events.last_job = job(events.job_id, "running")
        self.follow(events)

    @property
    def can_write(self) -> bool:
        return self.reads and not self.over

    def write(self, text: bytes) -> None:
        assert self.can_write
        self.written.append(text)

    def end(self) -> None:
        assert self.can_write
        self.over = True

    def resume_writing(self) -> None:
        self.reads = True
        self.update()

    @property
    def sent(self) -> list[tuple[str, int | None]]:
        """The names and numbers of the events."""
        sent: list[tuple[str, int | None]] = []
        for event in b"".join(self.written).decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in event.split("\n"))
            if "event" in fields:
                sent.append((fields["event"], int(fields["id"]) if "id" in fields else None))
        return sent


def job_events() -> JobEvents:
    return JobEvents(Claims(uuid4(), uuid4()), uuid4())


def status_events() -> JobEvents:
    events = job_events()
    events.add([JobEvent(1_000_001, "status", "{}")])
    return events


MEANWHILE = [JobEvent(1_000_002, "partial", "{}"), JobEvent(1_000_003, "progress", "{}")]


@pytest.mark.parametrize("closing", [False, True])
async def test_events_that_arrive_with_the_end_while_the_client_does_not_read_are_sent_before_the_end(
    closing: bool,
) -> None:
    events = status_events()
    stream = RecordedStream(events)
    stream.reads = False
    events.add(MEANWHILE)
    events.set_job(job(events.job_id, "succeeded"))
    events.closing = closing
    events.notify()
    assert stream.sent == [("status", 1_000_001)]
    stream.resume_writing()
    assert stream.sent == [
        ("status", 1_000_001),
        ("partial", 1_000_002),
        ("progress", 1_000_003),
        ("succeeded", 2_000_000),
    ]
    assert stream.over
    assert b"retry" not in b"".join(stream.written)


async def test_events_that_arrive_with_the_shutdown_are_sent_before_the_retry_hint() -> None:
    events = status_events()
    stream = RecordedStream(events)
    stream.reads = False
    events.add(MEANWHILE)
    events.set_job(job(events.job_id, "running"))
    events.close()
    stream.resume_writing()
    assert [number for _, number in stream.sent] == [1_000_001, 1_000_002, 1_000_003]
    assert stream.written[-1] == b"retry: 1000\n\n"
    assert stream.over


async def test_after_the_end_nothing_is_sent() -> None:
    events = status_events()
    stream = RecordedStream(events)
    events.set_job(job(events.job_id, "failed"))
    for _ in range(2):
        events.notify()
    events.close()
    assert stream.sent == [("status", 1_000_001), ("failed", 2_000_000)]


async def test_after_a_sign_out_a_client_that_did_not_read_gets_nothing_more() -> None:
    events = status_events()
    stream = RecordedStream(events)
    stream.reads = False
    events.add(MEANWHILE)
    events.signed_out = True
    events.notify()
    assert not stream.over
    stream.resume_writing()
    assert stream.over
    assert stream.sent == [("status", 1_000_001)]


async def test_the_end_of_a_job_that_was_deleted_and_forgotten_by_redis_counts_its_attempts() -> None:
    events = job_events()
    stream = RecordedStream(events)
    events.set_job(None)
    events.notify()
    assert stream.sent == [("cancelled", 2_000_000)]


async def test_a_long_past_is_sent_in_batches_from_where_each_client_is() -> None:
    events = job_events()
    text = "x" * (BATCH_BYTES // 4)
    events.add(JobEvent(1_000_001 + index, "partial", text) for index in range(20))
    whole, behind, at_the_end = (RecordedStream(events, last) for last in (0, 1_000_013, 1_000_020))
    assert [number for _, number in whole.sent] == list(range(1_000_001, 1_000_021))
    assert [number for _, number in behind.sent] == list(range(1_000_014, 1_000_021))
    assert at_the_end.sent == []
    assert max(map(len, whole.written)) < 2 * BATCH_BYTES
    events.add([JobEvent(1_000_021, "progress", "{}")])
    events.notify()
    assert {stream.sent[-1] for stream in (whole, behind, at_the_end)} == {("progress", 1_000_021)}


async def test_a_client_that_leaves_before_its_header_is_sent_is_no_longer_counted(
    learner: Any, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave(*_: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(JobStream, "open", leave)
    counted: list[str] = []
    for name in ("count_stream", "uncount_stream"):
        original = getattr(JobEventBroker, name)
        monkeypatch.setattr(
            JobEventBroker, name, lambda self, user, o=original, n=name: (counted.append(n), o(self, user))
        )
    response = await learner.call("GET", (await learner.asks_for_feedback())["eventsUrl"])
    assert response.status == 500
    assert counted == ["count_stream", "uncount_stream"]
