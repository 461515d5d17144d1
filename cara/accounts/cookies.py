"""The refresh token as a cookie: out of reach of scripts, and sent only to where it is used."""

from __future__ import annotations

from aiohttp import web

from cara.accounts.schemas import RefreshToken
from cara.settings import Settings

REFRESH_COOKIE = "cara_refresh"
PATH = "/api/auth"


def refresh_cookie(token: str, settings: Settings) -> dict[str, str]:
    """The header field that sets it."""
    return _field(token, settings.refresh_token_days * 86_400, settings)


def no_refresh_cookie(settings: Settings) -> dict[str, str]:
    """The header field that makes a browser forget it."""
    return _field("", 0, settings)


def offered_tokens(request: web.Request, body: RefreshToken | None) -> list[str]:
    """The refresh tokens of a request: the cookie's before the body's."""
    offered = [request.cookies.get(REFRESH_COOKIE), body.refresh_token if body else None]
    return [token for token in dict.fromkeys(offered) if token]


def _field(token: str, max_age: int, settings: Settings) -> dict[str, str]:
    carrier = web.Response()
    carrier.set_cookie(
        REFRESH_COOKIE,
        token,
        path=PATH,
        max_age=max_age,
        httponly=True,
        samesite="Strict",
        secure=settings.production,
    )
    return {"Set-Cookie": carrier.cookies[REFRESH_COOKIE].OutputString()}
