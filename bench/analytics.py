"""Analytics: how fast events become durable, how fresh roll-ups are, whether reading them stays quick.

One run on one machine, PostgreSQL with fsync, load and servers on the same cores: read the ratios.

    python -m bench.analytics [--seconds 10] [--events 10000 100000 1000000 10000000] [--plot analytics.svg]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from aiohttp import ClientSession

from bench.analytics_load import Outcome, PlainHttp, post_events, request_bytes
from bench.analytics_reading import measure_reading
from bench.analytics_report import Report
from bench.analytics_rows import copy_events
from bench.system import Running, System, register, running_system
from cara import event_loop
from cara.devtools.servers.ports import free_port, port_opens

LEARNERS = 16
CONNECTIONS = 64


async def main(seconds: float, sizes: list[int], plot: Path | None) -> None:
    report = Report()
    async with running_system(RATE_LIMITS="off") as system, ClientSession() as http:
        url = await system.add_web()
        learners = [(await register(http, url, number))["Authorization"] for number in range(LEARNERS)]
        if seconds:
            await measure_ingestion(system, learners, seconds, report)
        if sizes:
            await measure_reading(system, sizes, report)
    report.print()
    if plot:
        report.plot(plot)


async def measure_ingestion(system: System, learners: list[str], seconds: float, report: Report) -> None:
    """Measures posts with and without group commit, single and in batches, then COPY, then freshness."""
    grouped, plain = (system.webs[0], system.web_urls[0]), await add_plain_web(system)
    for name, (web, url), connections, batch in (
        ("one INSERT a request, 64 connections", plain, CONNECTIONS, 1),
        ("group commit, 64 connections", grouped, CONNECTIONS, 1),
        ("batches of 100, 8 connections", grouped, 8, 100),
    ):
        await post_events(name, url, learners, connections=connections, batch=batch, seconds=1)
        used = web.cpu_seconds()
        outcome = await post_events(
            name, url, learners, connections=connections, batch=batch, seconds=seconds
        )
        outcome.cpu_ms_per_event = 1000 * (web.cpu_seconds() - used) / outcome.events
        report.outcomes.append(outcome)
        print(f"{outcome.name}: {outcome.events_per_second:,.0f} events/s", file=sys.stderr)
    connection = await asyncpg.connect(system.database_url)
    report.copy_events_per_second = await copy_events(connection, seconds)
    await connection.execute("truncate analytics_events, pending_event_batches")
    await connection.close()
    report.staleness_seconds = await measure_staleness(system, learners, seconds)


async def add_plain_web(system: System) -> tuple[Running, str]:
    """A web process of the same program that writes each request by itself."""
    port = free_port()
    running = Running(
        "plain web",
        [sys.executable, "-m", "bench.analytics_plain_web"],
        {**system.environment, "PORT": str(port)},
        system.servers.folder / "plain_web.log",
    )
    await running.start()
    system.stack.push_async_callback(running.stop)
    async with asyncio.timeout(30):
        await port_opens(port)
    return running, f"http://127.0.0.1:{port}"


async def measure_staleness(system: System, learners: list[str], seconds: float) -> list[float]:
    """Ages of `asOf` that a learner reads while events are posted as fast as possible."""
    worker = await system.add_worker()
    await until_folded(system)
    ages: list[float] = []
    url = system.web_urls[0]
    load: asyncio.Task[Outcome] = asyncio.create_task(
        post_events("beside", url, learners, connections=CONNECTIONS, batch=1, seconds=seconds)
    )
    http = PlainHttp(url)
    await http.open()
    request = request_bytes("GET", "/api/analytics/stats", learners[0])
    while not load.done():
        _, body = await http.send(request)
        as_of = datetime.fromisoformat(json.loads(body)["asOf"])
        ages.append((datetime.now(UTC) - as_of).total_seconds())
        await asyncio.sleep(0.05)
    await load
    await http.close()
    await worker.stop()
    return ages


async def until_folded(system: System) -> None:
    """Returns once the worker has started and folded everything."""
    connection = await asyncpg.connect(system.database_url)
    await connection.execute("insert into pending_event_batches (events) values (0)")
    async with asyncio.timeout(60):
        while await connection.fetchval("select count(*) from pending_event_batches"):
            await asyncio.sleep(0.1)
    await connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10, help="of each load; 0 leaves ingestion out")
    parser.add_argument("--events", type=int, nargs="*", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--plot", type=Path, help="a picture, PNG or SVG by its ending")
    chosen = parser.parse_args()
    event_loop.run(main(chosen.seconds, sorted(chosen.events), chosen.plot))
