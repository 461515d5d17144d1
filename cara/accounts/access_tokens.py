"""Access tokens (JWT, HS256) signed by the newest key of the ring and verified by any of them."""

from __future__ import annotations

import time
from collections import OrderedDict
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import jwt

from cara.accounts import refresh_queries
from cara.errors import TokenInvalid
from cara.postgres.database import Connection
from cara.settings import Settings
from cara.web.guard import Caller, Claims, ClaimsExpired

ISSUER = "cara"
AUDIENCE = "cara-api"
ALGORITHM = "HS256"
REQUIRED_CLAIMS = ["iss", "aud", "sub", "jti", "iat", "exp", "fam"]
CLOCK_SKEW_SECONDS = 60
"""How far the clock of the signing process may be ahead (`iat`). `exp` has no tolerance."""

MAX_ENDED_FAMILIES = 10_000
"""Of so many families a process remembers that they have ended."""

MAX_VERIFIED_TOKENS = 10_000
"""Of so many genuine tokens, those that came last, a process remembers what they say."""


class AccessTokens:
    """Signs and verifies access tokens; the guard's authenticator.

    Beside the registered claims a token carries the id of its refresh family (`fam`), and opens nothing once
    that has ended. A family that was found to have ended is remembered: its tokens cost no further look-up,
    and spend nothing of their owner's rate limit. A genuine token is remembered by its digest, so that its
    signature is computed once; whether its family still lives is read each time.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = {key.kid: key.secret for key in settings.signing_keys}
        self._newest = settings.signing_keys[0]
        self._ended: dict[Claims, None] = {}
        self._verified: OrderedDict[bytes, tuple[Claims, float]] = OrderedDict()
        """Claims and expiry of genuine tokens, by the digests of these."""
        self.lifetime_seconds = settings.access_token_seconds

    def sign(self, user_id: UUID, family_id: UUID) -> str:
        """Returns a new token for the user, valid for `lifetime_seconds` or until its family ends."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "fam": str(family_id),
        }
        return jwt.encode(claims, self._newest.secret, ALGORITHM, headers={"kid": self._newest.kid})

    def claims(self, token: str) -> Claims:
        """Returns the claims of a genuine token that has not expired.

        Raises:
            ClaimsExpired: it is genuine, but has expired.
            TokenInvalid: it is not genuine, or its family is known to have ended.
        """
        digest = sha256(token.encode("utf-8", "surrogateescape")).digest()
        if known := self._verified.get(digest):
            self._verified.move_to_end(digest)
            claims, expires_at = known
        else:
            claims, expires_at = self._verify(token)
            self._remember_verified(digest, claims, expires_at)
        self.refuse_ended(claims)
        if expires_at <= time.time():
            raise ClaimsExpired(claims)
        return claims

    def refuse_ended(self, claims: Claims) -> None:
        """Raises TokenInvalid if the family is remembered to have ended."""
        if self._ended and claims in self._ended:
            raise TokenInvalid

    def _verify(self, token: str) -> tuple[Claims, float]:
        """Returns the claims of a genuine token and when it expires, in seconds of the epoch."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            decoded = self._decode(token, self._keys.get(str(kid), ""))
            if decoded["iat"] > time.time() + CLOCK_SKEW_SECONDS:
                raise TokenInvalid
            return Claims(UUID(decoded["sub"]), UUID(decoded["fam"])), float(decoded["exp"])
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise TokenInvalid from None

    def _decode(self, token: str, secret: str) -> dict[str, Any]:
        if not secret:
            raise jwt.InvalidTokenError("signed with a key that is not in the key ring")
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": REQUIRED_CLAIMS, "verify_iat": False, "verify_exp": False},
        )

    async def caller(self, connection: Connection, claims: Claims) -> Caller:
        """Returns the owner of the token.

        Raises:
            TokenInvalid: the token's family has ended, or the account is gone.
        """
        user = await refresh_queries.caller_of_family(connection, claims.user_id, claims.family_id)
        if user is None:
            self._remember_ended(claims)
            raise TokenInvalid
        return Caller(
            user["id"],
            user["is_admin"],
            user["timezone"],
            user["daily_token_quota"],
            claims.family_id,
            user["authenticated_seconds_ago"],
            learner=user,
        )

    def _remember_verified(self, digest: bytes, claims: Claims, expires_at: float) -> None:
        self._verified[digest] = claims, expires_at
        if len(self._verified) > MAX_VERIFIED_TOKENS:
            self._verified.popitem(last=False)

    def _remember_ended(self, claims: Claims) -> None:
        self._ended[claims] = None
        if len(self._ended) > MAX_ENDED_FAMILIES:
            del self._ended[next(iter(self._ended))]
