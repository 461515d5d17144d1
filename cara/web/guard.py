"""The authentication guard: what stands in front of every route that is not public."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from cara.errors import Unauthenticated
from cara.postgres.database import Connection
from cara.web.context import Authenticator, Caller, Claims
from cara.web.rate_limits import recount_for_address

MAX_TOKEN_CHARACTERS = 4096
"""Longer tokens are refused unread: decoding time grows with the length."""


def bearer_token(request: web.Request) -> str:
    """The token of the Authorization field (RFC 6750).

    Raises:
        Unauthenticated: there is none, or it cannot be one of ours.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise Unauthenticated("The bearer token is too long.")
    return token


@contextmanager
def recount_if_unauthenticated(request: web.Request) -> Iterator[None]:
    """What was counted for the owner of a token counts for the address if the token opens nothing."""
    try:
        yield
    except Unauthenticated:
        recount_for_address(request)
        raise


async def confirmed_caller(
    request: web.Request, authenticator: Authenticator, connection: Connection, claims: Claims
) -> Caller:
    """The owner of a genuine token, which was counted for them; if it was ended, it counts for the address.

    Raises:
        Unauthenticated: the account is gone, or its tokens of that generation were ended.
    """
    with recount_if_unauthenticated(request):
        return await authenticator.caller(connection, claims)
