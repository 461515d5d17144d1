"""Connections that send nothing: what another client notices of them, and how much is logged.

A web process that may have 1,024 open files gets 1,100 idle connections from one address, then twice as many
from ten, then these again with one request each. Meanwhile another address asks for `/health`, on a new
connection each time. Ends with exit code 1 when an answer takes longer than a second or does not come, or
when more than a line a second is logged about connections.

    python -m bench.connections [--connections 1100] [--open-files 1024]
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.system import percentile, running_system

ADDRESSES = [f"127.0.0.{number}" for number in range(2, 12)]
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
GET_AND_KEEP = GET.replace(b"close", b"keep-alive")
MOST_SECONDS = 1.0
AFTERWARDS_SECONDS = 3.0
ABOUT_CONNECTIONS = ("a connection from", "socket.accept()", "Too many open files")


@dataclass
class Idlers:
    """Idle connections, and how many of them the server has closed."""

    port: int
    request: bytes
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    closed: int = 0
    _watching: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, address: str, count: int) -> None:
        for _ in range(count):
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, local_addr=(address, 0)
                )
            except OSError:
                self.closed += 1
                continue
            writer.write(self.request)
            self.writers.append(writer)
            self._watching.add(asyncio.create_task(self._watch(reader)))

    async def close(self) -> None:
        for task in self._watching:
            task.cancel()
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            await reader.read()
        self.closed += 1


async def ask(port: int, stop: asyncio.Event) -> list[float]:
    """Asks for `/health` until told to stop; the seconds of each answer, infinite where none came."""
    taken = []
    while not stop.is_set():
        started = time.perf_counter()
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(GET)
                answer = await reader.read()
                writer.close()
        except OSError:
            answer = b""
        taken.append(time.perf_counter() - started if answer.startswith(b"HTTP/1.1 200") else float("inf"))
        await asyncio.sleep(0.02)
    return taken


async def hold(port: int, addresses: list[str], count: int, request: bytes = b"") -> bool:
    """Opens `count` connections from each address, which are idle after the request, if there is one.

    Returns whether `/health` is answered in time meanwhile.
    """
    stop, idlers = asyncio.Event(), Idlers(port, request)
    asking = asyncio.create_task(ask(port, stop))
    await asyncio.gather(*(idlers.open(address, count) for address in addresses))
    await asyncio.sleep(AFTERWARDS_SECONDS)
    stop.set()
    taken, opened = await asking, count * len(addresses)
    await idlers.close()
    print(
        f"{opened:>6} idle connections from {len(addresses):>2} addresses: {opened - idlers.closed} held; "
        f"/health p50 {1_000 * percentile(taken, 50):.1f} ms, slowest {1_000 * max(taken):.1f} ms "
        f"of {len(taken)}"
    )
    return max(taken) <= MOST_SECONDS


def most_lines_in_a_second(log: Path) -> int:
    """The most lines about connections that were logged in one second."""
    lines = log.read_text(errors="replace").splitlines()
    seconds = Counter(line[:19] for line in lines if any(about in line for about in ABOUT_CONNECTIONS))
    return max(seconds.values(), default=0)


async def main(connections: int, open_files: int) -> bool:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with running_system(durable=False) as system:
        port = urlsplit(await system.add_web(open_files=open_files)).port
        assert port is not None
        fine = await hold(port, ADDRESSES[:1], connections)
        fine &= await hold(port, ADDRESSES, 2 * connections // len(ADDRESSES))
        fine &= await hold(port, ADDRESSES, 2 * connections // len(ADDRESSES), GET_AND_KEEP)
        most = most_lines_in_a_second(system.webs[0].log)
        print(f"lines about connections in one second: {most} at most")
        return fine and most <= 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--connections", type=int, default=1_100)
    parser.add_argument("--open-files", type=int, default=1_024)
    options = parser.parse_args()
    sys.exit(not asyncio.run(main(options.connections, options.open_files)))
