"""Request ids, and one line of JSON for every request that was answered."""

from __future__ import annotations

import json
import logging
import re
from uuid import uuid4

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.typedefs import Handler

from cara.web.addresses import client_address
from cara.web.context import CALLER_ID, REQUEST_ID

_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")


@web.middleware
async def request_id_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Takes the client's request id when it is a sane token, else makes one."""
    offered = request.headers.get("X-Request-Id", "")
    request[REQUEST_ID] = offered if _SANE.fullmatch(offered) else uuid4().hex
    return await handler(request)


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
