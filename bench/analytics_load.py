"""Posting events as fast as a web process answers, with as little work of our own as possible.

Requests are put together from bytes, and answers looked at for status and length alone: a load that costs as
much as the web process would be measured with it, because both share the cores of one machine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast
from urllib.parse import urlsplit

ANSWER_SECONDS = 30
WARM_UP = 5

_RANDOM = Random()
_EVENT = (
    b'{"eventType": "exercise_opened", "eventId": "%s", "metadata":'
    b' {"featureType": "video", "page": "practice", "variant": "b", "position": 7}}'
)
"""What a front end sends: about 70 bytes of metadata."""


class PlainHttp(asyncio.Protocol):
    """One kept connection that sends prepared bytes and looks at status and length alone."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url)
        self.received = bytearray()
        self.answered: asyncio.Future[tuple[int, bytes]] | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: self, self.address.hostname, self.address.port)
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.received[:end]).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self.received) >= end + 4 + length and self.answered:
            body = bytes(self.received[end + 4 :])
            self.received.clear()
            self.answered.set_result((int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        if self.answered and not self.answered.done():
            self.answered.set_exception(error or ConnectionResetError("closed before the answer"))

    async def send(self, request: bytes) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        self.answered = loop.create_future()
        late = loop.call_later(ANSWER_SECONDS, self.transport.abort)
        self.transport.write(request)
        try:
            return await self.answered
        finally:
            late.cancel()

    async def close(self) -> None:
        self.transport.close()


def request_bytes(method: str, path: str, authorization: str, body: Any = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    return _head(method, path, authorization, len(content)) + content


def _head(method: str, path: str, authorization: str, length: int) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def posts(authorization: str, batch: int) -> Callable[[], bytes]:
    """What makes requests that post one event, or so many in a batch, each under a random id."""
    length = len(_event())
    if batch == 1:
        head = _head("POST", "/api/analytics/events", authorization, length)
        return lambda: head + _event()
    length = len(b'{"events": []}') + batch * length + len(b", ") * (batch - 1)
    head = _head("POST", "/api/analytics/events", authorization, length)
    return lambda: head + b'{"events": [' + b", ".join([_event() for _ in range(batch)]) + b"]}"


def _event() -> bytes:
    digits = b"%032x" % _RANDOM.getrandbits(128)
    return _EVENT % b"-".join(
        (digits[:8], digits[8:12], b"4" + digits[13:16], b"a" + digits[17:20], digits[20:])
    )


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
    make = posts(authorization, batch)
    while time.perf_counter() < end:
        request = make()
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
