"""Sends a long document as it is being written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from cara.web.context import REQUEST_ID

logger = logging.getLogger(__name__)

WRITE_SECONDS = 20.0
"""A reader that takes nothing for so long is left."""

WHOLE_SECONDS = 900.0
"""Longer than this no document takes, though its reader goes on: it holds a connection to the database."""


@dataclass(frozen=True)
class Document:
    """What a file to keep is called, and what is in it."""

    filename: str
    content_type: str

    def head(self) -> web.StreamResponse:
        """The answer that the document begins with, and to HEAD all of it."""
        return web.StreamResponse(
            headers={
                "Content-Type": self.content_type,
                "Content-Disposition": f'attachment; filename="{self.filename}"',
            }
        )


async def streaming_download(
    request: web.Request, document: Document, pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Answers with the pieces of the document.

    What fails before the first piece is there is raised, and told as any other error. Later the connection is
    cut, so that nobody takes half a document for a whole one.
    """
    first = await anext(pieces)
    response = document.head()
    await response.prepare(request)
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            await _write(response, first)
            async for piece in pieces:
                await _write(response, piece)
            await response.write_eof()
    except Exception as error:
        logger.warning(
            "%s was cut off in request %s: %s",
            document.filename,
            request.get(REQUEST_ID, ""),
            type(error).__name__,
        )
        if request.transport is not None:
            request.transport.abort()
    return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(piece)
