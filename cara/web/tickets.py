"""Tickets: tokens that stand in an address, for what cannot send an Authorization field.

Each kind has an audience of its own, and opens one thing. All are signed with the key ring of the access
tokens and name a sign-in: whoever opens something by a ticket asks the authenticator whether that is live.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import jwt

from cara.settings import Settings
from cara.web.guard import MAX_TOKEN_CHARACTERS, Claims

CLOCK_SKEW: Final = timedelta(minutes=1)
"""How far the clock of the signing process may be ahead or behind."""

_ALGORITHM: Final = "HS256"


class TicketVerifier(Protocol):
    """Verifies the tickets of one kind."""

    def claims(self, ticket: str) -> Claims:
        """Raises Unauthenticated unless the ticket is genuine and has not expired."""


class TicketSigner:
    """Signs and verifies the tickets of one audience.

    `times` names the claims of time, such as `exp`, that each of them must have.
    """

    def __init__(self, settings: Settings, audience: str, *times: str) -> None:
        self._keys = {key.kid: key.secret for key in settings.signing_keys}
        self._newest = settings.signing_keys[0]
        self._audience = audience
        self._required = ["aud", "sub", "fam", *times]

    def sign(self, claims: Claims, **further: str | int) -> str:
        """Returns a ticket with these claims and further ones, times in seconds since 1970."""
        content = {"aud": self._audience, "sub": str(claims.user_id), "fam": str(claims.family_id), **further}
        return jwt.encode(content, self._newest.secret, _ALGORITHM, headers={"kid": self._newest.kid})

    def verified(self, ticket: str) -> tuple[Claims, dict[str, Any]]:
        """Returns the claims of a genuine ticket, and everything that it holds.

        Raises:
            ValueError: it is forged, of another kind, or has expired.
        """
        if len(ticket) > MAX_TOKEN_CHARACTERS:
            raise ValueError("too long")
        try:
            content = jwt.decode(
                ticket,
                self._keys[jwt.get_unverified_header(ticket)["kid"]],
                algorithms=[_ALGORITHM],
                audience=self._audience,
                leeway=CLOCK_SKEW,
                options={"require": self._required},
            )
            return Claims(UUID(content["sub"]), UUID(content["fam"])), content
        except (jwt.InvalidTokenError, KeyError, TypeError, AttributeError):
            raise ValueError("not genuine, or expired") from None
