"""Posting events as fast as a web process answers, with as little work of our own as possible."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

ANSWER_SECONDS = 30
WARM_UP = 100


class PlainHttp:
    """One kept connection that sends prepared bytes and looks at the status alone."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url)

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.address.hostname, self.address.port)

    async def send(self, request: bytes) -> tuple[int, bytes]:
        self.writer.write(request)
        async with asyncio.timeout(ANSWER_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            body = await self.reader.readexactly(length)
        return int(head.split(b" ", 2)[1]), body

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


def request_bytes(method: str, path: str, authorization: str, body: Any = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def event() -> dict[str, Any]:
    """What a front end sends: about 70 bytes of metadata."""
    metadata = {"featureType": "video", "page": "practice", "variant": "b", "position": 7}
    return {"eventType": "exercise_opened", "eventId": str(uuid4()), "metadata": metadata}


@dataclass
class Outcome:
    """How a load went."""

    name: str
    events: int = 0
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    refused: int = 0
    cpu_ms_per_event: float = 0.0

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


async def post_events(
    name: str, url: str, authorizations: list[str], *, connections: int, batch: int, seconds: float
) -> Outcome:
    """Posts from so many connections for so long, each as soon as its last post was answered."""
    outcome = Outcome(name)
    begin = time.perf_counter()
    end = begin + seconds
    async with asyncio.TaskGroup() as tasks:
        for number in range(connections):
            authorization = authorizations[number % len(authorizations)]
            tasks.create_task(_post_until(end, url, authorization, batch, outcome))
    outcome.seconds = time.perf_counter() - begin
    return outcome


async def _post_until(end: float, url: str, authorization: str, batch: int, outcome: Outcome) -> None:
    http = PlainHttp(url)
    await http.open()
    while time.perf_counter() < end:
        body = event() if batch == 1 else {"events": [event() for _ in range(batch)]}
        request = request_bytes("POST", "/api/analytics/events", authorization, body)
        begin = time.perf_counter()
        status, answer = await http.send(request)
        outcome.latencies_ms.append(1000 * (time.perf_counter() - begin))
        if status in (201, 202):
            outcome.events += batch
        else:
            assert status == 503, answer
            outcome.refused += 1
    await http.close()


async def read_often(url: str, authorization: str, path: str, times: int) -> list[float]:
    """Milliseconds of so many requests, one after the other; a few before them do not count."""
    http = PlainHttp(url)
    await http.open()
    request = request_bytes("GET", path, authorization)
    latencies: list[float] = []
    for number in range(times + WARM_UP):
        begin = time.perf_counter()
        status, answer = await http.send(request)
        assert status == 200, answer
        if number >= WARM_UP:
            latencies.append(1000 * (time.perf_counter() - begin))
    await http.close()
    return latencies
