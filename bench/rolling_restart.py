"""A rolling restart of two web processes and two workers behind nginx, as documented, under mixed load.

nginx runs with `docs/nginx.conf`. Each process in turn gets SIGTERM, ends in its own time, and is started
again, until the time is up. Learners read, write and ask for feedback all the while, and follow each job by
server-sent events. No request may fail, no job may be lost, and no event may be missed or come twice.

    python -m bench.rolling_restart [--seconds 60] [--learners 12]
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import asyncpg
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from bench.chaos import read_events
from bench.chaos_verdict import JobEvents
from bench.nginx import Nginx, nginx_in_front
from bench.system import Running, System, percentile, register, running_system
from cara.samples import SAMPLES

PAUSE_SECONDS = 0.05
END_SECONDS = 60
SETTINGS = {"DRAIN_SECONDS": "5", "TRUSTED_PROXIES": "127.0.0.1"}


class Load:
    """Learners at work, and what they saw."""

    def __init__(self, http: ClientSession, url: str) -> None:
        self._http, self._url = http, url
        self.stopping = False
        self.milliseconds: list[float] = []
        self.failures: Counter[str] = Counter()
        self.reconnections = 0
        self.jobs: list[asyncio.Task[JobEvents]] = []

    async def practise(self, learner: dict[str, str]) -> None:
        """Repeats a little practice until the load is stopped."""
        for number in count():
            if self.stopping:
                return
            session = await self._send(learner, "POST", "/api/sessions", {"featureType": "video"})
            if session is None:
                continue
            address = f"/api/sessions/{session['id']}"
            await self._send(learner, "PATCH", address, {"title": f"Talk {number}"})
            await self._send(learner, "GET", "/api/users/me")
            events = [{"eventType": "page_view", "metadata": {"number": number}}]
            await self._send(learner, "POST", "/api/analytics/events", {"events": events})
            if number % 5 == 0:
                await self._ask(learner, session["id"])
            await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(self, learner: dict[str, str], session_id: str) -> None:
        body = {"sessionId": session_id, "transcript": SAMPLES[0].transcript(), "durationSeconds": 60}
        job = await self._send(learner, "POST", "/api/gemini/generate-feedback", body)
        if job is not None:
            self.jobs.append(asyncio.create_task(self._follow(job["eventsUrl"])))

    async def _send(
        self, learner: dict[str, str], method: str, path: str, body: dict[str, Any] | None = None
    ) -> Any:
        """Returns the JSON of the answer; notes a failure, and is never repeated."""
        started = time.perf_counter()
        try:
            async with self._http.request(method, self._url + path, json=body, headers=learner) as response:
                if response.status in (200, 201, 202):
                    answer = await response.json()
                    self.milliseconds.append((time.perf_counter() - started) * 1000)
                    return answer
                self.failures[f"{method} {response.status}: {(await response.text())[:80]!r}"] += 1
        except (ClientError, TimeoutError) as error:
            self.failures[f"{method} {type(error).__name__}"] += 1
        return None

    async def _follow(self, path: str) -> JobEvents:
        """Reads all events of a job; after a stream that ended early it goes on behind the last event."""
        events = JobEvents()
        while not events.ended:
            headers = {"Last-Event-ID": str(events.numbers[-1])} if events.numbers else {}
            async with self._http.get(self._url + path, headers=headers) as response:
                if response.status != 200:
                    self.failures[f"stream {response.status}"] += 1
                    return events
                await read_events(events, response)
            self.reconnections += not events.ended
        return events


async def restart(running: Running) -> float:
    """Sends SIGTERM, waits for the end and starts the process again; returns how long it took to end."""
    assert running.process is not None
    started = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(END_SECONDS):
        code = await running.process.wait()
    assert code == 0, f"{running.name} ended with code {code}"
    took = time.monotonic() - started
    await running.start()
    return took


async def restart_in_turn(system: System, http: ClientSession, seconds: float) -> Counter[str]:
    """Restarts one process after the other until the time is up; the next one only when all are ready."""
    deadline, restarts = time.monotonic() + seconds, Counter[str]()
    processes = [running for pair in zip(system.webs, system.workers, strict=True) for running in pair]
    while time.monotonic() < deadline:
        running = processes[restarts.total() % len(processes)]
        took = await restart(running)
        restarts[running.name] += 1
        print(f"{running.name} ended after {took:.1f} s")
        for url in system.web_urls:
            await is_ready(http, url)
    return restarts


async def is_ready(http: ClientSession, url: str) -> None:
    """Returns once the web process is ready."""
    async with asyncio.timeout(END_SECONDS):
        while True:
            try:
                async with http.get(f"{url}/ready") as response:
                    if response.status == 200:
                        return
            except ClientError:
                pass
            await asyncio.sleep(0.1)


@asynccontextmanager
async def whole_system() -> AsyncIterator[tuple[System, Nginx]]:
    async with running_system(emulator=("--chunk-delay-seconds", "0.02"), **SETTINGS) as system:
        for _ in range(2):
            await system.add_web()
            await system.add_worker()
        ports = [int(url.rpartition(":")[2]) for url in system.web_urls]
        async with nginx_in_front(system.servers.folder / "nginx", ports) as nginx:
            yield system, nginx


async def main(seconds: float, learners: int) -> int:
    async with (
        whole_system() as (system, nginx),
        ClientSession(connector=TCPConnector(ssl=nginx.context, limit=0), timeout=ClientTimeout(90)) as http,
        ClientSession() as operator,
    ):
        for url in system.web_urls:
            await is_ready(operator, url)
        load = Load(http, nginx.url)
        registered = [await register(http, nginx.url, number) for number in range(learners)]
        practising = [asyncio.create_task(load.practise(learner)) for learner in registered]
        restarts = await restart_in_turn(system, operator, seconds)
        load.stopping = True
        await asyncio.gather(*practising)
        followed = await asyncio.gather(*load.jobs)
        found = await verdict(system, load, followed, restarts)
        print(f"restarts: {dict(restarts)}; {load.reconnections} streams went on elsewhere")
        figures = [f"p{percent} {percentile(load.milliseconds, percent):.0f} ms" for percent in (50, 99, 100)]
        print(f"{len(load.milliseconds)} requests, {len(followed)} jobs; {', '.join(figures)}")
        if load.failures:
            print(dict(load.failures), *nginx.complaints(), sep="\n")
    for name, number in found.items():
        print(f"{number:>6}  {name}")
    return 1 if any(found.values()) else 0


async def verdict(
    system: System, load: Load, followed: list[JobEvents], restarts: Counter[str]
) -> dict[str, int]:
    """Counts of errors by kind; all of them must be zero."""
    connection = await asyncpg.connect(system.database_url)
    try:
        succeeded = await connection.fetchval("select count(*) from feedback_jobs where status = 'succeeded'")
        stored = await connection.fetchval("select count(*) from feedback_jobs")
    finally:
        await connection.close()
    return {
        "processes that were not restarted": len(system.webs) + len(system.workers) - len(restarts),
        "failed requests": load.failures.total(),
        "jobs that did not succeed": stored - succeeded,
        "jobs lost, or there twice": abs(stored - len(followed)),
        "streams without exactly one end": sum(events.ends != 1 for events in followed),
        "streams with an event twice or out of order": sum(not events.is_increasing for events in followed),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--learners", type=int, default=12)
    sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
