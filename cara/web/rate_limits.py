"""How many requests a client may send.

Before sign-in requests count for the address, after it for the user. A route may name a tighter limit of its
own (`Route.limit`), which counts before the general one. Routes without a limit are not counted; requests
for unknown addresses count for the address.

Many learners may share an address. Requests that prove to be one learner's therefore count for that learner
alone: those with a genuine access token that has merely expired, and those with a usable refresh token.
Everything else that fails to authenticate counts for the address. So do tokens whose sign-in has ended: the
first use in each process counts for the user too, because only then the process learns of the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from aiohttp import web
from aiohttp.typedefs import Handler
from limits import RateLimitItem, parse
from redis.asyncio import Redis

from cara.errors import LimitReached
from cara.observability.metrics import REQUESTS_REFUSED
from cara.web.client_info import client_address, limited_network
from cara.web.context import SERVICES
from cara.web.guard import Claims
from cara.web.rate_limit_counter import COUNTED, RequestCounter
from cara.web.routing import GENERAL_LIMIT


@dataclass(frozen=True)
class _Limit:
    """A limit and its name, as responses state it."""

    name: str
    item: RateLimitItem


class RateLimits:
    """Counts requests, and refuses those that are too many.

    `address` and `user` are the general limits, `named` those that routes name, all in the notation of the
    `limits` library, such as `100/15 minutes`.
    """

    def __init__(
        self, redis: Redis, *, address: str, user: str, named: Mapping[str, str], enabled: bool = True
    ) -> None:
        self._address = _Limit("address", parse(address))
        self._user = _Limit("user", parse(user))
        self._named = {name: _Limit(name, parse(limit)) for name, limit in named.items()}
        self._enabled = enabled
        self._counter = RequestCounter(redis)

    async def count(
        self, request: web.Request, claims: Claims | None, limit: str | None = GENERAL_LIMIT
    ) -> None:
        """Counts the request for the user of a token, or without claims for its address.

        All sign-ins of a user count together.

        Raises:
            LimitReached: one of the limits is used up.
        """
        if limit is None:
            return
        general = self._user if claims else self._address
        # The tighter one first: what it refuses does not use up the general one.
        limits = [general] if limit == GENERAL_LIMIT else [self._named[limit], general]
        client = claims.caller if claims else limited_network(client_address(request))
        await self._count(request, limits, client)

    async def count_expired(self, request: web.Request, claims: Claims) -> None:
        """Counts a request whose token has expired, or is old, apart from the user's others.

        It opens little, and whoever finds an old token must not be able to use up its owner's limit.

        Raises:
            LimitReached: the limit is used up.
        """
        await self._count(request, [self._user], f"{claims.user_id}:{claims.family_id}")

    async def _count(self, request: web.Request, limits: list[_Limit], client: str) -> None:
        if not self._enabled:
            return
        counted = request[COUNTED] = []
        for each in limits:
            state = await self._counter.count(each.item, each.name, client)
            counted.append(state)
            if not state.admitted:
                REQUESTS_REFUSED.labels(each.name).inc()
                raise LimitReached(
                    "Too many requests. Please wait a moment.", retry_after_seconds=state.retry_after_seconds
                )


@web.middleware
async def count_unknown_addresses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts requests for unknown addresses and methods for the client's address.

    A client that sends too many of them gets 429 instead of 404 or 405.
    """
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        if request.method != "OPTIONS":
            limits: RateLimits = request.app[SERVICES][RateLimits]
            await limits.count(request, None)
        raise


def rate_limit_fields(request: web.BaseRequest) -> dict[str, str]:
    """Returns `RateLimit-Policy` and `RateLimit` of a request that was counted.

    Their form is that of draft-ietf-httpapi-ratelimit-headers-10.
    """
    counted = request.get(COUNTED)
    if not counted:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            [_policy(state.name, state.quota, state.window_seconds) for state in counted]
        ),
        "RateLimit": ", ".join(
            [f'"{state.name}";r={state.remaining};t={math.ceil(state.reset_seconds)}' for state in counted]
        ),
    }


@cache
def _policy(name: str, quota: int, window_seconds: int) -> str:
    return f'"{name}";q={quota};w={window_seconds}'
