"""Analytics: how fast events become durable, how fresh roll-ups are, whether reading them stays quick.

One run on one machine, PostgreSQL with fsync, load and servers on the same cores: read the ratios.

    python -m bench.analytics [--seconds 10] [--events 10000 100000 1000000 10000000] [--plot analytics.svg]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from aiohttp import ClientSession

from bench.analytics_load import Outcome, PlainHttp, post_events, read_often, request_bytes
from bench.analytics_report import Report, Size
from bench.analytics_rows import ManyRows, copy_events
from bench.system import Running, System, percentile, register, running_system
from cara.analytics import rollups
from cara.analytics.rebuild import rebuild
from cara.devtools.servers.ports import free_port, port_opens
from cara.postgres.database import Database
from cara.settings import Settings

LEARNERS = 16
CONNECTIONS = 64
READS = 500
FOLD_SECONDS = 24 * 3_600.0
ROLLUPS = (
    "learner_days",
    "learner_weeks",
    "learner_quarter_hours",
    "feature_days",
    "next_activity_days",
    "cohort_weeks",
)


async def main(seconds: float, sizes: list[int], plot: Path | None) -> None:
    report = Report()
    async with running_system(RATE_LIMITS="off") as system, ClientSession() as http:
        url = await system.add_web()
        learners = [(await register(http, url, number))["Authorization"] for number in range(LEARNERS)]
        if seconds:
            await measure_ingestion(system, learners, seconds, report)
        if sizes:
            await measure_reading(system, learners[0], sizes, report)
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


async def measure_reading(system: System, authorization: str, sizes: list[int], report: Report) -> None:
    """The same learner and administrator read while the number of events of other learners grows."""
    connection = await asyncpg.connect(system.database_url)
    await connection.execute("truncate analytics_events, pending_event_batches")
    await connection.execute("update users set is_admin = true")
    await practise(system, authorization, connection)
    settings = Settings(_env_file=None, **{name.lower(): value for name, value in system.environment.items()})
    database = await Database.connect(settings)
    rows = ManyRows(connection)
    await rows.prepare()
    for events in sizes:
        print(f"{events:,} events …", file=sys.stderr)
        report.sizes.append(await measure_size(system, authorization, connection, database, rows, events))
    await database.close()
    await connection.close()


async def practise(
    system: System, authorization: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The learner whose statistics are read has sessions of their own, over the last 90 days."""
    http = PlainHttp(system.web_urls[0])
    await http.open()
    for number in range(100):
        body = {"featureType": ("conversation", "video", "accent")[number % 3]}
        await http.send(request_bytes("POST", "/api/sessions", authorization, body))
    await http.close()
    await connection.execute(
        """
        update sessions set practiced_at = now() - random() * interval '90 days', score = 40 + random() * 60,
            clarity = 50 + random() * 50, duration_seconds = 60 + random() * 600,
            words_per_minute = 90 + random() * 100, fillers_per_100_words = random() * 12,
            hedges_per_100_words = random() * 4, pauses_per_minute = random() * 20
        """
    )


async def measure_size(
    system: System,
    authorization: str,
    connection: asyncpg.Connection[asyncpg.Record],
    database: Database,
    rows: ManyRows,
    events: int,
) -> Size:
    await rows.grow_to(events)
    begin = time.perf_counter()
    folded = await rollups.fold(database, seconds=FOLD_SECONDS)
    fold_seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    await rebuild(database, None, None, ignore_progress)
    rebuild_seconds = time.perf_counter() - begin
    await connection.execute("vacuum analyze", timeout=None)
    paths = {
        "stats": "/api/analytics/stats",
        "adoption": "/api/analytics/adoption",
        "adoption of all": "/api/analytics/adoption?scope=all",
    }
    url = system.web_urls[0]
    size = Size(
        events=events,
        folded_rows_per_second=folded / fold_seconds,
        rebuild_seconds=rebuild_seconds,
        bytes_per_event=await bytes_of(connection, "analytics_events") / events,
        rollup_bytes_per_event=sum([await bytes_of(connection, table) for table in ROLLUPS]) / events,
        latencies_ms={
            name: await read_often(url, authorization, path, READS) for name, path in paths.items()
        },
    )
    medians = {name: round(percentile(values, 50), 2) for name, values in size.latencies_ms.items()}
    print(f"  folded {size.folded_rows_per_second:,.0f} rows/s, p50 {medians} ms", file=sys.stderr)
    return size


def ignore_progress(_done: int, _of: int) -> None:
    """The progress of a rebuild that is only timed."""


async def bytes_of(connection: asyncpg.Connection[asyncpg.Record], table: str) -> int:
    """The size on disk, with indexes and all partitions."""
    size: int = await connection.fetchval(
        """
        select coalesce(sum(pg_total_relation_size(relid))::bigint, pg_total_relation_size($1::regclass))
        from pg_partition_tree($1::regclass)
        """,
        table,
    )
    return size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10, help="of each load; 0 leaves ingestion out")
    parser.add_argument("--events", type=int, nargs="*", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--plot", type=Path, help="a picture, PNG or SVG by its ending")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.seconds, sorted(chosen.events), chosen.plot))
