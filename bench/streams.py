"""Many open event streams on one web process while feedback jobs run.

Memory a stream, processor time, and the time from the worker's publishing to the client's receiving. The
clients are a process of their own that reads raw bytes; publishing is timed where Redis delivers the wake-up
for an event, by a listener in this process. Both clocks are the machine's.

    python -m bench.streams [--streams 5000] [--jobs 200] [--concurrency 20]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from bisect import bisect_left
from collections import defaultdict
from itertools import pairwise
from typing import Any

from aiohttp import ClientSession
from redis.asyncio import Redis

from bench.system import percentile, register, running_system
from cara.jobs.notifier import NUMBERS_PER_ATTEMPT
from cara.samples import SAMPLES

LEARNERS = 10
FINAL = (b"event: succeeded", b"event: failed", b"event: cancelled")
DEADLINE_SECONDS = 300


class Reader(asyncio.Protocol):
    """Reads one event stream; records the numbers of events with their times, and the final event."""

    def __init__(self, target: str, arrivals: list[tuple[str, int, float]], job: str) -> None:
        self.target, self.arrivals, self.job = target, arrivals, job
        self.ends = 0
        self.numbers: list[int] = []
        self._unread = b""
        self.opened = asyncio.get_running_loop().create_future()
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        transport.write(
            f"GET {self.target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.time()
        if not self.opened.done():
            assert b" 200 " in data[:20], data[:200]
            self.opened.set_result(None)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self.ends += line in FINAL
            if line.startswith(b"id: "):
                self.numbers.append(int(line[4:]))
                self.arrivals.append((self.job, self.numbers[-1], now))

    def connection_lost(self, _: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


async def read_streams(port: int, targets: list[str]) -> None:
    """The clients' process: opens the streams, says so, reads them to their end, and reports."""
    arrivals: list[tuple[str, int, float]] = []
    readers = []
    loop = asyncio.get_running_loop()
    for target in targets:
        job = target.split("/")[4]
        _, reader = await loop.create_connection(
            lambda t=target, j=job: Reader(t, arrivals, j), "127.0.0.1", port
        )
        readers.append(reader)
        if len(readers) % 100 == 0:
            await asyncio.gather(*(reader.opened for reader in readers))
    await asyncio.gather(*(reader.opened for reader in readers))
    print("open", flush=True)
    await asyncio.gather(*(reader.closed for reader in readers))
    wrong = sum(reader.ends != 1 for reader in readers)
    json.dump({"arrivals": arrivals, "wrong": wrong, "broken": broken(readers)}, sys.stdout)


def broken(readers: list[Reader]) -> int:
    """Streams with a gap or a repeat: with other numbers than all streams of the job together, or with some
    that do not follow on, by one or to the beginning of the next attempt."""
    numbers_by_job: dict[str, set[int]] = defaultdict(set)
    for reader in readers:
        numbers_by_job[reader.job].update(reader.numbers)
    complete = {job: sorted(numbers) for job, numbers in numbers_by_job.items()}
    gaps = {
        job
        for job, numbers in complete.items()
        if any(b != a + 1 and b % NUMBERS_PER_ATTEMPT > 1 for a, b in pairwise(numbers))
    }
    return sum(reader.job in gaps or reader.numbers != complete[reader.job] for reader in readers)


async def publishing_times(redis_url: str, times: dict[str, list[tuple[int, float]]]) -> None:
    """Records the time of each wake-up from Redis by job, with the number of its last event."""
    async with Redis.from_url(redis_url) as redis, redis.pubsub() as pubsub:
        await pubsub.psubscribe("cara:feedback:*:wake")
        async for message in pubsub.listen():
            if message["type"] == "pmessage":
                job = message["channel"].decode().split(":")[2]
                times[job].append((int(message["data"]), time.time()))


