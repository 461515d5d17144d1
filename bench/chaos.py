"""A crash test: feedback jobs while workers, Valkey, PostgreSQL and Gemini fail. Nothing may be lost.

While the jobs run, a worker is killed with -9 repeatedly, Valkey is killed and its data removed once,
PostgreSQL is restarted once, and Gemini fails a fifth of its calls. Every job is followed by server-sent
events, as a browser would, with reconnections. Afterwards the tables are compared with what was seen.

    python -m bench.chaos [--jobs 300] [--kills 30] [--seed 1]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import time
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from redis.asyncio import Redis

from bench.chaos_verdict import JobEvents, verdict
from bench.system import CONTROL, Servers, System, register, running_system
from cara.samples import SAMPLES

LEARNERS = 10
DEADLINE_SECONDS = 480
SETTINGS = {
    "JOB_LEASE_SECONDS": "3",
    "SWEEP_SECONDS": "1",
    "JOB_ATTEMPTS": "20",
    "WORKER_MAX_JOBS": "10",
}
FAULTS = {"unavailable": 0.05, "cut_stream": 0.05, "broken_json": 0.05, "rate_limited": 0.05}


async def request_with_retries(
    http: ClientSession, method: str, url: str, headers: dict[str, str], body: dict[str, Any]
) -> Any:
    """Retries until the answer is no server error; the idempotency key makes that safe."""
    while True:
        try:
            async with http.request(method, url, json=body, headers=headers) as response:
                if response.status < 500:
                    assert response.status in (200, 201, 202), await response.text()
                    return await response.json()
        except ClientError:
            pass
        await asyncio.sleep(0.2)


async def follow(http: ClientSession, url: str) -> JobEvents:
    """Reads all events of a job, reconnecting as often as needed."""
    events = JobEvents()
    while True:
        headers = {"Last-Event-ID": str(events.numbers[-1])} if events.numbers else {}
        try:
            async with http.get(url, headers=headers) as response:
                if response.status == 204:
                    return events
                await read_events(events, response)
        except (ClientError, TimeoutError):
            pass
        if events.ended:
            return events
        await asyncio.sleep(0.2)


async def read_events(events: JobEvents, response: ClientResponse) -> None:
    """Records each complete event of the response."""
    fields: dict[str, str] = {}
    async for raw in response.content:
        field, _, value = raw.decode().strip().partition(": ")
        if field:
            fields[field] = value
            continue
        if "event" in fields:
            events.names[fields["event"]] += 1
        if "id" in fields:
            events.numbers.append(int(fields["id"]))
        fields.clear()


async def one_job(http: ClientSession, url: str, headers: dict[str, str], number: int) -> JobEvents:
    """Creates a session and a feedback job, and follows the job to its end."""
    sample = SAMPLES[number % len(SAMPLES)]
    session = await request_with_retries(
        http, "POST", f"{url}/api/sessions", headers, {"featureType": sample.feature_type}
    )
    body = {
        "sessionId": session["id"],
        "transcript": f"{sample.transcript()}\n{number}",
        "durationSeconds": sample.duration_seconds,
    }
    keyed = {**headers, "Idempotency-Key": f"chaos-{number}"}
    job = await request_with_retries(http, "POST", f"{url}/api/gemini/generate-feedback", keyed, body)
    return await follow(http, url + job["eventsUrl"])


class Crashes:
    """The failures during the run."""

    def __init__(self, system: System, kills: int, rng: random.Random) -> None:
        self.system, self.kills, self.rng = system, kills, rng
        self.killed = 0

    async def kill_workers(self) -> None:
        """Kills the oldest worker with -9 at random intervals."""
        while self.killed < self.kills:
            await asyncio.sleep(self.rng.uniform(0.3, 1.2))
            worker = self.system.workers[self.killed % len(self.system.workers)]
            await worker.kill()
            self.killed += 1
            await worker.start()

    async def fail_servers(self) -> None:
        servers = self.system.servers
        assert isinstance(servers, Servers)
        await asyncio.sleep(6)
        await lose_valkey(servers)
        await asyncio.sleep(8)
        await restart_postgres(servers)


async def lose_valkey(servers: Servers) -> None:
    """Kills Valkey with -9, removes its data and starts it again."""
    async with Redis.from_url(servers.redis_url) as redis:
        pid = (await redis.info("server"))["process_id"]
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(servers.stop_valkey)
    shutil.rmtree(servers.folder / "valkey", ignore_errors=True)
    await asyncio.sleep(1)
    await asyncio.to_thread(servers.start_valkey)
    print("valkey was killed, lost its data and came back")


async def restart_postgres(servers: Servers) -> None:
    await asyncio.to_thread(servers.stop_postgres)
    await asyncio.to_thread(servers.start_postgres)
    print("postgresql was restarted")


async def main(jobs: int, kills: int, seed: int) -> int:
    rng = random.Random(seed)
    started = time.monotonic()
    async with (
        running_system(emulator=("--chunk-delay-seconds", "0.02"), **SETTINGS) as system,
        ClientSession(timeout=ClientTimeout(total=None, sock_connect=5)) as http,
    ):
        for fault, rate in FAULTS.items():
            planned = {"fault": fault, "rate": rate, "seed": seed}
            faults = f"{system.emulator_url}/emulator/faults"
            async with http.post(faults, json=planned, headers=CONTROL) as response:
                assert response.status < 300, await response.text()
        url = await system.add_web()
        for _ in range(2):
            await system.add_worker()
        learners = [await register(http, url, number) for number in range(LEARNERS)]
        crashes = Crashes(system, kills, rng)
        async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(crashes.fail_servers())
            killing = group.create_task(crashes.kill_workers())
            following = []
            for number in range(jobs):
                following.append(group.create_task(one_job(http, url, learners[number % LEARNERS], number)))
                await asyncio.sleep(30 / jobs)
        followed = [task.result() for task in following]
        assert killing.done()
        print(f"{jobs} jobs, {crashes.killed} workers killed, {time.monotonic() - started:.0f} s")
        found = await verdict(system, followed, jobs)
    for name, number in found.items():
        print(f"{number:>6}  {name}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
