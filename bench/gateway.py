"""What /process adds to a call to Gemini, beside a bare aiohttp proxy and the SDK called directly.

All of it in one run and on the same event loop, with the emulator in a process of its own, everything
streamed. First with an emulator that is as slow as Gemini (`--think` seconds to the first chunk), at 1, 16
and 64 connections and at 50 calls a second: how long a call takes, and how long from the emulator's first
byte to the client's. Then with one that answers at once: how many requests a second one process manages, and
what a call costs. The process under test runs on one core, all the rest on the others. Last, an outage:
Gemini refuses connections for a while under load. `--quick` measures the rate and the cost alone.

    python -m bench.gateway [--seconds 10] [--think 0.3] [--connections 1 16 64] [--rate 50] [--down 60]
                            [--quick] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import ClientSession, TCPConnector

from bench.gateway_outage import outage
from bench.gateway_sides import PROMPT, Load, Timings, body_for_proxy, under_load
from bench.report import replace_section
from bench.system import CONTROL, Running, System, percentile, register, running_system
from cara.devtools.servers.ports import free_port, port_opens

CHUNK_SECONDS = "0.01"
REMEMBERED = "100000"
BUSY_CONNECTIONS = 32
QUICK_SECONDS = 6.0
LEARNERS = 64
ROUNDS = 3
COMMITS = 100
CORES = sorted(os.sched_getaffinity(0))
BENCHMARKS = Path(__file__).parent.parent / "docs" / "benchmarks.md"


@dataclass
class Figures:
    """The results of one contender under a load, in milliseconds."""

    side: str
    load: str
    p50: float
    p99: float
    first_byte_p50: float
    first_byte_p99: float
    a_second: float
    processor: float


def figures(side: str, load: Load, timings: Timings, answered: dict[str, float]) -> Figures:
    calls = [1_000 * seconds for seconds in timings.seconds]
    lags = [1_000 * (first - answered[marker]) for marker, first in timings.first_bytes.items()]
    return Figures(
        side,
        f"{load.rate:g} calls a second" if load.rate else f"{load.connections} connections",
        percentile(calls, 50),
        percentile(calls, 99),
        percentile(lags, 50),
        percentile(lags, 99),
        len(calls) / timings.elapsed,
        1_000 * timings.processor_seconds / len(calls),
    )


async def answered_at(http: ClientSession, emulator_url: str) -> dict[str, float]:
    """The time at which the emulator began to answer, by the marker in the prompt."""
    async with http.get(f"{emulator_url}/emulator/requests", headers=CONTROL) as response:
        asked = await response.json()
    times = {}
    for one in asked:
        text = one["body"]["contents"][-1]["parts"][-1]["text"]
        times[text.rpartition("(")[2].partition(")")[0]] = one["answered_at"]
    return times


async def durable_commit(database_url: str) -> float:
    """Milliseconds of a commit that is safe on disk; /process makes one a call, before its last event."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("create table beat (at int); insert into beat values (0)")
    taken = []
    for number in range(COMMITS):
        begun = time.monotonic()
        await connection.execute("update beat set at = $1", number)
        taken.append(1_000 * (time.monotonic() - begun))
    await connection.execute("drop table beat")
    await connection.close()
    return percentile(taken, 50)


