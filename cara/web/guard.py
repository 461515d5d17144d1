"""The authentication guard: what stands in front of every route that is not public."""

from __future__ import annotations

from aiohttp import web

from cara.errors import Unauthenticated

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
