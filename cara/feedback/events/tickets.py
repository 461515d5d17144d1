"""Tickets: short-lived tokens that open the event stream of one job and nothing else."""

from __future__ import annotations

import time
from uuid import UUID

import jwt

from cara.errors import Unauthenticated
from cara.settings import Settings
from cara.web.guard import Caller, Claims

AUDIENCE = "cara-events"
LIFETIME_SECONDS = 900
_ALGORITHM = "HS256"


class TicketInvalid(Unauthenticated):
    code = "ticket_invalid"
    detail = "The ticket is not valid for this job, or has expired. Ask for the job's status to go on."


class Tickets:
    """Issues and checks tickets with the key ring of the access tokens; the audience tells them apart."""

    def __init__(self, settings: Settings) -> None:
        self._keys = {key.kid: key.secret for key in settings.signing_keys}
        self._newest = settings.signing_keys[0]

    def issue(self, caller: Caller, job_id: UUID) -> str:
        """A ticket for one job of the caller, good for `LIFETIME_SECONDS` or until their tokens are ended."""
        claims = {
            "aud": AUDIENCE,
            "sub": str(caller.user_id),
            "gen": caller.generation,
            "job": str(job_id),
            "exp": int(time.time()) + LIFETIME_SECONDS,
        }
        return jwt.encode(claims, self._newest.secret, _ALGORITHM, headers={"kid": self._newest.kid})

    def claims(self, ticket: str, job_id: UUID) -> Claims:
        """Whose ticket it is; whether it was ended meanwhile is told by the authenticator, as of any token.

        Raises:
            TicketInvalid: forged, expired, or for another job.
        """
        try:
            secret = self._keys[jwt.get_unverified_header(ticket)["kid"]]
            claims = jwt.decode(
                ticket,
                secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["aud", "sub", "gen", "exp"]},
            )
            if claims["job"] != str(job_id):
                raise TicketInvalid
            return Claims(UUID(claims["sub"]), int(claims["gen"]))
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise TicketInvalid from None
