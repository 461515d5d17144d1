"""The story of a job as server-sent events: what was, what comes, and exactly one end."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web

from cara.feedback.events.broker import Feed, JobEventBroker
from cara.feedback.schemas import FeedbackJob
from cara.jobs.notifier import NUMBERS_PER_ATTEMPT, final_number
from cara.observability.metrics import OPEN_STREAMS
from cara.web.sse import HEARTBEAT_SECONDS, EventStream


async def tell_story(
    feeds: JobEventBroker, stream: EventStream, user_id: UUID, job: FeedbackJob, last_number: int
) -> web.StreamResponse:
    """Tells a job on an open stream from a number on, until it ends or the client is gone."""
    try:
        with OPEN_STREAMS.track_inprogress():
            async with feeds.listen(user_id, job.job_id) as feed:
                await Storyteller(feed, stream, job, last_number).tell()
        return await stream.close()
    except (ConnectionResetError, TimeoutError):
        return stream.response


class Storyteller:
    """Tells a feed to one open stream, from a number on; `job` is as it was when the stream was asked for."""

    def __init__(self, feed: Feed, stream: EventStream, job: FeedbackJob, last_number: int) -> None:
        self._feed = feed
        self._stream = stream
        self._job = job
        self._last = last_number
        self._present: str | None = None
        self._sent_at = time.monotonic()

    async def tell(self) -> None:
        """Sends what is behind the last number, then what comes, until the job ends or the process does."""
        while True:
            # Looked at before catching up: what comes while a send is under way is told in the next round.
            news, ended, closing = self._feed.news, self._feed.ended, self._feed.closing
            await self._catch_up()
            if ended or closing:
                break
            await self._wait(news)
        if ended:
            await self._tell_the_end()
        else:
            await self._stream.send_retry_hint()

    async def _catch_up(self) -> None:
        self._job = self._feed.job or self._job
        if self._feed.known and not self._feed.events and not self._feed.ended:
            await self._tell_the_present()
        for event in self._feed.behind(self._last):
            await self._send(event.name, event.data, event.number)
            self._last = event.number

    async def _tell_the_present(self) -> None:
        """What PostgreSQL knows, when Redis has nothing to tell: without a number, for it is no event."""
        job = self._feed.job
        assert job is not None
        present = json.dumps(
            {"status": job.status, "stage": job.stage, "progress": job.progress, "attempt": job.attempts}
        )
        if present != self._present:
            self._present = present
            await self._send("status", present)

    async def _tell_the_end(self) -> None:
        """A job that was deleted, with its session or its account, is told as cancelled."""
        job = self._feed.job or self._deleted()
        await self._send(job.status, job.model_dump_json(by_alias=True), final_number(job.attempts))

    def _deleted(self) -> FeedbackJob:
        """The end of a job that is gone, by what was last known of it."""
        told = self._feed.events[-1].number // NUMBERS_PER_ATTEMPT if self._feed.events else 0
        end = {
            "status": "cancelled",
            "stage": "finished",
            "attempts": max(self._job.attempts, told),
            "finished_at": datetime.now(UTC),
        }
        return self._job.model_copy(update={**end, "feedback": None, "problem": None})

    async def _send(self, name: str, data: str, number: int | None = None) -> None:
        await self._stream.send(name, data, number)
        self._sent_at = time.monotonic()

    async def _wait(self, news: asyncio.Event) -> None:
        """Waits for news, with a heartbeat whenever nothing was sent for long."""
        patience = self._sent_at + HEARTBEAT_SECONDS - time.monotonic()
        try:
            async with asyncio.timeout(max(patience, 0)):
                await news.wait()
        except TimeoutError:
            await self._stream.heartbeat()
            self._sent_at = time.monotonic()
