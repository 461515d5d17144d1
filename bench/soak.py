"""A mixed load for twenty minutes: do memory, latency, open files and connections stay as they are?

All cells of the HTTP benchmark at a steady rate, over connections that are opened anew with every sample;
beside them a trickle of feedback jobs with a worker and the emulator, each followed by event streams that
come and go.

    python -m bench.soak [--minutes 20] [--per-second 100] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import ClientSession, TCPConnector

from bench import soak_report
from bench.chaos import read_events
from bench.chaos_verdict import JobEvents
from bench.http import SETTINGS
from bench.http_cells import CELLS, CREATED_TITLE, Learner, prepare, requests_of
from bench.load import Load
from bench.soak_report import Sample, verdict
from bench.system import Running, System, percentile, running_system
from cara import event_loop
from cara.samples import SAMPLES

SAMPLE_SECONDS = 5
CONNECTIONS = 16
JOB_SECONDS = 2
"""One job is asked for every other second."""

STREAMS_PER_JOB = 3
JOB_ENDS_WITHIN_SECONDS = 60
EMULATOR = ("--first-chunk-delay-seconds", "0.3", "--chunk-delay-seconds", "0.01")


class Jobs:
    """The trickle of feedback jobs, and what came of them."""

    def __init__(self, http: ClientSession, url: str, learners: list[Learner]) -> None:
        self._http, self._url, self._learners = http, url, learners
        self._following: set[asyncio.Task[None]] = set()
        self.succeeded = self.streams_left = 0
        self.failures: list[str] = []

    async def run(self) -> None:
        """Asks for one job after the other until cancelled."""
        for number in count():
            task = asyncio.create_task(self._one(self._learners[number % len(self._learners)], number))
            self._following.add(task)
            task.add_done_callback(self._following.discard)
            await asyncio.sleep(JOB_SECONDS)

    async def finish(self) -> None:
        """Waits for the jobs that are under way."""
        await asyncio.gather(*self._following)

    async def _one(self, learner: Learner, number: int) -> None:
        try:
            async with asyncio.timeout(JOB_ENDS_WITHIN_SECONDS):
                await self._ask_and_follow(learner)
        except Exception as error:
            self.failures.append(f"job {number}: {type(error).__name__} {error}")

    async def _ask_and_follow(self, learner: Learner) -> None:
        opening = {"featureType": "conversation", "title": CREATED_TITLE}
        session = await self._post(learner, "/api/sessions", opening)
        asked = {"sessionId": session["id"], "transcript": SAMPLES[0].transcript(), "durationSeconds": 135}
        job = await self._post(learner, "/api/gemini/generate-feedback", asked)
        target = self._url + job["eventsUrl"]
        streams = [self._leave(target, 0.1 * place) for place in range(1, STREAMS_PER_JOB)]
        events, *_ = await asyncio.gather(self._follow(target), *streams)
        if not events.names["succeeded"] or events.ends != 1 or not events.is_increasing:
            raise AssertionError(f"its events were {dict(events.names)}")
        self.succeeded += 1

    async def _post(self, learner: Learner, path: str, body: dict[str, Any]) -> Any:
        async with self._http.post(self._url + path, json=body, headers=learner.headers) as response:
            assert response.status in (201, 202), await response.text()
            return await response.json()

    async def _follow(self, target: str) -> JobEvents:
        events = JobEvents()
        async with self._http.get(target) as response:
            assert response.status == 200, await response.text()
            await read_events(events, response)
        return events

    async def _leave(self, target: str, after_seconds: float) -> None:
        """Reads a stream and leaves it, be the job done or not."""
        try:
            async with asyncio.timeout(after_seconds):
                await self._follow(target)
        except TimeoutError:
            self.streams_left += 1


class Sampler:
    """Takes the samples: one round of the load each, and then a look at the processes."""

    def __init__(self, system: System, learners: list[Learner], per_second: float) -> None:
        self._web, self._worker = system.webs[0], system.workers[0]
        self._port = int(system.web_urls[0].rpartition(":")[2])
        self._requests = [text for cell in CELLS for text in requests_of(cell, learners)]
        self._pause_seconds = CONNECTIONS / per_second
        self._begun = time.monotonic()

    async def sample(self, connection: asyncpg.Connection[asyncpg.Record]) -> Sample:
        load = Load(self._port, self._requests, CONNECTIONS, pause_seconds=self._pause_seconds)
        measured = await load.run(0.0, SAMPLE_SECONDS, self._web.pid)
        others = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        return Sample(
            minutes=(time.monotonic() - self._begun) / 60,
            per_second=measured.per_second,
            p50_ms=percentile(measured.milliseconds, 50),
            p99_ms=percentile(measured.milliseconds, 99),
            web_kib=self._web.memory_bytes() / 1024,
            worker_kib=self._worker.memory_bytes() / 1024,
            web_files=open_files(self._web),
            worker_files=open_files(self._worker),
            database_connections=await connection.fetchval(others) - 1,
        )


def open_files(process: Running) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))


@asynccontextmanager
async def whole_system(
    per_second: float,
) -> AsyncIterator[tuple[Jobs, Sampler, asyncpg.Connection[asyncpg.Record]]]:
    connector = TCPConnector(limit=0)
    async with (
        running_system(emulator=EMULATOR, **SETTINGS) as system,
        ClientSession(connector=connector) as http,
    ):
        url = await system.add_web()
        learners = await prepare(system, http)
        await system.add_worker()
        connection = await asyncpg.connect(system.database_url)
        try:
            yield Jobs(http, url, learners), Sampler(system, learners, per_second), connection
        finally:
            await connection.close()


async def tidy(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Keeps the number of sessions as it is: a longer list would cost more, and look like a leak."""
    await connection.execute(
        "delete from sessions where title = $1 and created_at < now() - interval '1 minute'", CREATED_TITLE
    )


async def main(options: argparse.Namespace) -> int:
    async with whole_system(options.per_second) as (jobs, sampler, connection):
        asking = asyncio.create_task(jobs.run())
        samples, end = [], time.monotonic() + 60 * options.minutes
        while time.monotonic() < end:
            samples.append(await sampler.sample(connection))
            await tidy(connection)
            print(samples[-1], file=sys.stderr)
        asking.cancel()
        await jobs.finish()
    found = verdict(samples)
    text = soak_report.markdown(samples, found)
    text += f"\n\n{jobs.succeeded} jobs succeeded, and {len(jobs.failures)} did not; "
    text += f"{jobs.streams_left} streams were left before their end."
    print(text, *jobs.failures[:10], sep="\n")
    if options.write:
        soak_report.write(text, samples, Path("docs"))
    return 0 if found.is_flat and not jobs.failures else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--per-second", type=float, default=100)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md and docs/soak.svg")
    sys.exit(event_loop.run(main(parser.parse_args())))
