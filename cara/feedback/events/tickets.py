"""Tickets for the events of a job: they stand in the URL, for native EventSource can send no header field."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

import jwt

from cara.errors import Unauthenticated
from cara.feedback.schemas import JobSummary
from cara.settings import Settings
from cara.web.guard import Caller, Claims

TICKET_AUDIENCE = "cara-events"
TICKET_SECONDS = 900
"""How long a ticket is valid after it was issued, or after its job has ended if that is later."""

_ALGORITHM = "HS256"
_CLOCK_SKEW_SECONDS = 60
"""How far the clock of the issuing process may be ahead."""

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
    """Issues and reads tickets: tokens that open the event stream of one job and nothing else.

    They are signed with the key ring of the access tokens; they differ in the audience. None outlives the
    sign-in that it was issued in.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = {key.kid: key.secret for key in settings.signing_keys}
        self._newest = settings.signing_keys[0]

    def events_url(self, caller: Caller, job_id: UUID) -> str:
        """Returns the address of a job's events, with a fresh ticket."""
        return f"/api/gemini/jobs/{job_id}/events?{urlencode({'ticket': self._issue(caller, job_id)})}"

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
            secret = self._keys[jwt.get_unverified_header(ticket)["kid"]]
            claims = jwt.decode(
                ticket,
                secret,
                algorithms=[_ALGORITHM],
                audience=TICKET_AUDIENCE,
                options={"require": ["aud", "sub", "fam", "iat"], "verify_iat": False},
            )
            issued_at = float(claims["iat"])
            if claims["job"] != str(job_id) or issued_at > time.time() + _CLOCK_SKEW_SECONDS:
                raise TicketInvalid
            return Ticket(Claims(UUID(claims["sub"]), UUID(claims["fam"])), issued_at)
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise TicketInvalid from None

    def _issue(self, caller: Caller, job_id: UUID) -> str:
        claims = {
            "aud": TICKET_AUDIENCE,
            "sub": str(caller.user_id),
            "fam": str(caller.family_id),
            "job": str(job_id),
            "iat": int(time.time()),
        }
        return jwt.encode(claims, self._newest.secret, _ALGORITHM, headers={"kid": self._newest.kid})
