"""Refresh tokens: opaque, stored as hashes, in families that start with a sign-in.

Each use replaces a token by a successor of the same family. A token that was just replaced stays usable for a
short grace period, because two tabs may send it at the same time; each of them gets a successor of its own.
A later use means that there is a copy of the token: it ends the whole family.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from uuid import UUID, uuid4

from cara import audit
from cara.accounts import queries, refresh_queries
from cara.accounts.access_tokens import AccessTokens
from cara.accounts.schemas import Refreshed
from cara.errors import Unauthenticated
from cara.postgres.database import Connection, Database, Record
from cara.settings import Settings
from cara.web.client_info import ClientInfo
from cara.web.guard import Claims

MAX_TOKEN_CHARACTERS = 256
_OWNER_BYTES = 16
_SECRET_BYTES = 32


class RefreshTokenInvalid(Unauthenticated):
    code = "refresh_token_invalid"
    detail = "The refresh token is missing, has ended or was never given out. Please sign in again."


class RefreshTokenReused(RefreshTokenInvalid):
    code = "refresh_token_reused"
    detail = "This refresh token was used before. For safety, this sign-in has ended. Please sign in again."


class _Refusal(Enum):
    INVALID = auto()
    REUSED = auto()


@dataclass(frozen=True)
class KnownToken:
    """A token that was issued and whose family is live."""

    token: str
    owner: Claims
    is_usable: bool
    """It is not spent, or was spent within the grace period."""


def hash_token(token: str) -> bytes:
    """Returns what is stored of a token. A token has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def new_token(user_id: UUID) -> str:
    """Returns a new opaque token. It starts with its owner's id, by which its stored hash is found."""
    return base64.urlsafe_b64encode(user_id.bytes + secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")


def owner_of(token: str) -> UUID | None:
    """Returns the user whose token it claims to be; None if it is not a refresh token of Cara."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return UUID(bytes=raw[:_OWNER_BYTES]) if len(raw) == _OWNER_BYTES + _SECRET_BYTES else None


async def begin_family(connection: Connection, user_id: UUID, days: int) -> str:
    """Returns the first refresh token of a new family. The user must be new or locked."""
    return await _issue(connection, user_id, new_token(user_id), uuid4(), days)


async def _issue(connection: Connection, user_id: UUID, token: str, family: UUID, days: int) -> str:
    expires_at = datetime.now(UTC) + timedelta(days=days)
    await queries.insert_refresh_token(connection, user_id, hash_token(token), family, expires_at)
    return token


class TokenRefresher:
    """Exchanges a refresh token for a new pair of tokens."""

    def __init__(self, settings: Settings, database: Database, access_tokens: AccessTokens) -> None:
        self._days = settings.refresh_token_days
        self._grace = timedelta(seconds=settings.refresh_grace_seconds)
        self._database = database
        self._access_tokens = access_tokens

    async def find(self, presented: Sequence[str]) -> list[KnownToken]:
        """Returns those of the presented tokens that were issued and whose family is live, in their order.

        It takes one look-up by key and no lock, and nothing for what is not a refresh token. So it may run
        before the request is counted against a rate limit: a usable token counts for its owner, and gets
        through although the limit of its address is used up.
        """
        owners = {hash_token(token): owner for token in presented if (owner := owner_of(token))}
        if not owners:
            return []
        async with self._database.acquire() as connection:
            rows = await refresh_queries.live_tokens(
                connection, list(owners.values()), list(owners), self._grace
            )
        found = {row["token_hash"]: row for row in rows}
        return [_known(token, found[hash_token(token)]) for token in presented if hash_token(token) in found]

    async def refresh(self, known: Sequence[KnownToken], client: ClientInfo) -> Refreshed:
        """Returns a new pair for the first usable token; those after it are not exchanged.

        Raises:
            RefreshTokenReused: none is usable, and one was spent before: its family has ended.
            RefreshTokenInvalid: none is usable.
        """
        reused = False
        for each in known:
            outcome = await self._exchange(each.token, each.owner.user_id, client)
            if isinstance(outcome, Refreshed):
                return outcome
            reused = reused or outcome is _Refusal.REUSED
        raise RefreshTokenReused if reused else RefreshTokenInvalid

    async def _exchange(self, token: str, owner: UUID, client: ClientInfo) -> Refreshed | _Refusal:
        """Returns a refusal instead of raising it, so that its changes are committed."""
        async with self._database.transaction() as connection:
            user = await queries.lock_user(connection, owner)
            if user is None:
                return _Refusal.INVALID
            successor = new_token(owner)
            family = await refresh_queries.spend_token(
                connection, owner, hash_token(token), hash_token(successor), self._grace
            )
            if family is None:
                return await self._refuse(connection, owner, token, client)
            await _issue(connection, owner, successor, family, self._days)
        return self._new_pair(user, successor)

    async def _refuse(self, connection: Connection, owner: UUID, token: str, client: ClientInfo) -> _Refusal:
        ended = await refresh_queries.revoke_family_of_spent_token(connection, owner, hash_token(token))
        if not ended:
            return _Refusal.INVALID
        await audit.record(connection, "refresh_reused", client, owner)
        return _Refusal.REUSED

    def _new_pair(self, user: Record, refresh_token: str) -> Refreshed:
        return Refreshed(
            access_token=self._access_tokens.sign(user["id"], user["token_generation"]),
            refresh_token=refresh_token,
            expires_in=self._access_tokens.lifetime_seconds,
        )


def _known(token: str, row: Record) -> KnownToken:
    return KnownToken(token, Claims(row["user_id"], row["token_generation"]), row["is_usable"])


async def sign_out(database: Database, presented: Iterable[str], client: ClientInfo) -> None:
    """Ends the families of the tokens, spent ones too; ignores what is not a refresh token.

    The access token of the same sign-in stays valid until it expires.
    """
    for token in presented:
        owner = owner_of(token)
        if owner is None:
            continue
        async with database.transaction() as connection:
            if await queries.lock_user(connection, owner) is None:
                continue
            if await refresh_queries.revoke_family_of_token(connection, owner, hash_token(token)):
                await audit.record(connection, "signed_out", client, owner)


async def sign_out_everywhere(connection: Connection, user_id: UUID, client: ClientInfo) -> None:
    """Ends every refresh family and every access token of the user, inside the caller's transaction."""
    await queries.end_access_tokens(connection, user_id)
    await refresh_queries.revoke_all_families(connection, user_id)
    await audit.record(connection, "signed_out_everywhere", client, user_id)
