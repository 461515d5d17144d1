"""The authentication guard: turns the bearer token of a request into its caller.

Every route that is not public is behind it. How a token is verified is the business of the `Authenticator`
that the application provides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from aiohttp import web

from cara.errors import TokenExpired, Unauthenticated
from cara.postgres.database import Connection
from cara.web.rate_limit_counter import COUNTED

MAX_TOKEN_CHARACTERS = 4096
"""Longer tokens are refused unread: decoding time grows with the length."""


@dataclass(frozen=True)
class Caller:
    """The learner who is signed in; `generation` is that of the access token."""

    user_id: UUID
    is_admin: bool
    timezone: str
    daily_token_quota: int | None
    generation: int


@dataclass(frozen=True)
class Claims:
    """The owner and the generation of a verified token. The token may have been ended all the same."""

    user_id: UUID
    generation: int


class ClaimsExpired(TokenExpired):
    """A genuine token has expired: it opens nothing, but names its owner."""

    def __init__(self, claims: Claims) -> None:
        super().__init__()
        self.claims = claims


class Authenticator(Protocol):
    """Verifies bearer tokens and loads their owners."""

    def claims(self, token: str) -> Claims:
        """Raises Unauthenticated unless the token is genuine and live, ClaimsExpired if it has expired."""

    async def caller(self, connection: Connection, claims: Claims) -> Caller:
        """Raises Unauthenticated if the account is gone or the token was ended."""


def bearer_token(request: web.Request) -> str:
    """Returns the token of the Authorization field (RFC 6750).

    Raises:
        Unauthenticated: the field is missing, has another scheme, or is longer than `MAX_TOKEN_CHARACTERS`.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise Unauthenticated("The bearer token is too long.")
    return token


@contextmanager
def count_for_address_if_unauthenticated(request: web.Request) -> Iterator[None]:
    """Lets a request count for its address if the token that it was counted by opens nothing.

    It was counted for the owner of the token; the handler of the route counts it again.
    """
    try:
        yield
    except Unauthenticated:
        request.pop(COUNTED, None)
        raise


async def confirmed_caller(
    request: web.Request, authenticator: Authenticator, connection: Connection, claims: Claims
) -> Caller:
    """Returns the owner of a genuine token.

    Raises:
        Unauthenticated: the account is gone, or the token was ended; the request counts for its address.
    """
    with count_for_address_if_unauthenticated(request):
        return await authenticator.caller(connection, claims)
