"""How often a client may ask.

Before sign-in requests count for the address, after it for the user. Sign-in and registration have a tighter
limit of their own by address, and what costs tokens (each POST under /api/gemini) one by user; reading a job
or the quota there counts for the user only, so that a client may poll. What is not under /api is not counted,
except unknown addresses.

Many learners may share an address. So what proves to be one learner's counts for them alone: an access token
that is genuine and merely expired, and a refresh token that counts. Everything else that opens nothing counts
for the address.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler
from limits import RateLimitItem, parse
from redis.asyncio import Redis

from cara.errors import InvalidInput, LimitReached, Unauthenticated
from cara.observability.metrics import REQUESTS_REFUSED
from cara.settings import Settings
from cara.web.client_info import client_address, limited_network
from cara.web.context import Claims, ClaimsExpired, service
from cara.web.rate_limit_counter import RequestCounter, Standing

SIGN_IN_PATHS = frozenset({"/api/auth/login", "/api/auth/register"})
COSTLY_PREFIX = "/api/gemini/"
COUNTED_PREFIX = "/api/"


@dataclass(frozen=True)
class Limit:
    """A named limit, as answers tell it."""

    name: str
    item: RateLimitItem


Counted = list[tuple[Limit, Standing]]
COUNTED = web.RequestKey("counted", Counted)


class RateLimits:
    """Counts requests, and refuses those that are too many."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._on = settings.rate_limits == "on"
        self._address = Limit("address", parse(settings.rate_limit_address))
        self._sign_in = Limit("sign-in", parse(settings.rate_limit_sign_in))
        self._user = Limit("user", parse(settings.rate_limit_user))
        self._gemini = Limit("gemini", parse(settings.rate_limit_gemini))
        self._counter = RequestCounter(redis)

    async def count(self, request: web.Request, claims: Claims | None) -> None:
        """Counts the request for the user of a token, or for its address while nobody is known.

        Each generation of a user's tokens counts by itself: so a token that was ended spends nothing of its
        owner's, although whether it was is known only later.

        Raises:
            LimitReached: one of the limits is used up.
        """
        await self._count(request, claims, self._limits(request, signed_in=claims is not None))

    async def count_refused(self, request: web.Request, claims: Claims | None) -> None:
        """Counts likewise what was refused already: it spends nothing of a limit for what costs something.

        Raises:
            LimitReached: the limit is used up.
        """
        await self._count(request, claims, self._limits(request, signed_in=claims is not None)[-1:])

    async def _count(self, request: web.Request, claims: Claims | None, limits: list[Limit]) -> None:
        if not self._on:
            return
        client = _name(claims) if claims else limited_network(client_address(request))
        counted: Counted = []
        request[COUNTED] = counted
        for limit in limits:
            standing = await self._counter.count(limit.item, limit.name, client)
            counted.append((limit, standing))
            if not standing.admitted:
                REQUESTS_REFUSED.labels(limit.name).inc()
                raise LimitReached(
                    "Too many requests. Please wait a moment.", retry_after_seconds=standing.admits_again_in
                )

    def _limits(self, request: web.Request, *, signed_in: bool) -> list[Limit]:
        """The tightest first, so that what it refuses does not use up the other."""
        resource = request.match_info.route.resource
        path = resource.canonical if resource else COUNTED_PREFIX
        if not path.startswith(COUNTED_PREFIX):
            return []
        if signed_in:
            tight, wide, applies = self._gemini, self._user, path.startswith(COSTLY_PREFIX)
        else:
            tight, wide, applies = self._sign_in, self._address, path in SIGN_IN_PATHS
        return [tight, wide] if applies and request.method == "POST" else [wide]


def _name(claims: Claims) -> str:
    return f"{claims.user_id}:{claims.generation}"


def recount_for_address(request: web.Request) -> None:
    """Makes `count_unauthenticated` count for the address what was counted for a token that opens nothing."""
    request.pop(COUNTED, None)


@web.middleware
async def count_unauthenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts for the address what fails before anybody is known: a bad token, an unknown address or method,
    or input that a handler which counts for itself never saw. An expired token says who is known.

    Who tries too often is told so instead of what was asked.
    """
    try:
        return await handler(request)
    except (Unauthenticated, InvalidInput, web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        if COUNTED not in request and request.method != "OPTIONS":
            claims = error.claims if isinstance(error, ClaimsExpired) else None
            await service(request.app, RateLimits).count_refused(request, claims)
        raise


def rate_limit_fields(request: web.BaseRequest) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) of a counted request."""
    counted = request.get(COUNTED)
    if not counted:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            f'"{limit.name}";q={limit.item.amount};w={standing.window_seconds}' for limit, standing in counted
        ),
        "RateLimit": ", ".join(
            f'"{limit.name}";r={standing.remaining};t={math.ceil(standing.window_ends_in)}'
            for limit, standing in counted
        ),
    }
