"""A client that can send what no client library would."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from tests.waiting import time_limit


@dataclass
class RawAnswer:
    """The last answer on a connection, and those with status 1xx that came before it."""

    status: int
    headers: dict[str, str]
    body: bytes
    interim: list[int] = field(default_factory=list)

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"].startswith("application/problem+json"), self.headers
        problem: dict[str, Any] = json.loads(self.body)
        assert problem["status"] == self.status
        assert problem["requestId"] == self.headers["x-request-id"]
        return problem


class RawConnection:
    """One connection to a server, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int, source: str = "127.0.0.1") -> RawConnection:
        """Connects from one of the addresses of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))

    async def send(self, text: bytes) -> None:
        self._writer.write(text)
        await self._writer.drain()

    async def answer(self) -> RawAnswer:
        async with time_limit():
            interim = []
            while (answer := await self._one()).status < 200:
                interim.append(answer.status)
            answer.interim = interim
            return answer

    async def head(self) -> list[str]:
        """The lines of the next answer's head."""
        async with time_limit():
            return (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")

    async def _one(self) -> RawAnswer:
        head = await self.head()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return RawAnswer(int(head[0].split()[1]), headers, body)

    async def begins_with(self, text: bytes) -> bool:
        """Whether the next bytes of the server are these."""
        async with time_limit():
            return await self._reader.readexactly(len(text)) == text

    async def ends(self) -> bool:
        """Whether the server closes the connection, within the bound."""
        async with time_limit():
            return await self._reader.read() == b""

    async def close(self) -> None:
        self._writer.close()


async def answer_to(port: int, text: bytes) -> RawAnswer:
    """What the server answers to these bytes."""
    connection = await RawConnection.open(port)
    try:
        await connection.send(text)
        return await connection.answer()
    finally:
        await connection.close()
