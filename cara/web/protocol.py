"""What goes wrong below the application, answered as a problem too.

aiohttp answers in plain text what never becomes a request: bytes that are no HTTP, header fields that are too
long or too many, an expectation that nobody knows.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from cara.settings import Settings
from cara.web.context import REQUEST_ID, service
from cara.web.headers import completing_headers
from cara.web.problems import http_problem

logger = logging.getLogger(__name__)

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Completing = Callable[[web.BaseRequest, web.StreamResponse], None]


class ProblemRunner(web.AppRunner):
    """Runs an application as `web.AppRunner` does; nothing that it sends is an error in text or HTML."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        complete = completing_headers(service(self.app, Settings))
        return _ProblemServer(
            complete,
            _with_problems(server.request_handler, complete),
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            # aiohttp would inflate a compressed body on the event loop, whatever comes of the request, and
            # however much it grows: `read_body` does it, in a thread and within the limit.
            **server._kwargs | {"auto_decompress": False},
        )


class _ProblemServer(web.Server):
    def __init__(self, complete: Completing, answer: Answering, **options: Any) -> None:
        super().__init__(answer, **options)
        self.complete_headers = complete

    def __call__(self) -> web.RequestHandler:
        return _ProblemProtocol(self, self.complete_headers, loop=self._loop, **self._kwargs)


class _ProblemProtocol(web.RequestHandler):
    """One connection."""

    __slots__ = ("_complete_headers",)

    def __init__(self, server: web.Server, complete: Completing, **options: Any) -> None:
        super().__init__(server, **options)
        self._complete_headers = complete

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats the bytes that were not understood
    ) -> web.StreamResponse:
        """The problem for what no handler answered; the connection is closed after it."""
        if status < 500:
            logger.info("not understood, from %s: %s", request.remote, type(exc).__name__)
        else:
            logger.error("unforeseen error on a connection", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, it cannot become a problem")
        error = {400: web.HTTPBadRequest, 504: web.HTTPGatewayTimeout}.get(
            status, web.HTTPInternalServerError
        )
        if isinstance(exc, LineTooLong) or _tells_of_too_many(exc):
            return _bare_problem(web.HTTPRequestHeaderFieldsTooLarge(), request, self._complete_headers)
        return _bare_problem(error(), request, self._complete_headers)


def _tells_of_too_many(error: BaseException | None) -> bool:
    """Whether there were too many header fields: aiohttp has no class for that, only these words."""
    return isinstance(error, BadHttpMessage) and error.message == "Too many headers received"


def _with_problems(answer: Answering, complete: Completing) -> Answering:
    async def answer_or_problem(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await answer(request)
        except web.HTTPException as error:
            return _bare_problem(error, request, complete)

    return answer_or_problem


def _bare_problem(
    error: web.HTTPException, request: web.BaseRequest, complete: Completing
) -> web.StreamResponse:
    """A problem outside of the application, where no signal completes the header."""
    request[REQUEST_ID] = request.get(REQUEST_ID) or uuid4().hex
    response = http_problem(error, request)
    complete(request, response)
    response.force_close()
    return response
