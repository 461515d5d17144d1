"""The load of an HTTP benchmark: connections that each send the next request when the last is answered.

A process of its own, on raw bytes, so that it takes little of the core that it shares with PostgreSQL:

    python -m bench.load < order.json > measured.json
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.load_responses import LoadFailed, ResponseReader
from cara import event_loop

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
ANSWER_SECONDS = 20
"""A server that leaves a request without an answer for so long has failed."""


def request_text(method: str, path: str, headers: dict[str, str], body: Any = None) -> str:
    """Returns the request as it is sent; a body is sent as JSON."""
    content = json.dumps(body) if body is not None else ""
    fields = {"Host": "localhost", "Accept": "application/json", **headers}
    if body is not None:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines) + "\r\n\r\n" + content


@dataclass
class Measured:
    """What was seen in the measured time; processor times in seconds, latencies in milliseconds."""

    requests: int
    seconds: float
    server_cpu: float
    load_cpu: float
    core_busy: float
    """The share of the load's core, or cores, that was busy, with everything that runs there."""
    server_core_shared: float
    """The share of the server's core, or cores, that went to other processes."""
    milliseconds: list[float] = field(repr=False)

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of the server's processor time a request."""
        return 1_000 * self.server_cpu / self.requests


class Load:
    """Requests in turn over some connections; each pauses for so many seconds after an answer."""

    def __init__(
        self,
        port: int,
        requests: Sequence[str],
        connections: int,
        *,
        pause_seconds: float = 0.0,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._port = port
        self._requests = cycle([request.encode() for request in requests])
        self._wanted = connections
        self._pause_seconds = pause_seconds
        self._answer_seconds = answer_seconds
        self._milliseconds: list[float] = []
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connections: set[_Connection] = set()
        self.stopping = False

    async def run(self, warm_seconds: float, seconds: float, server_pid: int) -> Measured:
        """Measures for `seconds` after the warm-up.

        Raises:
            LoadFailed: a request failed.
        """
        loop = asyncio.get_running_loop()
        for _ in range(self._wanted):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
        await self._for(warm_seconds)
        before, self._milliseconds = _Reading(server_pid), []
        await self._for(seconds)
        after, milliseconds = _Reading(server_pid), self._milliseconds
        await self._stop()
        return after.since(before, milliseconds)

    async def _for(self, seconds: float) -> None:
        """Lets the load run for a while, or until it fails."""
        done, _ = await asyncio.wait([self._ended], timeout=seconds)
        if done:
            self._ended.result()

    async def _stop(self) -> None:
        self.stopping = True
        for connection in [each for each in self._connections if not each.waits]:
            connection.close()
        await self._for(self._answer_seconds)
        if self._connections:
            left = len(self._connections)
            raise LoadFailed(f"{left} requests had no answer within {self._answer_seconds:g} s")

    def next_request(self) -> bytes:
        return next(self._requests)

    def opened(self, connection: _Connection) -> None:
        self._connections.add(connection)

    def answered(self, seconds: float) -> float:
        """Notes an answer; returns the pause before the next request, in seconds."""
        self._milliseconds.append(1_000 * seconds)
        return self._pause_seconds

    def closed(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self.stopping and not self._connections and not self._ended.done():
            self._ended.set_result(None)

    def failed(self, why: str) -> None:
        self.stopping = True
        if not self._ended.done():
            self._ended.set_exception(LoadFailed(why))


class _Connection(asyncio.Protocol):
    """One connection; `waits` says whether it waits for an answer."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._reader = ResponseReader()
        self._loop = asyncio.get_running_loop()
        self._request = b""
        self._begun = 0.0
        self.waits = False

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._load.opened(self)
        self._send()

    def _send(self) -> None:
        if self._load.stopping:
            self.close()
            return
        self._request = self._load.next_request()
        self._begun = time.perf_counter()
        self.waits = True
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            response = self._reader.feed(data)
        except (LoadFailed, ValueError) as error:
            self._fail(f"had an answer that cannot be read: {error}")
            return
        if response is None:
            return
        self.waits = False
        status, body = response
        if status // 100 != 2:
            self._fail(f"was answered with {status}: {body[:300]!r}")
        elif pause := self._load.answered(time.perf_counter() - self._begun):
            self._loop.call_later(pause, self._send)
        else:
            self._send()

    def _fail(self, why: str) -> None:
        self._load.failed(f"{self._request.partition(b' HTTP')[0].decode()} {why}")
        self.close()

    def close(self) -> None:
        self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self._load.stopping:
            self._fail("was not answered: the server closed the connection")
        self._load.closed(self)


class _Reading:
    """The clocks at one moment (Linux)."""

    def __init__(self, server_pid: int) -> None:
        self._at = time.perf_counter()
        fields = Path(f"/proc/{server_pid}/stat").read_text().rpartition(")")[2].split()
        self._server = (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
        self._load = time.process_time()
        self._idle, self._all = _ticks_of_cores(os.sched_getaffinity(0))
        self._server_idle, _ = _ticks_of_cores(os.sched_getaffinity(server_pid))

    def since(self, before: _Reading, milliseconds: list[float]) -> Measured:
        passed, seconds = self._all - before._all, self._at - before._at
        server_cpu = self._server - before._server
        server_idle = (self._server_idle - before._server_idle) / TICKS_PER_SECOND
        return Measured(
            requests=len(milliseconds),
            seconds=seconds,
            server_cpu=server_cpu,
            load_cpu=self._load - before._load,
            core_busy=1 - (self._idle - before._idle) / passed if passed else 0.0,
            server_core_shared=max(0.0, 1 - (server_cpu + server_idle) / seconds),
            milliseconds=milliseconds,
        )


def _ticks_of_cores(cores: set[int]) -> tuple[int, int]:
    """Returns the idle and all ticks of these cores."""
    named = {f"cpu{core}" for core in cores}
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    ticks = [[int(field) for field in line[1:9]] for line in lines if line and line[0] in named]
    return sum(each[3] + each[4] for each in ticks), sum(map(sum, ticks))


async def _main() -> None:
    order = json.load(sys.stdin)
    timing = {name: order.pop(name) for name in ("warm_seconds", "seconds", "server_pid")}
    measured = await Load(**order).run(**timing)
    json.dump(dataclasses.asdict(measured), sys.stdout)


if __name__ == "__main__":
    try:
        event_loop.run(_main())
    except (LoadFailed, OSError) as error:
        sys.exit(f"the load failed: {error}")
