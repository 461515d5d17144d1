"""Tickets for the events of a job: they stand in the URL, for native EventSource can send no header field."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from cara.errors import Unauthenticated
from cara.feedback.schemas import JobSummary
from cara.settings import Settings
from cara.web.guard import Caller, Claims
from cara.web.routing import SecurityScheme
from cara.web.tickets import TicketSigner

TICKET_AUDIENCE = "cara-events"
TICKET_SECONDS = 900
"""How long a ticket is valid after it was issued, or after its job has ended if that is later."""

EVENTS_TICKET = SecurityScheme(
    "eventsTicket",
    {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": (
            "The ticket in the `eventsUrl` of a job: it opens the events of this job alone, while that lives "
            "and for a quarter of an hour afterwards, where no header field can be sent. Send no access "
            "token as one: addresses are logged."
        ),
    },
)

Job = TypeVar("Job", bound=JobSummary)


class TicketInvalid(Unauthenticated):
    code = "ticket_invalid"
    detail = (
        "The ticket is not valid for this job, or has expired. Read the job without If-None-Match to go on."
    )


@dataclass(frozen=True)
class Ticket:
    """A genuine ticket; the authenticator checks that its sign-in is live."""

    claims: Claims
    issued_at: float

    @property
    def is_old(self) -> bool:
        """Whether more than `TICKET_SECONDS` have passed since the issue; it may be valid all the same."""
        return self.issued_at + TICKET_SECONDS < time.time()

    def require_valid(self, job: JobSummary) -> None:
        """Checks the ticket against its job.

        It is valid while the job lives, however long that is: a client that polls with If-None-Match gets no
        new one before something changes, and EventSource reconnects with the URL that it has.

        Raises:
            TicketInvalid: the job has ended, and that and the issue are more than `TICKET_SECONDS` ago.
        """
        ended_at = job.finished_at.timestamp() if job.finished_at else time.time()
        if self.is_old and ended_at + TICKET_SECONDS < time.time():
            raise TicketInvalid


class TicketIssuer:
    """Issues and reads tickets that open the event stream of one job; none outlives its sign-in."""

    def __init__(self, settings: Settings) -> None:
        self._signer = TicketSigner(settings, TICKET_AUDIENCE, "iat")

    def events_url(self, caller: Caller, job_id: UUID) -> str:
        """Returns the address of a job's events, with a fresh ticket."""
        ticket = self._signer.sign(caller.claims, job=str(job_id), iat=int(time.time()))
        return f"/api/gemini/jobs/{job_id}/events?{urlencode({'ticket': ticket})}"

    def with_events_url(self, caller: Caller, job: Job) -> Job:
        """Returns the job as it is shown to the caller: with the address of its events while it lives."""
        if job.finished_at:
            return job
        return job.model_copy(update={"events_url": self.events_url(caller, job.job_id)})

    def read(self, ticket: str, job_id: UUID) -> Ticket:
        """Returns a genuine ticket for the job.

        Raises:
            TicketInvalid: the ticket is forged, or is for another job.
        """
        try:
            claims, content = self._signer.verified(ticket)
        except ValueError:
            raise TicketInvalid from None
        if content.get("job") != str(job_id):
            raise TicketInvalid
        return Ticket(claims, float(content["iat"]))
