"""HTTP responses of Gemini, or of a gateway in front of it, as the SDK can read them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import aiohttp

from cara.gemini.event_stream import EventStreamFilter

if TYPE_CHECKING:
    from aiohttp.connector import Connection


_opened: ContextVar[list[aiohttp.ClientResponse] | None] = ContextVar("opened", default=None)


@contextmanager
def closed_responses() -> Iterator[None]:
    """Closes the responses that begin in the block, and so ends their calls at Gemini.

    The SDK does not: its iterators refer to themselves, and would wait for the garbage collector.
    """
    opened: list[aiohttp.ClientResponse] = []
    token = _opened.set(opened)
    try:
        yield
    finally:
        _opened.reset(token)
        for response in opened:
            response.close()


class GeminiResponse(aiohttp.ClientResponse):
    """A response whose event stream is filtered, and whose error is an error whatever its body is."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Reads the head of the response.

        Raises:
            aiohttp.ContentTypeError: it is a page for people, such as the sign-in of a proxy: no answer.
        """
        await super().start(connection)
        if (opened := _opened.get()) is not None:
            opened.append(self)
        if self.status != HTTPStatus.OK:
            return self
        if self.content_type == "text/html":
            raise aiohttp.ContentTypeError(self.request_info, self.history, status=self.status)
        if self.content_type == "text/event-stream":
            self.content = cast(aiohttp.StreamReader, FilteredContent(self.content))
        return self

    async def json(self, **options: Any) -> Any:
        """Returns the body as JSON; that of an error is described by its status if it cannot be read.

        The SDK reads an error this way before it looks at the status, which must not be lost.
        """
        if self.status < HTTPStatus.BAD_REQUEST:
            return await super().json(**options)
        text = ""
        try:
            text = (await self.read()).decode("utf-8", "replace")
            body = json.loads(text)
        except (aiohttp.ClientError, ValueError, RecursionError):
            body = None
        return body if isinstance(body, dict | list) else {"message": text, "status": self.reason}


class FilteredContent:
    """The content of an event stream, with what the SDK and aiohttp use of a `StreamReader`."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yields what the SDK can read, as soon as it has come."""
        events = EventStreamFilter()
        async for data in self._content.iter_any():
            if passed := events.feed(data):
                yield passed
        if passed := events.close():
            yield passed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)
