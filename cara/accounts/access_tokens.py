"""Access tokens (JWT, HS256) signed by the newest key of the ring and verified by any of them."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import jwt

from cara.errors import TokenInvalid
from cara.postgres.database import Connection
from cara.settings import Settings
from cara.users import queries as users
from cara.web.guard import Caller, Claims, ClaimsExpired

ISSUER = "cara"
AUDIENCE = "cara-api"
ALGORITHM = "HS256"
REQUIRED_CLAIMS = ["iss", "aud", "sub", "jti", "iat", "exp", "gen"]
CLOCK_SKEW_SECONDS = 60
"""How far the clock of the signing process may be ahead (`iat`). `exp` has no tolerance."""


class AccessTokens:
    """Signs and verifies access tokens; the guard's authenticator.

    Beside the registered claims a token carries its generation (`gen`), and its owner's row the current one.
    Incrementing that ends all access tokens of a user, without comparing clocks.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = {key.kid: key.secret for key in settings.signing_keys}
        self._newest = settings.signing_keys[0]
        self.lifetime_seconds = settings.access_token_seconds

    def sign(self, user_id: UUID, generation: int) -> str:
        """Returns a new token for the user, valid for `lifetime_seconds` or until its generation ends."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "gen": generation,
        }
        return jwt.encode(claims, self._newest.secret, ALGORITHM, headers={"kid": self._newest.kid})

    def claims(self, token: str) -> Claims:
        """Returns the claims of a genuine token that has not expired.

        Raises:
            ClaimsExpired: it is genuine, but has expired.
            TokenInvalid: it is not genuine.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            decoded, now = self._decode(token, self._keys.get(str(kid), "")), time.time()
            if decoded["iat"] > now + CLOCK_SKEW_SECONDS:
                raise TokenInvalid
            claims = Claims(UUID(decoded["sub"]), int(decoded["gen"]))
            has_expired = decoded["exp"] <= now
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise TokenInvalid from None
        if has_expired:
            raise ClaimsExpired(claims)
        return claims

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
            TokenInvalid: the account is gone, or the token's generation has ended.
        """
        user = await users.caller_by_id(connection, claims.user_id)
        if user is None or user["token_generation"] != claims.generation:
            raise TokenInvalid
        return Caller(
            user["id"], user["is_admin"], user["timezone"], user["daily_token_quota"], claims.generation
        )
