"""Header fields that every answer carries: request id, security, limits and CORS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from cara.settings import Settings
from cara.web.context import REQUEST_ID
from cara.web.cors import complete_cors, exact_origins
from cara.web.rate_limits import rate_limit_fields

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_HSTS = "max-age=63072000; includeSubDomains"


def finish_headers(settings: Settings) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """The signal handler that completes the fields of each answer, errors and unknown routes included."""
    complete = completing_headers(settings)

    async def finish(request: web.Request, response: web.StreamResponse) -> None:
        complete(request, response)

    return finish


def completing_headers(settings: Settings) -> Callable[[web.BaseRequest, web.StreamResponse], None]:
    """What adds these fields to any answer, also below the application; twice is as good as once."""
    origins = frozenset(exact_origins(settings))
    fixed = SECURITY | ({"Strict-Transport-Security": _HSTS} if settings.production else {})

    def complete(request: web.BaseRequest, response: web.StreamResponse) -> None:
        headers = response.headers
        headers["Server"] = "cara"  # which software in which version is nobody's business
        headers["X-Request-Id"] = request.get(REQUEST_ID, "")
        for name, value in fixed.items():
            headers.setdefault(name, value)
        headers.update(rate_limit_fields(request))
        complete_cors(request, response, origins)

    return complete
