"""From a job's row to its worker's claim, on an idle system and under 50 jobs a second; and the idle worker.

Both times are PostgreSQL's: `created_at` is the start of the transaction that takes the job on, so that
its commit, the enqueueing, the wake-up and the claim are all inside the figure.

    python -m bench.pickup [--jobs 200] [--rate 50] [--seconds 10] [--workers 1]
"""

from __future__ import annotations

import argparse
import asyncio
import time

import asyncpg
from aiohttp import ClientSession

from bench.system import System, percentile, register, running_system
from cara.samples import SAMPLES

TALK = SAMPLES[0].transcript()[:600]
LEARNERS = 40
"""Jobs are spread over learners, because those of one learner would wait for each other at its quota."""


async def ask(http: ClientSession, url: str, headers: dict[str, str], wait: int) -> None:
    """Creates a session and a feedback job for it."""
    async with http.post(f"{url}/api/sessions", json={"featureType": "video"}, headers=headers) as response:
        session = (await response.json())["id"]
    body = {"sessionId": session, "transcript": TALK, "durationSeconds": 60}
    prefer = {"Prefer": f"wait={wait}"} if wait else {}
    async with http.post(
        f"{url}/api/gemini/generate-feedback", json=body, headers={**headers, **prefer}
    ) as response:
        assert response.status == (200 if wait else 202), await response.text()


async def pickups(system: System) -> list[float]:
    """The milliseconds from row to claim of every finished job; deletes the jobs."""
    connection = await asyncpg.connect(system.database_url)
    async with asyncio.timeout(120):
        while await connection.fetchval("select count(*) from feedback_jobs where finished_at is null"):
            await asyncio.sleep(0.2)
    rows = await connection.fetch(
        "select 1000 * extract(epoch from started_at - created_at)::float8 as ms, status from feedback_jobs"
    )
    assert {row["status"] for row in rows} == {"succeeded"}, rows
    await connection.execute("delete from feedback_jobs")
    await connection.close()
    return [row["ms"] for row in rows]


def show(name: str, values: list[float]) -> None:
    figures = "  ".join(f"p{percent} {percentile(values, percent):.1f} ms" for percent in (50, 90, 99))
    print(f"{name:28} n={len(values):<5} {figures}")


async def main(jobs: int, rate: float, seconds: float, workers: int) -> None:
    async with (
        running_system(emulator=("--chunk-delay-seconds", "0.001")) as system,
        ClientSession() as http,
    ):
        url = await system.add_web()
        for _ in range(workers):
            await system.add_worker()
        learners = [await register(http, url, number) for number in range(LEARNERS)]
        for number in range(5):
            await ask(http, url, learners[number], wait=20)
        await pickups(system)

        before = system.workers[0].cpu_seconds()
        await asyncio.sleep(10)
        idle = (system.workers[0].cpu_seconds() - before) / 10
        print(f"{'idle worker':28} {100 * idle:.2f} % of a core")

        for number in range(jobs):
            await ask(http, url, learners[number % LEARNERS], wait=20)
        show("idle system", await pickups(system))

        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0, start + number / rate - time.monotonic()))
                group.create_task(ask(http, url, learners[number % LEARNERS], wait=0))
        show(f"at {rate:g} jobs a second", await pickups(system))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--workers", type=int, default=1)
    asyncio.run(main(**vars(parser.parse_args())))
