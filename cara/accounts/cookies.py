"""The refresh cookie: its name and attributes, and which cookies of a request count.

Scripts cannot read it, and it is sent to `/api/auth` alone. In production its name begins with `__Secure-`:
browsers neither store nor send it without TLS.

A sibling domain can set a cookie of the same name for the domain that both have in common, and so hand over a
token of an account of its own ("cookie tossing"). The prefix `__Host-` rules that out, but demands the path
`/`. So in production a second cookie with that prefix names the account that this browser signed in to. It
holds no secret: what counts is that no other host can set it. Refresh cookies of other accounts are ignored.
"""

from __future__ import annotations

from aiohttp import web
from multidict import CIMultiDict

from cara.accounts.refresh_tokens import MAX_TOKEN_CHARACTERS, owner_of
from cara.accounts.schemas import Refreshed
from cara.settings import Settings
from cara.web.routing import SecurityScheme

REFRESH_COOKIE = "cara_refresh"
OWNER_COOKIE = "__Host-cara_owner"
REFRESH_SCHEME = SecurityScheme(
    "refreshCookie",
    {
        "type": "apiKey",
        "in": "cookie",
        "name": REFRESH_COOKIE,
        "description": (
            "The refresh token as the cookie that signing in sets; in production its name is "
            f"`__Secure-{REFRESH_COOKIE}`. Browsers send it by themselves; other clients send the token in "
            "the body instead."
        ),
    },
)
COOKIE_PATH = "/api/auth"
MOST_COOKIES = 8
"""Each token that a request presents costs a look-up, and may cost a transaction; more are not looked at."""


def cookie_name(settings: Settings) -> str:
    """Returns the name of the refresh cookie."""
    return f"__Secure-{REFRESH_COOKIE}" if settings.environment == "production" else REFRESH_COOKIE


def refresh_cookie(pair: Refreshed, settings: Settings) -> CIMultiDict[str]:
    """Returns the header fields that set the refresh cookie to the token of a fresh pair."""
    token = pair.refresh_token
    return _fields(token, str(owner_of(token)), pair.refresh_seconds, settings)


def no_refresh_cookie(settings: Settings) -> CIMultiDict[str]:
    """Returns the header fields that delete the refresh cookie."""
    return _fields("", "", 0, settings)


def _fields(token: str, owner: str, max_age_seconds: int, settings: Settings) -> CIMultiDict[str]:
    attributes = f"Max-Age={max_age_seconds}; {_attributes(settings)}"
    fields = CIMultiDict({"Set-Cookie": f"{cookie_name(settings)}={token}; Path={COOKIE_PATH}; {attributes}"})
    if settings.environment == "production":
        fields.add("Set-Cookie", f"{OWNER_COOKIE}={owner}; Path=/; {attributes}")
    return fields


def _attributes(settings: Settings) -> str:
    """Returns the attributes that all cookies share.

    For front ends on another site they are `Partitioned`: browsers that block cookies of other sites keep
    them, for that front end alone. `http.cookies` knows this attribute from Python 3.14 on.
    """
    same_site = f"HttpOnly; SameSite={settings.refresh_cookie_samesite.capitalize()}"
    if settings.refresh_cookie_samesite == "none":
        return f"{same_site}; Secure; Partitioned"
    return f"{same_site}; Secure" if settings.environment == "production" else same_site


def tokens_in_cookies(request: web.Request, settings: Settings) -> list[str]:
    """Returns the refresh tokens in the cookies of a request, in their order, at most `MOST_COOKIES`.

    There may be several: browsers send cookies of one name for different paths and domains. In production
    those of a browser count only if they are of the account in the cookie that no other host can set.
    """
    tokens = _values(request, cookie_name(settings))
    if settings.environment == "production" and _is_from_browser(request):
        owners = _values(request, OWNER_COOKIE)
        tokens = [token for token in tokens if str(owner_of(token)) in owners]
    return tokens[:MOST_COOKIES]


def _is_from_browser(request: web.Request) -> bool:
    """Returns whether a browser sent it: with a POST, all that know `__Host-` send one of these fields."""
    return "Origin" in request.headers or "Sec-Fetch-Site" in request.headers


def _values(request: web.Request, name: str) -> list[str]:
    """Returns the values of all cookies of a name; `request.cookies` knows only one of them."""
    found = []
    for pair in ";".join(request.headers.getall("Cookie", ())).split(";"):
        key, _, value = pair.strip().partition("=")
        value = value.strip().strip('"')
        if key == name and 0 < len(value) <= MAX_TOKEN_CHARACTERS:
            found.append(value)
    return found
