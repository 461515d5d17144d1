"""Who knocks, as far as the network can tell: what the audit trail and the lock-out know of a request."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from cara.web.addresses import UNKNOWN, client_address, limited_network
from cara.web.context import REQUEST_ID
from cara.web.markup import without_markup

MAX_USER_AGENT_CHARACTERS = 400


@dataclass(frozen=True)
class Visitor:
    """Where a request came from; None for what is not known."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None

    @property
    def network(self) -> str | None:
        """What the lock-out counts for: the address, or of IPv6 the network around it."""
        return limited_network(self.address) if self.address else None


def visitor_of(request: web.Request) -> Visitor:
    """The visitor behind a request."""
    address = client_address(request)
    return Visitor(
        address=None if address == UNKNOWN else address,
        user_agent=_storable(request.headers.get("User-Agent", "")) or None,
        request_id=request.get(REQUEST_ID),
    )


def _storable(field: str) -> str:
    """Header fields may hold any bytes; the database takes only characters."""
    characters = field[:MAX_USER_AGENT_CHARACTERS].encode("utf-8", "replace").decode()
    return without_markup(characters).replace("\0", "")
