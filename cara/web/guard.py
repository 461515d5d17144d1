"""The authentication guard: turns the bearer token of a request into its caller.

Every route that is not public is behind it. How a token is verified is the business of the `Authenticator`
that the application provides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from uuid import UUID

from aiohttp import web

from cara.errors import Forbidden, TokenExpired, Unauthenticated
from cara.postgres.database import Connection, Record
from cara.web.rate_limit_counter import COUNTED

MAX_TOKEN_CHARACTERS = 4096
"""Longer tokens are refused unread: decoding time grows with the length."""


AUTHENTICATED_SECONDS = 300
"""How long after the password was typed what cannot be undone or gives away everything is allowed.

It is time for a look at the data before the account is deleted, and short for a device that is left alone.
"""


@dataclass(frozen=True)
class Claims:
    """The owner and the refresh family of a verified token. The family may have ended all the same."""

    user_id: UUID
    family_id: UUID

    @cached_property
    def caller(self) -> str:
        """For whom shares and limits count, as `client_info.caller_of` names the learner."""
        return str(self.user_id)


@dataclass(frozen=True)
class Caller:
    """The learner who is signed in, and by which refresh family; the password was typed so long ago.

    `learner` is the row of their profile and progress, as `cara.users.progress` reads it.
    """

    user_id: UUID
    is_admin: bool
    timezone: str
    daily_token_quota: int | None
    family_id: UUID
    authenticated_seconds_ago: float
    learner: Record

    @property
    def claims(self) -> Claims:
        """The claims of the caller's token."""
        return Claims(self.user_id, self.family_id)


class ClaimsExpired(TokenExpired):
    """A genuine token has expired: it opens nothing, but names its owner."""

    def __init__(self, claims: Claims) -> None:
        super().__init__()
        self.claims = claims


class ReauthenticationRequired(Forbidden):
    code = "reauthentication_required"
    detail = "For this, type your password again: the last time is more than five minutes ago."


class Authenticator(Protocol):
    """Verifies bearer tokens and loads their owners."""

    def claims(self, token: str) -> Claims:
        """Raises Unauthenticated unless the token is genuine and live, ClaimsExpired if it has expired."""

    def refuse_ended(self, claims: Claims) -> None:
        """Raises Unauthenticated if this process knows that the family has ended."""

    async def caller(self, connection: Connection, claims: Claims) -> Caller:
        """Raises Unauthenticated if the family has ended or the account is gone."""


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


def sign_out_channel(user_id: UUID) -> str:
    """Returns the channel of the user's event streams; a message means: look whether your sign-in is live."""
    return f"cara:users:{user_id}:sign-outs"


def count_for_address_instead(request: web.Request) -> None:
    """Lets a request count for its address, because the token that it was counted by opens nothing.

    It was counted for the owner of the token; the handler of the route counts it again.
    """
    request.pop(COUNTED, None)


async def confirmed_caller(
    request: web.Request, authenticator: Authenticator, connection: Connection, claims: Claims
) -> Caller:
    """Returns the owner of a genuine token.

    Raises:
        Unauthenticated: the family has ended or the account is gone; the request counts for its address.
    """
    try:
        return await authenticator.caller(connection, claims)
    except Unauthenticated:
        count_for_address_instead(request)
        raise


def require_recent_authentication(caller: Caller) -> None:
    """Raises ReauthenticationRequired if the password was typed more than `AUTHENTICATED_SECONDS` ago."""
    if caller.authenticated_seconds_ago > AUTHENTICATED_SECONDS:
        raise ReauthenticationRequired
