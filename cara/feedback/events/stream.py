"""A job's events as server-sent events: past ones, new ones, exactly one end; and the tickets for them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from uuid import UUID

import jwt
from aiohttp import web

from cara.errors import Unauthenticated
from cara.feedback.events.broker import JobEventBroker, JobEvents
from cara.feedback.events.schemas import JobStatusEvent
from cara.feedback.schemas import FeedbackJob
from cara.jobs.notifier import NUMBERS_PER_ATTEMPT, final_number
from cara.settings import Settings
from cara.web.guard import Caller, Claims
from cara.web.routing import SecurityScheme
from cara.web.sse import HEARTBEAT_SECONDS, EventStream

TICKET_AUDIENCE = "cara-events"
TICKET_SECONDS = 900
_ALGORITHM = "HS256"

EVENTS_TICKET = SecurityScheme(
    "eventsTicket",
    {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": (
            "The ticket in the `eventsUrl` of a job: it opens the events of this job alone, for a quarter of "
            "an hour, where no header field can be sent. Send no access token as one: addresses are logged."
        ),
    },
)


class TicketInvalid(Unauthenticated):
    code = "ticket_invalid"
    detail = "The ticket is not valid for this job, or has expired. Ask for the job's status to go on."


class TicketIssuer:
    """Issues and checks tickets: short-lived tokens that open the event stream of one job and nothing else.

    They are signed with the key ring of the access tokens; they differ in the audience.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = {key.kid: key.secret for key in settings.signing_keys}
        self._newest = settings.signing_keys[0]

    def issue(self, caller: Caller, job_id: UUID) -> str:
        """Returns a ticket for one job, valid for `TICKET_SECONDS` or until the caller's sign-in ends."""
        claims = {
            "aud": TICKET_AUDIENCE,
            "sub": str(caller.user_id),
            "fam": str(caller.family_id),
            "job": str(job_id),
            "exp": int(time.time()) + TICKET_SECONDS,
        }
        return jwt.encode(claims, self._newest.secret, _ALGORITHM, headers={"kid": self._newest.kid})

    def claims(self, ticket: str, job_id: UUID) -> Claims:
        """Returns the claims of a ticket; the authenticator checks that the sign-in is live.

        Raises:
            TicketInvalid: the ticket is forged, has expired, or is for another job.
        """
        try:
            secret = self._keys[jwt.get_unverified_header(ticket)["kid"]]
            claims = jwt.decode(
                ticket,
                secret,
                algorithms=[_ALGORITHM],
                audience=TICKET_AUDIENCE,
                options={"require": ["aud", "sub", "fam", "exp"]},
            )
            if claims["job"] != str(job_id):
                raise TicketInvalid
            return Claims(UUID(claims["sub"]), UUID(claims["fam"]))
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, AttributeError):
            raise TicketInvalid from None


async def stream_job_events(
    broker: JobEventBroker, stream: EventStream, claims: Claims, job: FeedbackJob, last_number: int
) -> web.StreamResponse:
    """Sends the job's events after `last_number` until job or sign-in end or the client leaves."""
    try:
        async with broker.listen(claims, job.job_id) as events:
            await EventStreamer(events, stream, job, last_number).run()
        return await stream.close()
    except (ConnectionResetError, TimeoutError):
        return stream.response


class EventStreamer:
    """Sends the events of a job to one open stream; `job` is as it was when the stream was requested."""

    def __init__(self, events: JobEvents, stream: EventStream, job: FeedbackJob, last_number: int) -> None:
        self._events = events
        self._stream = stream
        self._job = job
        self._last_number = last_number
        self._last_status: str | None = None
        self._sent_at = time.monotonic()

    async def run(self) -> None:
        """Sends stored events, then new ones as they come, until the job ends or the process stops.

        After the end of the sign-in nothing is sent: a client that comes back learns of it by a 401.
        """
        while not self._events.signed_out:
            # Read before sending: what arrives while a send is under way is sent in the next round.
            changed, ended, closing = self._events.changed, self._events.ended, self._events.closing
            await self._send_new()
            if ended or closing:
                await (self._send_end() if ended else self._stream.send_retry_hint())
                return
            await self._wait(changed)

    async def _send_new(self) -> None:
        self._job = self._events.job or self._job
        if self._events.known and not self._events.events and not self._events.ended:
            await self._send_status()
        for event in self._events.events_after(self._last_number):
            await self._send(event.name, event.data, event.number)
            self._last_number = event.number

    async def _send_status(self) -> None:
        """Sends the job's status as of now if Redis has no events.

        It has no number, because it is not one of the job's events.
        """
        job = self._events.job
        assert job is not None
        status = JobStatusEvent(
            status=job.status, attempt=job.attempts, stage=job.stage, progress=job.progress
        ).model_dump_json(by_alias=True)
        if status != self._last_status:
            self._last_status = status
            await self._send("status", status)

    async def _send_end(self) -> None:
        """Sends the final event; a job that was deleted with its session or account ends as cancelled."""
        job = self._events.job or self._deleted_job()
        await self._send(job.status, job.model_dump_json(by_alias=True), final_number(job.attempts))

    def _deleted_job(self) -> FeedbackJob:
        """Returns the end of a job that is gone, from what was last known of it."""
        events = self._events.events
        last_attempt = events[-1].number // NUMBERS_PER_ATTEMPT if events else 0
        end = {
            "status": "cancelled",
            "stage": "finished",
            "attempts": max(self._job.attempts, last_attempt),
            "finished_at": datetime.now(UTC),
        }
        return self._job.model_copy(update={**end, "feedback": None, "problem": None})

    async def _send(self, name: str, data: str, number: int | None = None) -> None:
        await self._stream.send(name, data, number)
        self._sent_at = time.monotonic()

    async def _wait(self, changed: asyncio.Event) -> None:
        """Waits for a change; sends a heartbeat when nothing was sent for `HEARTBEAT_SECONDS`."""
        timeout = self._sent_at + HEARTBEAT_SECONDS - time.monotonic()
        try:
            async with asyncio.timeout(max(timeout, 0)):
                await changed.wait()
        except TimeoutError:
            await self._stream.heartbeat()
            self._sent_at = time.monotonic()
