"""Learners who read their export at a kilobyte a second, while another one exports.

Each of the slow ones has 20 MB. Meanwhile: how long the other learner's export takes and how many connections
to the database are busy; afterwards, how much the slow ones have received.

    python -m bench.slow_exports [--readers 10] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import time
from urllib.parse import urlsplit

import asyncpg
from aiohttp import ClientSession

from bench.system import register, running_system

EXPORT = "/api/users/me/export"
BYTES_A_SECOND = 1_000
BUFFER_BYTES = 4_096


class SlowReader:
    """An export that is read at `BYTES_A_SECOND`, over a socket with a small buffer."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url, self._headers = urlsplit(url), headers
        self.received = b""

    async def read(self) -> None:
        """Reads until it is cancelled, or the server has sent or had enough."""
        loop = asyncio.get_running_loop()
        with socket.socket() as connection:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            await loop.sock_connect(connection, (self._url.hostname, self._url.port))
            fields = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
            await loop.sock_sendall(connection, f"GET {EXPORT} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode())
            while data := await loop.sock_recv(connection, BYTES_A_SECOND):
                self.received += data
                await asyncio.sleep(1)

    @property
    def status(self) -> str:
        return self.received[9:12].decode()


async def store_talks(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Gives every learner sessions of 20 MB."""
    await connection.execute(
        """
        insert into sessions (user_id, id, feature_type, transcript)
        select users.id, gen_random_uuid(), 'video', repeat('word ', 20000)
        from users, generate_series(1, 200)
        """
    )


async def run(readers: int, seconds: float) -> None:
    async with running_system(durable=False) as system, ClientSession() as http:
        url = await system.add_web()
        headers = [await register(http, url, number) for number in range(readers)]
        connection = await asyncpg.connect(system.database_url)
        await store_talks(connection)
        other = await register(http, url, readers)
        slow = [SlowReader(url, each) for each in headers]
        before = system.webs[0].memory_bytes()
        reading = [asyncio.create_task(each.read()) for each in slow]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            started = time.perf_counter()
            async with http.get(url + EXPORT, headers=other) as response:
                await response.read()
            busy = await connection.fetchval(
                "select count(*) from pg_stat_activity where application_name = 'cara' and state <> 'idle'"
            )
            took = (time.perf_counter() - started) * 1000
            grown = (system.webs[0].memory_bytes() - before) / 1e6
            print(
                f"export of another: {response.status} in {took:.0f} ms, {busy} busy, memory +{grown:.0f} MB"
            )
            await asyncio.sleep(1)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        await connection.close()
        print("the slow readers:", ", ".join(f"{each.status} {len(each.received):,} bytes" for each in slow))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    asyncio.run(run(asked.readers, asked.seconds))


if __name__ == "__main__":
    main()
