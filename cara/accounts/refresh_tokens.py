"""Refresh tokens: opaque, stored as hashes, in families that start with a sign-in.

Each use replaces a token by a successor of the same family. A token that was just replaced stays usable for a
short grace period, because two tabs may send it at the same time, or the response may have been lost. Within
the grace period every use of it gives the newest token of the family: its one successor or, if that is spent
already, what followed. So a family never branches, and the slow tab is not left with a token that is spent.
(Auth0 ends the family there, and Okta keeps the old token valid.) A later use means that there is a copy of
the token: it ends the whole family (RFC 9700, section 4.14.2).

Only hashes are stored, so a successor cannot be looked up. It is derived from the spent token by HMAC, with a
random salt that is stored: neither the database nor an old token is enough to compute it, and signing keys
have no part in it, so that they can change at any time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from uuid import UUID

from cara import audit
from cara.accounts import queries, refresh_queries
from cara.accounts.access_tokens import AccessTokens
from cara.accounts.schemas import Refreshed
from cara.accounts.sign_out_notifier import SignOutNotifier
from cara.errors import Unauthenticated
from cara.postgres.database import Connection, Database, Record, new_id
from cara.settings import Settings
from cara.web.client_info import ClientInfo
from cara.web.guard import Claims

MAX_TOKEN_CHARACTERS = 256

MAX_FAMILIES = 20
"""How many families a user can have: one for each browser and device."""

SPENT_TOKENS_KEPT = 3_000
"""Of a family: those of a month in which a client refreshes every quarter of an hour. Older ones are refused
like tokens that were never given out; without a bound, a learner could fill the disk by refreshing."""

DELETE_EVERY = 100
"""Refreshes of a family between two looks for what to delete."""

_OWNER_BYTES = 16
_SECRET_BYTES = 32
_SALT_BYTES = 16


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


@dataclass(frozen=True)
class IssuedToken:
    """A usable token, its family, and the seconds until it expires."""

    token: str
    family_id: UUID
    seconds_left: int


def hash_token(token: str) -> bytes:
    """Returns what is stored of a token. A token has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def new_token(user_id: UUID) -> str:
    """Returns a new opaque token. It starts with its owner's id, by which its stored hash is found."""
    return _encode(user_id, secrets.token_bytes(_SECRET_BYTES))


def successor_of(token: str, salt: bytes) -> str:
    """Returns the token that replaces this one; the same for the same salt."""
    owner, secret = _decode(token)
    return _encode(owner, hmac.digest(secret, b"cara refresh successor:" + salt, "sha256"))


def owner_of(token: str) -> UUID | None:
    """Returns the user whose token it claims to be; None if it is not a refresh token of Cara."""
    try:
        return _decode(token)[0]
    except ValueError:
        return None


def _encode(owner: UUID, secret: bytes) -> str:
    return base64.urlsafe_b64encode(owner.bytes + secret).decode().rstrip("=")


def _decode(token: str) -> tuple[UUID, bytes]:
    """Returns the owner and the secret of a token; raises ValueError if it is not one of Cara's."""
    raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    if len(raw) != _OWNER_BYTES + _SECRET_BYTES:
        raise ValueError("not a refresh token")
    return UUID(bytes=raw[:_OWNER_BYTES]), raw[_OWNER_BYTES:]


async def begin_family(connection: Connection, user_id: UUID, settings: Settings) -> IssuedToken:
    """Returns the first refresh token of a new family. The user must be new or locked."""
    family_id, token = new_id(), new_token(user_id)
    await refresh_queries.insert_family(connection, user_id, family_id, timedelta(days=settings.sign_in_days))
    return await _issue(connection, user_id, family_id, token, settings)


async def make_room_for_family(connection: Connection, user_id: UUID, client: ClientInfo) -> bool:
    """Ends the least recently used families as far as another one would be too many; returns whether it did.

    The user must be locked.
    """
    ended = await refresh_queries.end_families_beyond(connection, user_id, MAX_FAMILIES - 1)
    for family_id in ended:
        await audit.record(connection, "family_ended_for_room", client, user_id, family=str(family_id))
    return bool(ended)


async def _issue(
    connection: Connection, user_id: UUID, family_id: UUID, token: str, settings: Settings
) -> IssuedToken:
    lifetime = timedelta(days=settings.refresh_token_days)
    seconds = await refresh_queries.insert_token(connection, user_id, family_id, hash_token(token), lifetime)
    return IssuedToken(token, family_id, seconds)


class TokenRefresher:
    """Exchanges a refresh token for a new pair of tokens."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        access_tokens: AccessTokens,
        sign_out_notifier: SignOutNotifier,
    ) -> None:
        self._settings = settings
        self._grace = timedelta(seconds=settings.refresh_grace_seconds)
        self._database = database
        self._access_tokens = access_tokens
        self._sign_out_notifier = sign_out_notifier

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
            if outcome is _Refusal.REUSED:
                reused = True
                await self._sign_out_notifier.notify(each.owner.user_id)
        raise RefreshTokenReused if reused else RefreshTokenInvalid

    async def _exchange(self, token: str, owner: UUID, client: ClientInfo) -> Refreshed | _Refusal:
        """Returns a refusal instead of raising it, so that its changes are committed."""
        async with self._database.transaction() as connection:
            if await queries.lock_user(connection, owner) is None:
                return _Refusal.INVALID
            rows = await refresh_queries.live_tokens(connection, [owner], [hash_token(token)], self._grace)
            if not rows:
                return _Refusal.INVALID
            [row] = rows
            family_id = row["family_id"]
            if not row["is_usable"]:
                await refresh_queries.end_family(connection, owner, family_id)
                await audit.record(connection, "refresh_reused", client, owner, family=str(family_id))
                return _Refusal.REUSED
            if row["is_spent"]:
                return self._new_pair(owner, await self._newest(connection, token, row))
            if await refresh_queries.note_refresh(connection, owner, family_id) % DELETE_EVERY == 0:
                await refresh_queries.delete_spent_tokens_beyond(
                    connection, owner, family_id, SPENT_TOKENS_KEPT
                )
            await audit.record(connection, "refreshed", client, owner, family=str(family_id))
            return self._new_pair(owner, await self._replace(connection, token, row))

    async def _replace(self, connection: Connection, token: str, row: Record) -> IssuedToken:
        """Spends the token, and issues its successor."""
        owner, salt = row["user_id"], secrets.token_bytes(_SALT_BYTES)
        successor = successor_of(token, salt)
        await refresh_queries.spend_token(connection, owner, row["token_hash"], hash_token(successor), salt)
        return await _issue(connection, owner, row["family_id"], successor, self._settings)

    async def _newest(self, connection: Connection, token: str, row: Record) -> IssuedToken:
        """Returns the last of the successors of a spent token."""
        *spent, newest = await refresh_queries.successors(connection, row["user_id"], row["token_hash"])
        for each in spent:
            token = successor_of(token, each["successor_salt"])
        return IssuedToken(token, row["family_id"], newest["seconds_left"])

    def _new_pair(self, owner: UUID, issued: IssuedToken) -> Refreshed:
        return Refreshed(
            access_token=self._access_tokens.sign(owner, issued.family_id),
            refresh_token=issued.token,
            refresh_seconds=issued.seconds_left,
            expires_in=self._access_tokens.lifetime_seconds,
        )


def _known(token: str, row: Record) -> KnownToken:
    return KnownToken(token, Claims(row["user_id"], row["family_id"]), row["is_usable"])
