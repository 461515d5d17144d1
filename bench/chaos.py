"""A crash run: feedback jobs while workers, Valkey, PostgreSQL and Gemini fail. Nothing may be lost.

While the jobs run, a worker is killed with -9 again and again, Valkey is killed and its data removed once,
PostgreSQL is restarted once, and Gemini fails a fifth of its calls. Every job is followed by server-sent
events, as a browser would, with reconnections. Afterwards the tables are compared with what was seen.

    python -m bench.chaos [--jobs 300] [--kills 30] [--seed 1]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from typing import Any

import asyncpg
from aiohttp import ClientError, ClientSession, ClientTimeout
from redis.asyncio import Redis

from bench.system import Servers, System, percentile, register, running_system
from cara.samples import SAMPLES

LEARNERS = 10
FINAL = {"succeeded", "failed", "cancelled"}
DEADLINE_SECONDS = 480
SETTINGS = {
    "JOB_LEASE_SECONDS": "3",
    "SWEEP_SECONDS": "1",
    "JOB_ATTEMPTS": "20",
    "WORKER_MAX_JOBS": "10",
}
FAULTS = {"unavailable": 0.05, "cut_stream": 0.05, "broken_json": 0.05, "rate_limited": 0.05}


async def patiently(
    http: ClientSession, method: str, url: str, headers: dict[str, str], body: dict[str, Any]
) -> Any:
    """An answer that is no server error, however often one has to ask; the key makes that safe."""
    while True:
        try:
            async with http.request(method, url, json=body, headers=headers) as response:
                if response.status < 500:
                    assert response.status in (200, 201, 202), await response.text()
                    return await response.json()
        except ClientError:
            pass
        await asyncio.sleep(0.2)


async def follow(http: ClientSession, url: str) -> Counter[str]:
    """The names of all events of a job, over as many connections as it takes."""
    names: Counter[str] = Counter()
    last = ""
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        try:
            async with http.get(url, headers=headers) as response:
                if response.status == 204:
                    return names
                async for raw in response.content:
                    field, _, value = raw.decode().strip().partition(": ")
                    if field == "event":
                        names[value] += 1
                    elif field == "id":
                        last = value
        except (ClientError, TimeoutError):
            pass
        if any(names[name] for name in FINAL):
            return names
        await asyncio.sleep(0.2)


async def one_job(http: ClientSession, url: str, headers: dict[str, str], number: int) -> Counter[str]:
    """A session, its job, and the job's story until its end."""
    sample = SAMPLES[number % len(SAMPLES)]
    session = await patiently(
        http, "POST", f"{url}/api/sessions", headers, {"featureType": sample.feature_type}
    )
    body = {
        "sessionId": session["id"],
        "transcript": f"{sample.transcript()}\n{number}",
        "durationSeconds": sample.duration_seconds,
    }
    keyed = {**headers, "Idempotency-Key": f"chaos-{number}"}
    job = await patiently(http, "POST", f"{url}/api/gemini/generate-feedback", keyed, body)
    return await follow(http, url + job["eventsUrl"])


class Crashes:
    """What goes wrong during the run."""

    def __init__(self, system: System, kills: int, chance: random.Random) -> None:
        self.system, self.kills, self.chance = system, kills, chance
        self.killed = 0

    async def kill_workers(self) -> None:
        """kill -9 at random moments, each time of the worker that has lived longest."""
        while self.killed < self.kills:
            await asyncio.sleep(self.chance.uniform(0.3, 1.2))
            worker = self.system.workers[self.killed % len(self.system.workers)]
            await worker.kill()
            self.killed += 1
            await worker.start()

    async def servers_fail(self) -> None:
        await asyncio.sleep(6)
        await lose_valkey(self.system.servers)
        await asyncio.sleep(8)
        await restart_postgres(self.system.servers)


async def lose_valkey(servers: Servers) -> None:
    """kill -9, and its data is gone."""
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


async def verdict(system: System, stories: list[Counter[str]], jobs: int) -> dict[str, int]:
    """What must all be zero."""
    connection = await asyncpg.connect(system.database_url)
    count = connection.fetchval
    async with ClientSession() as http, http.get(f"{system.emulator_url}/emulator/ledger") as response:
        served = await response.json()
    print(
        "jobs by status:",
        dict(Counter(r[0] for r in await connection.fetch("select status from feedback_jobs"))),
    )
    print("attempts a job: p50/p99", *_attempts(await connection.fetch("select attempts from feedback_jobs")))
    print("emulator:", json.dumps(served))
    charged = await count("select coalesce(sum(tokens_used), 0)::int from quota_usage")
    print(f"tokens charged {charged}, served by Gemini {_total(served)}")
    found = {
        "jobs lost": jobs - await count("select count(*) from feedback_jobs"),
        "jobs without an end": await count("select count(*) from feedback_jobs where finished_at is null"),
        "successes without feedback": await count(
            """
            select count(*)
            from feedback_jobs
            left join feedback on feedback.user_id = feedback_jobs.user_id and job_id = feedback_jobs.id
            where status = 'succeeded' and feedback.job_id is null
            """
        ),
        "learners whose XP is not that of their sessions": await count(
            """
            select count(*)
            from users
            where xp <> (
                select coalesce(sum(10 + round(score / 10) + least(duration_seconds / 60, 20)), 0)
                from sessions
                where user_id = users.id and completed
            )
            """
        ),
        "days whose counter is not the ledger's": await count(
            """
            select count(*)
            from quota_days
            where used <> (
                select coalesce(sum(tokens_used), 0)
                from quota_usage
                where quota_usage.user_id = quota_days.user_id and quota_usage.day = quota_days.day
            )
            """
        ),
        "tokens still reserved": await count("select coalesce(sum(reserved), 0)::int from quota_days"),
        "tokens charged beyond what was served": max(0, charged - _total(served)),
        "streams without exactly one end": sum(sum(story[name] for name in FINAL) != 1 for story in stories),
    }
    await connection.close()
    return found


def _attempts(rows: list[asyncpg.Record]) -> tuple[float, float]:
    values = [float(row[0]) for row in rows]
    return percentile(values, 50), percentile(values, 99)


def _total(served: dict[str, Any]) -> int:
    return int(served.get("totalTokens", served.get("total_tokens", 0)))


async def main(jobs: int, kills: int, seed: int) -> int:
    chance = random.Random(seed)
    started = time.monotonic()
    async with (
        running_system(emulator=("--chunk-delay-seconds", "0.02"), **SETTINGS) as system,
        ClientSession(timeout=ClientTimeout(total=None, sock_connect=5)) as http,
    ):
        for fault, rate in FAULTS.items():
            planned = {"fault": fault, "rate": rate, "seed": seed}
            async with http.post(f"{system.emulator_url}/emulator/faults", json=planned) as response:
                assert response.status < 300, await response.text()
        url = await system.add_web()
        for _ in range(2):
            await system.add_worker()
        learners = [await register(http, url, number) for number in range(LEARNERS)]
        crashes = Crashes(system, kills, chance)
        async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(crashes.servers_fail())
            killing = group.create_task(crashes.kill_workers())
            following = []
            for number in range(jobs):
                following.append(group.create_task(one_job(http, url, learners[number % LEARNERS], number)))
                await asyncio.sleep(30 / jobs)
        stories = [task.result() for task in following]
        assert killing.done()
        print(f"{jobs} jobs, {crashes.killed} workers killed, {time.monotonic() - started:.0f} s")
        found = await verdict(system, stories, jobs)
    for name, number in found.items():
        print(f"{number:>6}  {name}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
