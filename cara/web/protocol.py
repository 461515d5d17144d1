"""What goes wrong below the application, answered as a problem too.

aiohttp answers in plain text what never becomes a request: bytes that are no HTTP, header fields that are too
long, an expectation that nobody knows.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from uuid import uuid4

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from cara.web.context import REQUEST_ID
from cara.web.headers import SECURITY
from cara.web.problems import http_problem

logger = logging.getLogger(__name__)

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ProblemRunner(web.AppRunner):
    """Runs an application as `web.AppRunner` does; nothing that it sends is an error in text or HTML."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return _ProblemServer(
            _with_problems(server.request_handler),
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            **server._kwargs,
        )


class _ProblemServer(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _ProblemProtocol(self, loop=self._loop, **self._kwargs)


class _ProblemProtocol(web.RequestHandler):
    """One connection."""

    __slots__ = ()

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
        if isinstance(exc, LineTooLong):
            return _bare_problem(web.HTTPRequestHeaderFieldsTooLarge(), request)
        return _bare_problem(error(), request)


def _with_problems(answer: Answering) -> Answering:
    async def answer_or_problem(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await answer(request)
        except web.HTTPException as error:
            return _bare_problem(error, request)

    return answer_or_problem


def _bare_problem(error: web.HTTPException, request: web.BaseRequest) -> web.StreamResponse:
    """A problem outside of the application, where nobody else completes the header."""
    request[REQUEST_ID] = request.get(REQUEST_ID) or uuid4().hex
    response = http_problem(error, request)
    response.headers.update({**SECURITY, "X-Request-Id": request[REQUEST_ID]})
    response.force_close()
    return response
