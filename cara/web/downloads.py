"""Streams a document to the client while it is being produced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from cara.web.context import REQUEST_ID

logger = logging.getLogger(__name__)

WRITE_SECONDS = 20.0
"""A client that reads nothing for this long is disconnected."""

WHOLE_SECONDS = 900.0
"""The longest that a download may take: it holds a connection to the database."""


@dataclass(frozen=True)
class Document:
    """The name and the content type of a download."""

    filename: str
    content_type: str

    def head(self) -> web.StreamResponse:
        """Returns the response without its body: what HEAD gets."""
        return web.StreamResponse(
            headers={
                "Content-Type": self.content_type,
                "Content-Disposition": f'attachment; filename="{self.filename}"',
            }
        )


async def streaming_download(
    request: web.Request, document: Document, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Streams the chunks of the document.

    An error before the first chunk is raised, and becomes a problem. After that the connection is aborted, so
    that no client takes half a document for a whole one. aiohttp sends the end of the document after the
    handler has returned: a client that has it all finds what the document was read from given back.
    """
    first = await anext(chunks)
    response = document.head()
    await response.prepare(request)
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            await _write(response, first)
            async for chunk in chunks:
                await _write(response, chunk)
    except Exception as error:
        logger.warning(
            "download of %s aborted in request %s: %s",
            document.filename,
            request.get(REQUEST_ID, ""),
            type(error).__name__,
        )
        if request.transport is not None:
            request.transport.abort()
    return response


async def _write(response: web.StreamResponse, chunk: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(chunk)
