"""A storm of sign-ins, while a learner who is signed in reads their sessions from the same web process.

Prints sign-ins a second, the time of the reads quiet and under the storm, and the memory of the process. A
quarter of the storm guesses: emails without an account, which cost the same work.

    python -m bench.logins [--at-once 64] [--seconds 20]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, TCPConnector

from bench.system import Running, percentile, register, running_system

READ_PAUSE_SECONDS = 0.01
MEMORY_PAUSE_SECONDS = 0.1
SESSIONS = 30
BUSY_SECONDS = 0.2
GUESS_EVERY = 4


async def read_for(http: ClientSession, url: str, headers: dict[str, str], seconds: float) -> list[float]:
    """Reads the list of sessions repeatedly; the seconds that each read took."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        async with http.get(f"{url}/api/sessions", headers=headers) as response:
            await response.read()
            assert response.status == 200
        took.append(time.perf_counter() - started)
        await asyncio.sleep(READ_PAUSE_SECONDS)
    return took


async def keep_signing_in(
    http: ClientSession, url: str, number: int, outcomes: Counter[int], took: list[float]
) -> None:
    """Signs in repeatedly, as one client of the storm."""
    attempt = 0
    while True:
        guess = (number + attempt) % GUESS_EVERY == 0
        email = f"nobody{number}-{attempt}@example.com" if guess else f"learner{number}@example.com"
        started = time.perf_counter()
        credentials = {"email": email, "password": "correct horse battery"}
        async with http.post(f"{url}/api/auth/login", json=credentials) as response:
            await response.read()
        outcomes[response.status] += 1
        took.append(time.perf_counter() - started)
        if response.status not in (200, 401):
            await asyncio.sleep(BUSY_SECONDS)
        attempt += 1


@asynccontextmanager
async def storm(url: str, at_once: int, outcomes: Counter[int], took: list[float]) -> AsyncIterator[None]:
    """Runs `at_once` clients during the block."""
    async with ClientSession(connector=TCPConnector(limit=0)) as http:
        clients = [
            asyncio.create_task(keep_signing_in(http, url, number, outcomes, took))
            for number in range(at_once)
        ]
        try:
            yield
        finally:
            for client in clients:
                client.cancel()
            ended = await asyncio.gather(*clients, return_exceptions=True)
    failed = [end for end in ended if not isinstance(end, asyncio.CancelledError)]
    assert not failed, failed[0]


@asynccontextmanager
async def watched_memory(process: Running) -> AsyncIterator[list[int]]:
    """Samples the resident memory of the process during the block, in bytes."""
    seen = [process.memory_bytes()]

    async def watch() -> None:
        while True:
            await asyncio.sleep(MEMORY_PAUSE_SECONDS)
            seen.append(process.memory_bytes())

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def run(at_once: int, seconds: float) -> None:
    outcomes: Counter[int] = Counter()
    took: list[float] = []
    async with running_system() as system, ClientSession() as http:
        url = await system.add_web()
        for number in range(at_once):
            await register(http, url, number)
        reader = await register(http, url, at_once)
        for _ in range(SESSIONS):
            body = {"featureType": "conversation"}
            await (await http.post(f"{url}/api/sessions", json=body, headers=reader)).read()
        await read_for(http, url, reader, seconds=1)
        quiet = await read_for(http, url, reader, seconds / 2)
        async with watched_memory(system.webs[0]) as memory, storm(url, at_once, outcomes, took):
            stormy = await read_for(http, url, reader, seconds)
    print_sign_ins(seconds, outcomes, took)
    for name, reads in (("quiet", quiet), ("under the storm", stormy)):
        p50, p99 = (percentile(reads, percent) * 1000 for percent in (50, 99))
        print(f"GET /api/sessions {name}: {len(reads)} reads, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"p99 under the storm is {percentile(stormy, 99) / percentile(quiet, 99):.1f} x the quiet one")
    before, most = memory[0] / 2**20, max(memory) / 2**20
    print(f"memory of the web process: {before:.0f} MiB before, {most:.0f} MiB at most")


def print_sign_ins(seconds: float, outcomes: Counter[int], took: list[float]) -> None:
    answered = outcomes[200] + outcomes[401]
    print(f"sign-ins judged: {answered / seconds:.1f}/s (by status: {dict(sorted(outcomes.items()))})")
    p50, p99 = percentile(took, 50), percentile(took, 99)
    print(f"a sign-in took p50 {p50:.2f} s, p99 {p99:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.at_once, arguments.seconds))


if __name__ == "__main__":
    main()
