"""What surrounds every request: its id, its client's address, its duration and its line in the access log."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from cara.observability.access_log import UNKNOWN_ROUTE, AccessLine, AccessLog
from cara.observability.sentry import tag_request_id
from cara.web.client_info import client_address, find_client_address
from cara.web.context import CALLER_ID, CLIENT_ADDRESS, LOGGED_LATER, REQUEST_ID, SERVICES

CLIENT_CLOSED_REQUEST: Final = 499
"""The client left before it had its response; nginx's number for that, which is never sent."""

_SANE_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


@web.middleware
async def log_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Identifies the request, measures how long it takes, and writes its access line.

    A stream takes until its last byte was written, any other response until it is ready to be sent.
    """
    identify_request(request)
    started = time.perf_counter()
    status, route = CLIENT_CLOSED_REQUEST, None
    try:
        response = await handler(request)
        status, route = response.status, _route_of(request, response)
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        log_access(request, status, time.perf_counter() - started, route)


@web.middleware
async def tag_reports(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tags what the request reports to Sentry with its id; belongs inside `log_requests`."""
    tag_request_id(request[REQUEST_ID])
    return await handler(request)


def identify_request(request: web.Request) -> None:
    """Sets the request id, which is the client's own when that is a sane token, and the client address."""
    offered = request.headers.get("X-Request-Id")
    if not offered or not _SANE_REQUEST_ID.fullmatch(offered):
        offered = os.urandom(16).hex()
    request[REQUEST_ID] = offered
    request[CLIENT_ADDRESS] = find_client_address(request)


def log_access(request: web.Request, status: int, seconds: float, route: str | None = None) -> None:
    """Adds the line of a request to the access log, unless somebody else does so later."""
    if LOGGED_LATER not in request:
        access_log_of(request).add(access_line(request, status, seconds, route))


def access_log_of(request: web.Request) -> AccessLog:
    log: AccessLog = request.app[SERVICES][AccessLog]
    return log


def access_line(request: web.Request, status: int, seconds: float, route: str | None = None) -> AccessLine:
    """Returns the line of a request, with its path without the query, which may hold a ticket."""
    user_id, address, request_id = request.get(CALLER_ID), client_address(request), request.get(REQUEST_ID)
    return AccessLine(request.method, request.path, status, seconds, user_id, address, request_id, route)


def _route_of(request: web.Request, response: web.StreamResponse) -> str | None:
    """Returns the pattern of the route, for paths are many; None for event streams, which last by design."""
    if response.content_type == "text/event-stream":
        return None
    resource = request.match_info.route.resource
    return resource.canonical if resource else UNKNOWN_ROUTE


class _NotHttpIsInfo(logging.Filter):
    """Makes one line at INFO of what aiohttp logs about bytes that are not HTTP, be it at ERROR or DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.exc_info = f"not HTTP, from %s: {type(error).__name__}", None
        return record.levelno >= logging.INFO


connection_log = logging.getLogger("cara.web.connections")
connection_log.setLevel(logging.DEBUG)
connection_log.addFilter(_NotHttpIsInfo())
