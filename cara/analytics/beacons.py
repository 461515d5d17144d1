"""Beacons: events that a page sends by `navigator.sendBeacon` while it is being left.

A browser sends those without an Authorization field, and as text without asking first. So a page gets their
address beforehand, with a token that posts events and opens nothing else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from cara.errors import Unauthenticated
from cara.settings import Settings
from cara.web.guard import Claims
from cara.web.models import Instant, ResponseModel, example
from cara.web.routing import SecurityScheme
from cara.web.tickets import TicketSigner

EVENTS_PATH = "/api/analytics/events"
BEACON_AUDIENCE = "cara-beacon"
BEACON_LIFETIME = timedelta(hours=24)
"""Tabs stay open for hours. Whoever finds a token can post events of its owner, within the owner's limits."""

BEACON_TOKEN = SecurityScheme(
    "beaconToken",
    {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": (
            "The token in the address of beacons: it posts events and opens nothing else, for a day at most. "
            "Send no access token as one: addresses are logged."
        ),
    },
)


class BeaconAddress(ResponseModel):
    """Where `navigator.sendBeacon` posts events; good until `expiresAt`, or until the sign-in ends."""

    model_config = example(url="/api/analytics/events?token=eyJhbGciOiJIUzI1NiJ9.e30.signature")

    url: str
    expires_at: Instant


class BeaconTokenInvalid(Unauthenticated):
    code = "beacon_token_invalid"
    detail = "The token in the address does not post events, or has expired. Ask for a new address."


class BeaconTokens:
    """Issues and verifies the tokens of beacons: each is good for a day, or until its sign-in ends."""

    def __init__(self, settings: Settings) -> None:
        self._signer = TicketSigner(settings, BEACON_AUDIENCE, "exp")

    def address(self, claims: Claims) -> BeaconAddress:
        """Returns the address of a sign-in's beacons, with a fresh token."""
        expires_at = datetime.now(UTC).replace(microsecond=0) + BEACON_LIFETIME
        token = self._signer.sign(claims, exp=int(expires_at.timestamp()))
        return BeaconAddress(url=f"{EVENTS_PATH}?{urlencode({'token': token})}", expires_at=expires_at)

    def claims(self, ticket: str) -> Claims:
        """Returns the claims of a token; the authenticator checks that the sign-in is live.

        Raises:
            BeaconTokenInvalid: it is forged, of another kind, or has expired.
        """
        try:
            claims, _ = self._signer.verified(ticket)
            return claims
        except ValueError:
            raise BeaconTokenInvalid from None
