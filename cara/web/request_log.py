"""What surrounds every request: its id, its client's address, its duration and its line in the access log."""

from __future__ import annotations

import json
import logging
import re
import time
from uuid import uuid4

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.typedefs import Handler

from cara.observability.metrics import REQUEST_SECONDS
from cara.observability.sentry import tag_request_id
from cara.web.client_info import client_address, find_client_address
from cara.web.context import CALLER_ID, CLIENT_ADDRESS, REQUEST_ID

UNKNOWN_ROUTE = "unknown"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")


@web.middleware
async def request_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Names the request and its client, and measures how long it takes.

    The client's own request id is taken when it is a sane token. Durations are observed by the pattern of the
    route, for paths are many; event streams are left out, for they last by design.
    """
    offered = request.headers.get("X-Request-Id", "")
    request[REQUEST_ID] = offered if _SANE.fullmatch(offered) else uuid4().hex
    request[CLIENT_ADDRESS] = find_client_address(request)
    tag_request_id(request[REQUEST_ID])
    began = time.perf_counter()
    response = await handler(request)
    if response.content_type != "text/event-stream":
        resource = request.match_info.route.resource
        route = resource.canonical if resource else UNKNOWN_ROUTE
        method = request.method if resource else "any"
        REQUEST_SECONDS.labels(method, route, response.status).observe(time.perf_counter() - began)
    return response


class AccessLogger(AbstractAccessLogger):
    """Method, path (never the query: it can hold a ticket), status, duration, user, address."""

    @property
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(logging.INFO)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        line = {
            "method": request.method,
            "path": request.path,
            "status": response.status,
            "durationMs": round(time * 1000, 1),
            "userId": str(request[CALLER_ID]) if CALLER_ID in request else None,
            "address": client_address(request),
            "requestId": request.get(REQUEST_ID),
        }
        self.logger.info(json.dumps(line))
