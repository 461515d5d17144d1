"""Measures how long requests take, for operators."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from cara.metrics import REQUEST_SECONDS

UNKNOWN_ROUTE = "unknown"


@web.middleware
async def measure_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Observes each request by the pattern of its route, for paths are many; streams last by design."""
    began = time.perf_counter()
    response = await handler(request)
    if response.content_type != "text/event-stream":
        resource = request.match_info.route.resource
        route = resource.canonical if resource else UNKNOWN_ROUTE
        method = request.method if resource else "any"
        REQUEST_SECONDS.labels(method, route, response.status).observe(time.perf_counter() - began)
    return response
