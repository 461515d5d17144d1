"""Header fields that every response carries: request id, security, limits and CORS.

aiohttp-cors answers preflights of known addresses and lets the configured origins read what routes answer.
Errors that no route answered, preflights of unknown addresses and OPTIONS that is no preflight are ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp_cors
from aiohttp import web
from aiohttp.typedefs import Handler

from cara.settings import Settings
from cara.web.compression import may_be_compressed
from cara.web.context import REQUEST_ID
from cara.web.draining import Draining
from cara.web.origins import Origins
from cara.web.problems import become_problem
from cara.web.rate_limits import rate_limit_fields
from cara.web.request_log import identify_request, log_access

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_HSTS = "max-age=63072000; includeSubDomains"

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ALLOWED = (
    "Authorization",
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "Prefer",
    "Last-Event-ID",
    "Accept",
    "Range",
    "X-Request-Id",
    "traceparent",
    "sentry-trace",
    "baggage",
)
EXPOSED = ("Location", "Retry-After", "ETag", "X-Request-Id", "RateLimit", "RateLimit-Policy")
PREFLIGHT_SECONDS = 600


def allow_origins(app: web.Application, routes: list[web.AbstractRoute], origins: Origins) -> None:
    """Answers preflights for the routes; `finish_headers` lets the front ends read what is answered."""
    options = aiohttp_cors.ResourceOptions(  # type: ignore[no-untyped-call]
        allow_credentials=True,
        expose_headers=EXPOSED,
        allow_headers=ALLOWED,
        allow_methods=METHODS,
        max_age=PREFLIGHT_SECONDS,
    )
    cors = aiohttp_cors.setup(app, defaults=dict.fromkeys(origins.frontends, options))
    for route in routes:
        cors.add(route)
    # It would look at each response, and complete only those of routes.
    app.on_response_prepare.clear()


@web.middleware
async def answer_options(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers OPTIONS that is not a preflight with the methods of the address.

    A preflight of an unknown address succeeds: only then can a browser read the 404 that follows.
    """
    if request.method != "OPTIONS":
        return await handler(request)
    resource = request.match_info.route.resource
    if not _is_preflight(request):
        if resource is None:
            return await handler(request)
        methods = sorted({route.method for route in resource})
        return web.Response(status=204, headers={"Allow": ",".join(methods)})
    if resource is not None:
        return await handler(request)
    return web.Response(
        headers={
            "Access-Control-Allow-Methods": ",".join(METHODS),
            "Access-Control-Allow-Headers": ",".join(ALLOWED),
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }
    )


def _is_preflight(request: web.Request) -> bool:
    return "Origin" in request.headers and "Access-Control-Request-Method" in request.headers


def finish_headers(
    settings: Settings, origins: Origins, draining: Draining
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Returns the signal handler that completes the header of each response, errors included."""
    fixed = SECURITY | ({"Strict-Transport-Security": _HSTS} if settings.production else {})

    async def finish(request: web.Request, response: web.StreamResponse) -> None:
        # aiohttp (3.14) checks the Expect field before any middleware runs.
        if REQUEST_ID not in request and isinstance(response, web.HTTPException):
            identify_request(request)
            become_problem(response, request)
            log_access(request, response.status, 0)
        headers = response.headers
        headers["Server"] = "cara"  # without the software and its version
        headers["X-Request-Id"] = request.get(REQUEST_ID, "")
        for name, value in fixed.items():
            headers.setdefault(name, value)
        headers.update(rate_limit_fields(request))
        # A stream may outlast the drain: no proxy may keep its connection for the next request.
        if draining.begun or not isinstance(response, web.Response):
            headers["Connection"] = "close"
            response.force_close()
        headers["Vary"] = "Origin, Accept-Encoding" if may_be_compressed(response) else "Origin"
        _complete_cors(request, response, origins.frontends)
        if "Origin" in request.headers:
            origins.report_untrusted(request)

    return finish


def _complete_cors(request: web.Request, response: web.StreamResponse, frontends: frozenset[str]) -> None:
    """Adds what aiohttp-cors leaves out: the responses that belong to no route."""
    headers = response.headers
    origin = request.headers.get("Origin")
    if origin in frontends and "Access-Control-Allow-Origin" not in headers:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Credentials"] = "true"
        headers["Access-Control-Expose-Headers"] = ",".join(EXPOSED)
