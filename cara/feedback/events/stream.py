"""A job's events as server-sent events: past ones, new ones, exactly one end."""

from __future__ import annotations

from aiohttp import web

from cara.feedback.events.broker import JobEventBroker
from cara.feedback.events.job_events import JobEvents
from cara.feedback.schemas import FeedbackJob
from cara.web.guard import Claims
from cara.web.pushed_stream import PushedStream
from cara.web.sse import RETRY_HINT


async def open_job_stream(
    broker: JobEventBroker, request: web.Request, claims: Claims, job: FeedbackJob, last_number: int
) -> web.StreamResponse:
    """Opens a stream of the job's events after `last_number`; `job` is as it was when that was asked for.

    The stream ends with the job, with the sign-in, with the process, or when the client leaves.

    Raises:
        TooManyStreams: the learner has as many open in this process as may be.
        ConnectionResetError: the client has left.
    """
    broker.count_stream(claims.user_id)
    try:
        stream = JobStream(broker, last_number)
        response = await stream.open(request)
    except BaseException:
        broker.uncount_stream(claims.user_id)
        raise
    stream.follow(broker.join(stream, claims, job))
    return response


class JobStream(PushedStream):
    """Sends the events of a job to one client."""

    __slots__ = ("_broker", "_events", "_last_number", "_last_status")

    def __init__(self, broker: JobEventBroker, last_number: int) -> None:
        self._broker = broker
        self._last_number = last_number
        self._last_status = b""

    def follow(self, events: JobEvents) -> None:
        """Sends what has come so far; whenever there is more, `update` is called."""
        self._events = events
        self.update()

    def update(self) -> None:
        """Sends what is new, as far as the client reads, and ends the stream when its time has come.

        After the end of the sign-in nothing is sent: a client that comes back learns of it by a 401.
        """
        events = self._events
        if events.signed_out and self.can_write:
            self.end()
        if (status := events.status_text()) != self._last_status and status and self.can_write:
            self._last_status = status
            self.write(status)
        while self.can_write:
            text, self._last_number = events.after(self._last_number)
            if not text:
                break
            self.write(text)
        if self.can_write and (events.ended or events.closing):
            self.write(events.end_text() if events.ended else RETRY_HINT)
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leaves the events to the other streams."""
        super().connection_lost(exc)
        self._broker.leave(self, self._events)