class Sides:
    """The three ways to Gemini."""

    def __init__(
        self, system: System, http: ClientSession, learners: list[dict[str, str]], proxy: Running, port: int
    ) -> None:
        self._system = system
        self._http = http
        self._learners = cycle([headers | {"Accept": "text/event-stream"} for headers in learners])
        self._proxy = proxy
        self._proxy_url = f"http://127.0.0.1:{port}/"

    async def all(self, load: Load) -> list[Figures]:
        """Each side on its own, by turns, so that a busy moment of the machine strikes all of them."""
        proxy, sdk, cara = Timings(), Timings(), Timings()
        of_round = replace(load, seconds=load.seconds / ROUNDS)
        for _ in range(ROUNDS):
            proxy.add(await under_load(self._by_proxy, self._proxy.cpu_seconds, of_round))
            sdk.add(await self._by_sdk(of_round))
            cara.add(await under_load(self._by_cara, self._system.webs[0].cpu_seconds, of_round))
        answered = await answered_at(self._http, self._system.emulator_url)
        found = {"bare proxy": proxy, "SDK": sdk, "/process": cara}
        return [figures(side, load, timings, answered) for side, timings in found.items()]

    async def _by_cara(self, marker: str) -> float:
        body = {"prompt": PROMPT.format(marker), "featureType": "conversation"}
        url = f"{self._system.web_urls[0]}/api/gemini/process"
        return await self._first_byte(url, body, next(self._learners))

    async def _by_proxy(self, marker: str) -> float:
        return await self._first_byte(self._proxy_url, body_for_proxy(marker), {})

    async def _first_byte(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> float:
        async with self._http.post(url, json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
            await response.content.readany()
            first = time.monotonic()
            await response.read()
            return first

    async def _by_sdk(self, load: Load) -> Timings:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.gateway_sides", "sdk", self._system.emulator_url),
            json.dumps(asdict(load)),
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=lambda: os.sched_setaffinity(0, CORES[:1]),
        )
        output, _ = await process.communicate()
        return Timings(**json.loads(output))


@dataclass
class Comparison:
    """What was found with one emulator, and the median of durable commits on its machine, in milliseconds."""

    commit: float
    tables: list[list[Figures]]


def table_of(comparison: Comparison) -> str:
    """Returns the figures as a table in Markdown, and below it what /process adds to the others."""
    lines = [
        f"A durable commit took {comparison.commit:.2f} ms (p50).",
        "",
        "| load | | whole call p50, ms | p99 | first byte p50, ms | p99 | calls/s | CPU ms a call |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for table in comparison.tables:
        lines += [
            f"| {row.load} | {row.side} | {row.p50:.1f} | {row.p99:.1f} | {row.first_byte_p50:.2f} "
            f"| {row.first_byte_p99:.2f} | {row.a_second:.1f} | {row.processor:.2f} |"
            for row in table
        ]
    lines += ["", *(added for table in comparison.tables for added in additions(table))]
    return "\n".join(lines) + "\n"


def additions(table: list[Figures]) -> list[str]:
    """Returns what /process adds to the proxy and to the SDK, a line each."""
    *others, cara = table
    return [
        f"- {cara.load}, added to the {other.side}: p50 {cara.p50 - other.p50:+.1f} ms, "
        f"p99 {cara.p99 - other.p99:+.1f} ms, "
        f"first byte p50 {cara.first_byte_p50 - other.first_byte_p50:+.2f} ms; "
        f"{cara.a_second / other.a_second:.2f} times its calls/s, "
        f"{cara.processor / other.processor:.2f} times its CPU a call"
        for other in others
    ]


async def compare(loads: list[Load], think: float, chunk_seconds: str) -> Comparison:
    """Measures all sides under each load, with an emulator of this pace."""
    emulator = ("--first-chunk-delay-seconds", str(think), "--chunk-delay-seconds", chunk_seconds)
    remember = ("--remembered-requests", REMEMBERED)
    connector = TCPConnector(limit=0)
    async with (
        running_system(emulator=(*emulator, *remember), GEMINI_MAX_IN_FLIGHT="256") as system,
        ClientSession(connector=connector, read_bufsize=1 << 20) as http,
    ):
        url = await system.add_web()
        port = free_port()
        command = [sys.executable, "-m", "bench.gateway_sides", "proxy", system.emulator_url, str(port)]
        proxy = Running("proxy", command, {}, system.servers.folder / "proxy.log")
        await proxy.start()
        try:
            async with asyncio.timeout(20):
                await port_opens(port)
            for pid in (system.webs[0].pid, proxy.pid):
                os.sched_setaffinity(pid, CORES[:1])
            learners = [await register(http, url, number) for number in range(LEARNERS)]
            sides = Sides(system, http, learners, proxy, port)
            commit = await durable_commit(system.database_url)
            return Comparison(commit, [await sides.all(load) for load in loads])
        finally:
            await proxy.stop()


async def main(options: argparse.Namespace) -> None:
    os.sched_setaffinity(0, CORES[1:] or CORES)
    seconds = QUICK_SECONDS if options.quick else options.seconds
    connections = [] if options.quick else options.connections
    loads = [Load(seconds, count, options.think) for count in connections] + [
        Load(seconds, rate=options.rate)
    ]
    slow = table_of(await compare(loads, options.think, CHUNK_SECONDS))
    busy = table_of(await compare([Load(seconds, BUSY_CONNECTIONS)], 0.0, "0"))
    report = (
        f"Gemini takes {options.think} s to its first chunk. {slow}\n"
        f"Gemini answers at once; the process under test has one core for itself. {busy}"
    )
    print(report)
    if options.write:
        replace_section(BENCHMARKS, "gateway", report)
    if not options.quick:
        await outage(options.down)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--think", type=float, default=0.3)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--down", type=float, default=60)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    asyncio.run(main(parser.parse_args()))
