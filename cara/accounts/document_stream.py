"""Sends a long JSON document as it is being written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from cara.web.context import REQUEST_ID

logger = logging.getLogger(__name__)

WRITE_SECONDS = 20.0
"""A reader that takes nothing for so long is left."""

WHOLE_SECONDS = 3600.0
"""Longer than this no document takes, though its reader goes on: it holds a connection to the database."""


def document_head(filename: str) -> web.StreamResponse:
    """The answer that a document begins with, and to HEAD all of it."""
    response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{filename}"'})
    response.content_type = "application/json"
    return response


async def stream_document(
    request: web.Request, pieces: AsyncIterator[bytes], *, filename: str
) -> web.StreamResponse:
    """Answers with the pieces, as a file to keep.

    What fails before the first piece is there is raised, and told as any other error. Later the connection is
    cut, so that nobody takes half a document for a whole one.
    """
    first = await anext(pieces)
    response = document_head(filename)
    await response.prepare(request)
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            await _write(response, first)
            async for piece in pieces:
                await _write(response, piece)
            await response.write_eof()
    except Exception as error:
        logger.warning(
            "%s was cut off in request %s: %s", filename, request.get(REQUEST_ID, ""), type(error).__name__
        )
        if request.transport is not None:
            request.transport.abort()
    return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(piece)
