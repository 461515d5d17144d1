"""From a job's row to its worker's claim, and how many jobs a second two cores do.

The pick-up is measured on an idle system: both of its times are PostgreSQL's, and `created_at` is the start
of the transaction that takes the job on, so that its commit, the enqueueing, the wake-up and the claim are
all inside the figure. Jobs a second are measured twice: a backlog that is stored while the workers are
paused, from the first claim to the last end; and jobs that are asked for at a rate, whatever has become of
those before.

    python -m bench.pickup [--jobs 200] [--backlog 400] [--rate 100] [--seconds 10] [--workers 2]

`--jobs 0`, `--backlog 0` and `--rate 0` leave out their part.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from dataclasses import dataclass

import asyncpg
from aiohttp import ClientSession

from bench.pickup_costs import Meter, show_costs
from bench.system import System, percentile, register, running_system
from cara import event_loop
from cara.samples import SAMPLES

TALK = SAMPLES[0].transcript()[:600]
LEARNERS = 40
"""Jobs are spread over learners, because those of one learner would wait for each other at its quota."""
IDLE_SECONDS = 10
ASKING_AT_ONCE = 16


class Refused(Exception):
    """The system is busy."""


@dataclass(frozen=True)
class Learner:
    """Somebody who asks for feedback through one web process."""

    http: ClientSession
    url: str
    headers: dict[str, str]

    async def ask_unless_refused(self) -> bool:
        """Returns whether the job was taken, or refused because the system is busy."""
        try:
            await self.ask()
        except Refused:
            return False
        return True

    async def ask(self, wait: int = 0) -> None:
        """Creates a session and a feedback job for it; waits so many seconds for the feedback."""
        session = await self._post("/api/sessions", {"featureType": "video"}, {}, 201)
        body = {"sessionId": session["id"], "transcript": TALK, "durationSeconds": 60}
        prefer = {"Prefer": f"wait={wait}"} if wait else {}
        await self._post("/api/gemini/generate-feedback", body, prefer, 200 if wait else 202)

    async def _post(
        self, path: str, body: dict[str, object], headers: dict[str, str], status: int
    ) -> dict[str, str]:
        request = self.http.post(f"{self.url}{path}", json=body, headers={**self.headers, **headers})
        async with request as response:
            if response.status == 503:
                raise Refused
            assert response.status == status, await response.text()
            read: dict[str, str] = json.loads(await response.read())
            return read


@dataclass(frozen=True)
class Finished:
    """Jobs that have ended: milliseconds from row to claim of each; seconds from first claim to last end."""

    pickups: list[float]
    seconds: float


async def finished(system: System) -> Finished:
    """Waits until every job has ended, checks that each has succeeded, and deletes them."""
    connection = await asyncpg.connect(system.database_url)
    async with asyncio.timeout(120):
        while await connection.fetchval(
            "select exists (select from feedback_jobs where finished_at is null)"
        ):
            await asyncio.sleep(0.1)
    rows = await connection.fetch(
        "select 1000 * extract(epoch from started_at - created_at)::float8 as ms, status, attempts,"
        " started_at, finished_at from feedback_jobs"
    )
    assert {(row["status"], row["attempts"]) for row in rows} == {("succeeded", 1)}, rows
    await connection.execute("delete from feedback_jobs")
    await connection.close()
    lasted = max(row["finished_at"] for row in rows) - min(row["started_at"] for row in rows)
    return Finished([row["ms"] for row in rows], lasted.total_seconds())


def show(name: str, values: list[float]) -> None:
    figures = "  ".join(f"p{percent} {percentile(values, percent):.1f} ms" for percent in (50, 90, 99))
    print(f"{name:28} n={len(values):<5} {figures}", flush=True)


async def measure_idle(system: System, learners: list[Learner], jobs: int) -> None:
    """The idle worker's processor time, and jobs one after the other."""
    before = system.workers[0].cpu_seconds()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (system.workers[0].cpu_seconds() - before) / IDLE_SECONDS
    print(f"{'idle worker':28} {100 * idle:.2f} % of a core", flush=True)
    for number in range(jobs):
        await learners[number % LEARNERS].ask(wait=20)
    show("idle system", (await finished(system)).pickups)


async def measure_backlog(system: System, learners: list[Learner], meter: Meter, jobs: int) -> None:
    """How fast the workers drain jobs that are there already."""
    for worker in system.workers:
        worker.process.send_signal(signal.SIGSTOP)
    begin = meter.read()
    numbers = iter(range(jobs))

    async def ask_in_turn() -> None:
        for number in numbers:
            await learners[number % LEARNERS].ask()

    await asyncio.gather(*(ask_in_turn() for _ in range(ASKING_AT_ONCE)))
    stored = meter.read()
    for worker in system.workers:
        worker.process.send_signal(signal.SIGCONT)
    done = await finished(system)
    print(f"{'backlog':28} n={jobs:<5} {jobs / done.seconds:.1f} jobs a second", flush=True)
    show_costs("backlog, asked for", begin, stored, jobs)
    show_costs("backlog, done", stored, meter.read(), jobs)


async def measure_rate(
    system: System, learners: list[Learner], meter: Meter, rate: float, seconds: float
) -> None:
    """Jobs that come at a rate, however many are waiting."""
    begin, start, asked = meter.read(), time.monotonic(), []
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0, start + number / rate - time.monotonic()))
            asked.append(group.create_task(learners[number % LEARNERS].ask_unless_refused()))
    asking_seconds = time.monotonic() - start
    done = await finished(system)
    jobs = sum(one.result() for one in asked)
    name = f"at {rate:g} jobs a second"
    show(name, done.pickups)
    print(f"{name:28} {len(asked)} asked for in {asking_seconds:.1f} s, {len(asked) - jobs} refused", end="")
    print(f", {jobs / done.seconds:.1f} jobs a second done")
    show_costs(name, begin, meter.read(), jobs)


async def main(
    jobs: int, backlog: int, rate: float, seconds: float, workers: int, emulator_delay: float
) -> None:
    async with (
        running_system(emulator=("--chunk-delay-seconds", str(emulator_delay))) as system,
        ClientSession() as http,
    ):
        url = await system.add_web()
        for _ in range(workers):
            await system.add_worker()
        learners = [Learner(http, url, await register(http, url, number)) for number in range(LEARNERS)]
        await asyncio.gather(*(learner.ask(wait=20) for learner in learners))  # warms all of it up
        await finished(system)
        meter = await Meter.of(system)
        if jobs:
            await measure_idle(system, learners, jobs)
        if backlog:
            await measure_backlog(system, learners, meter, backlog)
        if rate:
            await measure_rate(system, learners, meter, rate, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--backlog", type=int, default=400)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--emulator-delay", type=float, default=0.001, help="seconds between two chunks")
    event_loop.run(main(**vars(parser.parse_args())))
