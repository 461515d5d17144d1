"""Reading statistics and adoption beside ever more events of others.

What else a machine does disturbs a comparison of figures that were measured minutes apart. So two databases
stand side by side in the same PostgreSQL, each with a web process: one keeps the smallest number of events,
the other one grows, and both are read in turns.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
from aiohttp import ClientSession

from bench.analytics_load import PlainHttp, read_often, request_bytes
from bench.analytics_report import Report, Size
from bench.analytics_rows import ManyRows
from bench.system import System, percentile, register
from cara.analytics import rollups
from cara.analytics.rebuild import rebuild
from cara.postgres.database import Database
from cara.postgres.migrations import migrate_up
from cara.settings import Settings

TURNS = 40
READS_A_TURN = 25
FOLD_SECONDS = 24 * 3_600.0
PATHS = {
    "stats": "/api/analytics/stats",
    "adoption": "/api/analytics/adoption",
    "adoption of all": "/api/analytics/adoption?scope=all",
}
ROLLUPS = (
    "learner_days",
    "learner_weeks",
    "learner_quarter_hours",
    "feature_days",
    "next_activity_days",
    "cohort_weeks",
)


@dataclass
class Stage:
    """A database with a web process, and an administrator with sessions of their own who reads there."""

    url: str
    authorization: str
    connection: asyncpg.Connection[asyncpg.Record]
    database: Database
    rows: ManyRows

    async def close(self) -> None:
        await self.database.close()
        await self.connection.close()


async def measure_reading(system: System, sizes: list[int], report: Report) -> None:
    """The same learner and administrator read while the number of events of other learners grows."""
    small, grown = await add_stage(system, "small"), await add_stage(system, "grown")
    await grow(small, sizes[0])
    for events in sizes:
        print(f"{events:,} events …", file=sys.stderr)
        report.sizes.append(await measure_size(small, grown, events))
    await small.close()
    await grown.close()


async def add_stage(system: System, name: str) -> Stage:
    connection = await asyncpg.connect(system.database_url)
    await connection.execute(f"create database {name}")
    await connection.close()
    database_url = urlsplit(system.database_url)._replace(path=f"/{name}").geturl()
    await asyncio.to_thread(migrate_up, database_url)
    environment = system.environment | {"DATABASE_URL": database_url}
    url = await system.add_web(**environment)
    async with ClientSession() as http:
        authorization = (await register(http, url, 1))["Authorization"]
    connection = await asyncpg.connect(database_url)
    await connection.execute("update users set is_admin = true")
    await practise(url, authorization, connection)
    settings = Settings(_env_file=None, **{name.lower(): value for name, value in environment.items()})
    stage = Stage(url, authorization, connection, await Database.connect(settings), ManyRows(connection))
    await stage.rows.prepare()
    return stage


async def practise(url: str, authorization: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """The learner whose statistics are read has sessions of their own, over the last 90 days."""
    http = PlainHttp(url)
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


async def grow(stage: Stage, events: int) -> tuple[float, float]:
    """Folded rows a second, and the seconds of a rebuild.

    Leaves nothing behind that PostgreSQL would do beside the reads: pages to vacuum and pages to write.
    """
    await stage.rows.grow_to(events)
    begin = time.perf_counter()
    folded = await rollups.fold(stage.database, seconds=FOLD_SECONDS)
    fold_seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    await rebuild(stage.database, None, None, ignore_progress)
    rebuild_seconds = time.perf_counter() - begin
    await stage.connection.execute("vacuum analyze", timeout=None)
    await stage.connection.execute("checkpoint", timeout=None)
    return folded / fold_seconds, rebuild_seconds


async def measure_size(small: Stage, grown: Stage, events: int) -> Size:
    folded_rows_per_second, rebuild_seconds = await grow(grown, events)
    latencies: dict[str, list[float]] = defaultdict(list)
    beside: dict[str, list[float]] = defaultdict(list)
    for name, path in PATHS.items():
        for turn in range(TURNS):
            for stage, times in ((small, beside), (grown, latencies))[:: 1 if turn % 2 else -1]:
                times[name] += await read_often(stage.url, stage.authorization, path, READS_A_TURN)
    connection = grown.connection
    size = Size(
        events=events,
        folded_rows_per_second=folded_rows_per_second,
        rebuild_seconds=rebuild_seconds,
        bytes_per_event=await bytes_of(connection, "analytics_events") / events,
        rollup_bytes_per_event=sum([await bytes_of(connection, table) for table in ROLLUPS]) / events,
        latencies_ms=latencies,
        latencies_beside_ms=beside,
    )
    ratios = {name: f"{size.growth(name, 50):.2f} / {size.growth(name, 99):.2f}" for name in PATHS}
    medians = {name: round(percentile(values, 50), 2) for name, values in latencies.items()}
    print(f"  folded {folded_rows_per_second:,.0f} rows/s, p50 {medians} ms, {ratios}", file=sys.stderr)
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
