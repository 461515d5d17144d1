"""Refresh tokens: opaque, stored as hashes, in families that begin with a sign-in.

Each use replaces a token by a successor of the same family. A token that was just replaced still works for a
short grace, because two tabs may send it at the same time; each of them then has a successor of its own.
Later its use means that somebody has a copy: the whole family ends.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
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
    """A token that was given out and whose family lives."""

    token: str
    owner: Claims
    counts: bool
    """It is not spent, or was so only within the grace."""


def hash_of(token: str) -> bytes:
    """What is stored of a token. It has 256 random bits: a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def new_token(user_id: UUID) -> str:
    """An opaque token. It begins with its owner's id, so that the stored hash is found by user."""
    return base64.urlsafe_b64encode(user_id.bytes + secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")


def owner_of(token: str) -> UUID | None:
    """Whose token it claims to be; None when it cannot be one of ours."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return UUID(bytes=raw[:_OWNER_BYTES]) if len(raw) == _OWNER_BYTES + _SECRET_BYTES else None


async def begin_family(connection: Connection, user_id: UUID, days: int) -> str:
    """The first refresh token of a new family, good for so many days; the user must be locked or new."""
    return await _issue(connection, user_id, new_token(user_id), uuid4(), days)


async def _issue(connection: Connection, user_id: UUID, token: str, family: UUID, days: int) -> str:
    expires_at = datetime.now(UTC) + timedelta(days=days)
    await refresh_queries.insert_token(connection, user_id, hash_of(token), family, expires_at)
    return token


class Refreshing:
    """Exchanges a refresh token for a fresh pair."""

    def __init__(self, settings: Settings, database: Database, tokens: AccessTokens) -> None:
        self._days = settings.refresh_token_days
        self._grace = timedelta(seconds=settings.refresh_grace_seconds)
        self._database = database
        self._tokens = tokens

    async def known(self, offered: Sequence[str]) -> list[KnownToken]:
        """Those of the offered tokens that are worth an exchange, in their order.

        One look by key without a lock, and none for what cannot be ours: so it may come before the request is
        counted, since it tells for whom. A live token must go through though its address is used up.
        """
        owners = {hash_of(token): owner for token in offered if (owner := owner_of(token))}
        if not owners:
            return []
        async with self._database.acquire() as connection:
            rows = await refresh_queries.living_tokens(
                connection, list(owners.values()), list(owners), self._grace
            )
        found = {row["token_hash"]: row for row in rows}
        return [_known(token, found[hash_of(token)]) for token in offered if hash_of(token) in found]

    async def refresh(self, known: Sequence[KnownToken], client: ClientInfo) -> Refreshed:
        """A fresh pair for the first of the known tokens that counts; those behind it are not exchanged.

        Raises:
            RefreshTokenReused: none counts, and one was spent before: its family has ended.
            RefreshTokenInvalid: none counts.
        """
        reused = False
        for each in known:
            outcome = await self._exchange(each.token, each.owner.user_id, client)
            if isinstance(outcome, Refreshed):
                return outcome
            reused = reused or outcome is _Refusal.REUSED
        raise RefreshTokenReused if reused else RefreshTokenInvalid

    async def _exchange(self, token: str, owner: UUID, client: ClientInfo) -> Refreshed | _Refusal:
        """A refusal is returned, not raised, so that what it changes is committed."""
        async with self._database.transaction() as connection:
            user = await queries.lock_user(connection, owner)
            if user is None:
                return _Refusal.INVALID
            successor = new_token(owner)
            family = await refresh_queries.spend_token(
                connection, owner, hash_of(token), hash_of(successor), self._grace
            )
            if family is None:
                return await self._refuse(connection, owner, token, client)
            await _issue(connection, owner, successor, family, self._days)
        return self._fresh_pair(user, successor)

    async def _refuse(self, connection: Connection, owner: UUID, token: str, client: ClientInfo) -> _Refusal:
        ended = await refresh_queries.revoke_family_of_spent_token(connection, owner, hash_of(token))
        if not ended:
            return _Refusal.INVALID
        await audit.record(connection, "refresh_reused", client, owner)
        return _Refusal.REUSED

    def _fresh_pair(self, user: Record, refresh_token: str) -> Refreshed:
        return Refreshed(
            access_token=self._tokens.sign(user["id"], user["token_generation"]),
            refresh_token=refresh_token,
            expires_in=self._tokens.lifetime_seconds,
        )


def _known(token: str, row: Record) -> KnownToken:
    return KnownToken(token, Claims(row["user_id"], row["token_generation"]), row["counts"])
