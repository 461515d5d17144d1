"""Access tokens (JWT, HS256) signed by the newest key of the ring and verified by any of them."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import jwt

from cara.errors import TokenInvalid
from cara.postgres.database import Connection
from cara.settings import Settings
from cara.users.queries import caller_by_id
from cara.web.guard import Caller, Claims, ClaimsExpired

ISSUER = "cara"
AUDIENCE = "cara-api"
ALGORITHM = "HS256"
REQUIRED_CLAIMS = ["iss", "aud", "sub", "jti", "iat", "exp", "gen"]
CLOCK_SKEW_SECONDS = 5
"""By so much the clock of the process that signed may be ahead. Nothing is given to `exp`."""


class AccessTokens:
    """Signs and verifies access tokens; the guard's authenticator.

    Beside the registered claims a token says of which generation it is (`gen`). Its owner's row holds the
    current one: ending all tokens of a user is counting it up, without a clock to compare with.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = {key.kid: key.secret for key in settings.signing_keys}
        self._newest = settings.signing_keys[0]
        self.lifetime_seconds = settings.access_token_seconds

    def sign(self, user_id: UUID, generation: int) -> str:
        """A new token for the user, good for `lifetime_seconds` or until its generation is ended."""
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
        """What a genuine, live token says.

        Raises:
            ClaimsExpired: it is genuine, but no longer live.
            TokenInvalid: anything else.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            decoded, now = self._decoded(token, self._keys.get(str(kid), "")), time.time()
            if decoded["iat"] > now + CLOCK_SKEW_SECONDS:
                raise TokenInvalid
            claims, lives = Claims(UUID(decoded["sub"]), int(decoded["gen"])), decoded["exp"] > now
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise TokenInvalid from None
        if not lives:
            raise ClaimsExpired(claims)
        return claims

    def _decoded(self, token: str, secret: str) -> dict[str, Any]:
        if not secret:
            raise jwt.InvalidTokenError("signed with a key that is not on the ring")
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": REQUIRED_CLAIMS, "verify_iat": False, "verify_exp": False},
        )

    async def caller(self, connection: Connection, claims: Claims) -> Caller:
        """The owner of the token.

        Raises:
            TokenInvalid: the account is gone, or its tokens of that generation were ended.
        """
        user = await caller_by_id(connection, claims.user_id)
        if user is None or user["token_generation"] != claims.generation:
            raise TokenInvalid
        return Caller(
            user["id"], user["is_admin"], user["timezone"], user["daily_token_quota"], claims.generation
        )
