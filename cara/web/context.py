"""Typed keys of what an application and a request carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

from aiohttp import web

from cara.errors import TokenExpired
from cara.postgres.database import Connection

Service = TypeVar("Service")


@dataclass(frozen=True)
class Caller:
    """The learner who is signed in."""

    user_id: UUID
    is_admin: bool
    timezone: str
    daily_token_quota: int | None
    generation: int
    """Of which generation the token was that they came with."""


@dataclass(frozen=True)
class Claims:
    """Whose a verified token is, and of which generation: what it opens is known once that still counts."""

    user_id: UUID
    generation: int


class ClaimsExpired(TokenExpired):
    """A genuine token is merely past its time: it opens nothing, but says whose it was."""

    def __init__(self, claims: Claims) -> None:
        super().__init__()
        self.claims = claims


class Authenticator(Protocol):
    """How the guard turns a bearer token into a caller; the accounts feature provides it."""

    def claims(self, token: str) -> Claims:
        """Raises Unauthenticated unless the token is genuine and live, ClaimsExpired if it merely ended."""

    async def caller(self, connection: Connection, claims: Claims) -> Caller:
        """Raises Unauthenticated when the account is gone or the token was ended."""


SERVICES = web.AppKey("services", dict[Any, Any])
REQUEST_ID = web.RequestKey("request_id", str)
CALLER_ID = web.RequestKey("caller_id", UUID)
CLIENT_ADDRESS = web.RequestKey("client_address", str)


def provide(app: web.Application, kind: Any, service: Any) -> None:
    """Makes a service available to every handler that names its type."""
    app[SERVICES][kind] = service


def service(app: web.Application, kind: type[Service]) -> Service:
    """The service of that type; a KeyError is a mistake in the wiring."""
    found: Service = app[SERVICES][kind]
    return found
