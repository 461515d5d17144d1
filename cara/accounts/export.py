"""Everything that is stored of a user, as one JSON document that is written while it is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from cara import audit
from cara.accounts.export_sections import PROFILE, SECTIONS
from cara.errors import Unavailable
from cara.postgres.database import Connection, Database, Record
from cara.web.client_info import ClientInfo

MAX_AT_ONCE = 2
"""Each export holds a connection for as long as its reader takes; nobody has two of them at once."""

PREFETCH_ROWS = 20
PIECE_BYTES = 64 * 1024


class ExportsBusy(Unavailable):
    code = "exports_busy"
    detail = "Enough exports are being written just now. Please try again in a moment."


class Exports:
    """Writes exports, a few at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: set[UUID] = set()

    @asynccontextmanager
    async def document(self, user_id: UUID, client: ClientInfo) -> AsyncIterator[AsyncIterator[bytes]]:
        """The document of one user in pieces of about `PIECE_BYTES`, to be read within the block.

        It shows one moment, and holds a connection for as long as the block lasts. Memory stays bounded:
        rows come through a cursor.

        Raises:
            ExportsBusy: one of this user is being written already, or enough of others.
        """
        if user_id in self._running or len(self._running) >= MAX_AT_ONCE:
            raise ExportsBusy(retry_after_seconds=5)
        self._running.add(user_id)
        try:
            async with self._database.acquire() as connection:
                await audit.record(connection, "exported", client, user_id)
                async with (
                    connection.transaction(isolation="repeatable_read", readonly=True),
                    aclosing(_in_pieces(_document(connection, user_id))) as pieces,
                ):
                    yield pieces
        finally:
            self._running.remove(user_id)


async def _document(connection: Connection, user_id: UUID) -> AsyncIterator[bytes]:
    profile = await connection.fetchrow(PROFILE, user_id)
    yield b'{"exportedAt":' + to_json(datetime.now(UTC))
    yield b',"profile":' + (_json(profile) if profile else b"null")
    for name, statement in SECTIONS.items():
        yield b',"' + name.encode() + b'":['
        separator = b""
        async for row in connection.cursor(statement, user_id, prefetch=PREFETCH_ROWS):
            yield separator + _json(row)
            separator = b","
        yield b"]"
    yield b"}"


async def _in_pieces(fragments: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    piece = bytearray()
    async for fragment in fragments:
        piece += fragment
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _json(row: Record) -> bytes:
    return to_json({to_camel(column): value for column, value in row.items()})