async def queue_jobs(url: str, jobs: int) -> list[str]:
    """Queues jobs without a worker; the URLs of their events."""
    targets = []
    async with ClientSession() as http:
        learners = [await register(http, url, number) for number in range(LEARNERS)]
        for number in range(jobs):
            headers = learners[number % LEARNERS]
            opening = {"featureType": "video"}
            async with http.post(f"{url}/api/sessions", json=opening, headers=headers) as response:
                session = (await response.json())["id"]
            asked = {"sessionId": session, "transcript": SAMPLES[0].transcript(), "durationSeconds": 135}
            async with http.post(
                f"{url}/api/gemini/generate-feedback", json=asked, headers=headers
            ) as response:
                targets.append((await response.json())["eventsUrl"])
    return targets


async def main(streams: int, jobs: int, concurrency: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 3 * streams)), hard))
    async with running_system(emulator=("--chunk-delay-seconds", "0.05")) as system:
        url = await system.add_web(EVENT_STREAMS_PER_LEARNER=str(streams))
        targets = await queue_jobs(url, jobs)
        web = system.webs[0]
        before = web.memory_bytes()
        clients = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.streams", "--read", url.rsplit(":", 1)[1],
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**30,
        )  # fmt: skip
        assert clients.stdin
        assert clients.stdout
        clients.stdin.write(json.dumps([targets[n % jobs] for n in range(streams)]).encode())
        clients.stdin.close()
        assert (await clients.stdout.readline()).strip() == b"open"
        idle_cpu = web.cpu_seconds()
        await asyncio.sleep(5)
        idle_cpu = (web.cpu_seconds() - idle_cpu) / 5
        each = (web.memory_bytes() - before) / streams
        print(f"{streams} streams open: {each / 1024:.1f} KiB each, idle {100 * idle_cpu:.1f} % of a core")

        published: dict[str, list[tuple[int, float]]] = defaultdict(list)
        listening = asyncio.create_task(publishing_times(system.redis_url, published))
        await asyncio.sleep(0.5)
        worker = await system.add_worker(WORKER_MAX_JOBS=str(concurrency))
        started, cpu = time.monotonic(), web.cpu_seconds()
        async with asyncio.timeout(DEADLINE_SECONDS):
            report = json.loads(await clients.stdout.read())
        seconds = time.monotonic() - started
        listening.cancel()
        report_figures(report, published, seconds, web.cpu_seconds() - cpu, worker.cpu_seconds())
        print(f"memory of the web process at the end: {web.memory_bytes() / 2**20:.0f} MiB")


def published_at(wakes: list[tuple[int, float]], number: int) -> float:
    """The time of the event's wake-up; the final event, which is read from PostgreSQL, has the last one."""
    index = bisect_left(wakes, (number, 0.0))
    return wakes[min(index, len(wakes) - 1)][1]


def report_figures(
    report: dict[str, Any],
    published: dict[str, list[tuple[int, float]]],
    seconds: float,
    web_cpu: float,
    worker_cpu: float,
) -> None:
    delays = [
        1000 * (came - published_at(published[job], number))
        for job, number, came in report["arrivals"]
        if number >= NUMBERS_PER_ATTEMPT and published[job]
    ]
    print(f"{len(report['arrivals'])} events received in {seconds:.1f} s, {len(delays)} of them timed")
    print(f"streams without exactly one end: {report['wrong']}")
    print(f"streams with gaps or repeats: {report['broken']}")
    figures = ", ".join(f"p{percent} {percentile(delays, percent):.1f} ms" for percent in (50, 90, 99))
    print(f"from publishing to receiving: {figures}, longest {max(delays):.1f} ms")
    print(f"web {100 * web_cpu / seconds:.0f} % of a core, worker {100 * worker_cpu / seconds:.0f} %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=5_000)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--read", type=int, help=argparse.SUPPRESS)
    chosen = vars(parser.parse_args())
    port = chosen.pop("read")
    asyncio.run(read_streams(port, json.load(sys.stdin)) if port else main(**chosen))
