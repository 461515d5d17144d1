"""Documents for download: written quickly to a temporary file, then sent as slowly as their reader reads.

What a document is read from, a connection to the database above all, is given back before the first byte is
sent. So readers hold up nobody, and whatever fails while the document is written is a problem of its own.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from uuid import UUID

from aiohttp import web

from cara.errors import Unavailable
from cara.web.compression import GZIP_BITS, LEVEL
from cara.web.context import REQUEST_ID

logger = logging.getLogger(__name__)

MEMORY_BYTES = 256 * 1024
"""Up to this size a document stays in memory, and needs nothing of the disk."""

MAX_AT_ONCE = 100
"""So many documents of one process are written or read at the same time; of each learner, one."""

CHUNK_BYTES = 64 * 1024

WRITE_SECONDS = 20.0
"""A client that reads nothing for this long is disconnected."""

WHOLE_SECONDS = 900.0
"""The longest that a download may take: it holds a file."""


class DownloadsBusy(Unavailable):
    code = "downloads_busy"
    detail = "There is no room for another download just now. Please try again in a moment."


@dataclass(frozen=True)
class Document:
    """The name and the content type of a download."""

    filename: str
    content_type: str

    def head(self, *, compressed: bool = False) -> web.StreamResponse:
        """Returns the response without its body: what HEAD gets."""
        fields = {
            "Content-Type": self.content_type,
            "Content-Disposition": f'attachment; filename="{self.filename}"',
        }
        return web.StreamResponse(headers=fields | ({"Content-Encoding": "gzip"} if compressed else {}))


class Downloads:
    """The downloads of a process. All their temporary files together hold at most `disk_bytes`."""

    def __init__(self, disk_bytes: int) -> None:
        self._free_bytes = disk_bytes
        self._owners: set[UUID] = set()

    @asynccontextmanager
    async def spool(self, owner: UUID, *, compressed: bool = False) -> AsyncIterator[Spool]:
        """Yields the place for a document of the learner; it is discarded at the end of the block.

        `compressed` documents are written as they are sent, in gzip.

        Raises:
            DownloadsBusy: another download of this learner is not read yet, or as many of others as may be.
        """
        if owner in self._owners or len(self._owners) >= MAX_AT_ONCE:
            raise DownloadsBusy
        self._owners.add(owner)
        spool = Spool(self, compressed=compressed)
        try:
            yield spool
        finally:
            self._owners.remove(owner)
            self._free_bytes += spool.disk_bytes
            # In a thread, because the kernel takes its time to delete a large file.
            asyncio.get_running_loop().run_in_executor(None, spool.close)

    def take(self, disk_bytes: int) -> None:
        """Takes so much of the disk.

        Raises:
            DownloadsBusy: the other documents leave less.
        """
        if disk_bytes > self._free_bytes:
            raise DownloadsBusy
        self._free_bytes -= disk_bytes


class Spool:
    """A document on its way to its reader."""

    def __init__(self, downloads: Downloads, *, compressed: bool) -> None:
        self._downloads = downloads
        self._compressor = zlib.compressobj(LEVEL, wbits=GZIP_BITS) if compressed else None
        self._file = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 (closed by `close`)
        self._size = 0
        self.disk_bytes = 0

    async def fill(self, chunks: AsyncIterable[bytes]) -> None:
        """Writes the whole document.

        Raises:
            DownloadsBusy: there is no room for it on the disk.
        """
        async for chunk in chunks:
            if self._compressor:
                chunk = await asyncio.to_thread(self._compressor.compress, chunk)
            await self._append(chunk)
        if self._compressor:
            await self._append(self._compressor.flush())

    async def send(self, request: web.Request, document: Document) -> web.StreamResponse:
        """Sends the document at the pace of its reader.

        Once it has begun, the connection is aborted on any error, so that no client takes half a document for
        a whole one. aiohttp sends its end after the handler has returned: a client that has it all finds its
        place given back.
        """
        response = document.head(compressed=self._compressor is not None)
        await response.prepare(request)
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                await self._write_to(response)
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

    def close(self) -> None:
        """Discards the document."""
        self._file.close()

    async def _append(self, written: bytes) -> None:
        if not written:
            return  # the compressor keeps it for later
        self._size += len(written)
        if self._size > MEMORY_BYTES:
            self._downloads.take(self._size - self.disk_bytes)
            self.disk_bytes = self._size
        try:
            await asyncio.to_thread(self._file.write, written)
        except OSError as error:
            raise DownloadsBusy from error

    async def _write_to(self, response: web.StreamResponse) -> None:
        await asyncio.to_thread(self._file.seek, 0)
        while chunk := await asyncio.to_thread(self._file.read, CHUNK_BYTES):
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(chunk)
