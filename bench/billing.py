"""Every token accounted for: what Gemini serves is charged, however it answers and whoever leaves or dies.

Two tables. The first goes through the ways in which Gemini is known to deviate, one after the other: no row
may cost more than two billed calls, and none may fail that has an answer to use. The second compares what was
served with what was charged when learners leave, and when processes are killed with -9 while Gemini writes.
There the emulator counts by Cara's own estimate, so that the difference is what was lost or charged twice.

    python -m bench.billing [--calls 20] [--seed 1]

A process records what its open calls have received ten times a second. What a killed one has received since
is lost, so the difference grows with the speed of the stream: here 20 tokens a second in a conversation and
40 in a judgement.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence

import asyncpg
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from bench.billing_losses import MAX_DIFFERENCE, Loss, Losses, WorkerKills
from bench.billing_rows import Result, Rows, rows, schema_rows
from bench.billing_system import Cara, Gemini, start_emulator
from bench.system import running_system

SETTINGS = {
    "JOB_LEASE_SECONDS": "3",
    "SWEEP_SECONDS": "1",
    "JOB_ATTEMPTS": "20",
    "GEMINI_ATTEMPTS": "2",
    "GEMINI_FIRST_TOKEN_SECONDS": "15",
    "GEMINI_BREAKER_FAILURES": "1000000",
    "GEMINI_DEADLINE_SECONDS": "60",
}
QUICK = {"GEMINI_FIRST_TOKEN_SECONDS": "1", "GEMINI_BETWEEN_CHUNKS_SECONDS": "2"}
MORTAL = {"GEMINI_DEADLINE_SECONDS": "20"}
"""The reservation of a call whose process is killed expires ten seconds after it."""

COUNTED_ALIKE = "bench.billing_emulator"
FIRST_PIECE_SECONDS = 1.5
CONVERSATION = (
    *("--chunk-characters", "16", "--chunk-delay-seconds", "0.2"),
    *("--first-chunk-delay-seconds", str(FIRST_PIECE_SECONDS)),
)
JUDGEMENT = ("--chunk-characters", "16", "--chunk-delay-seconds", "0.1")
JUDGEMENT_SECONDS = 12.0
LANES = 3
RUN_SECONDS = 900
"""Ends a run that hangs; with 20 calls of a kind it takes four minutes."""


async def run_rows(cara: Cara) -> list[Result]:
    """Runs all rows; those that a worker process would remember get a worker of their own."""
    running = Rows(cara, Gemini(cara.http, cara.system.emulator_url))
    results: list[Result] = []
    for row in schema_rows():
        worker = await cara.system.add_worker(**QUICK)
        results.append(await running.run(row))
        await worker.stop()
    worker = await cara.system.add_worker(**QUICK)
    results += [await running.run(row) for row in rows()]
    await worker.stop()
    return results


async def run_losses(cara: Cara, calls: int, seed: int) -> list[Loss]:
    """Has learners leave and processes die, in conversations and in jobs at the same time."""
    system, http, losses = cara.system, cara.http, Losses(cara, calls, random.Random(seed))
    coach = await start_emulator(system, http, COUNTED_ALIKE, *CONVERSATION)
    judges = [await start_emulator(system, http, COUNTED_ALIKE, *JUDGEMENT) for _ in range(LANES)]
    cara.url = await system.add_web(GEMINI_BASE_URL=coach.url)
    async with asyncio.TaskGroup() as group:
        group.create_task(lose_conversations(losses, coach))
        group.create_task(lose_jobs(losses, judges))
    return losses.found


async def lose_conversations(losses: Losses, coach: Gemini) -> None:
    pieces = await losses.leave(coach, FIRST_PIECE_SECONDS)
    settings = MORTAL | {"GEMINI_BASE_URL": coach.url}
    await losses.kill_webs(coach, pieces, FIRST_PIECE_SECONDS, settings)


async def lose_jobs(losses: Losses, judges: list[Gemini]) -> None:
    worker = await losses.cara.system.add_worker(GEMINI_BASE_URL=judges[0].url)
    await losses.cancel_jobs(judges[0], JUDGEMENT_SECONDS)
    await worker.stop()
    await WorkerKills(losses, judges, JUDGEMENT_SECONDS).run()


def print_table(heads: str, cells: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
    names = heads.split(",")
    rules = ["--:" if number in numbers else "---" for number in range(len(names))]
    print(f"| {' | '.join(names)} |\n|{'|'.join(rules)}|")
    for row in cells:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


async def main(calls: int, seed: int) -> int:
    begun = time.monotonic()
    http = ClientSession(timeout=ClientTimeout(total=120), connector=TCPConnector(limit=0))
    async with (
        asyncio.timeout(RUN_SECONDS),
        running_system(emulator=("--chunk-delay-seconds", "0.002"), **SETTINGS) as system,
        http,
        asyncpg.create_pool(system.database_url, min_size=1, max_size=4) as tables,
    ):
        cara = Cara(system, http, tables, await system.add_web(**QUICK))
        results = await run_rows(cara)
        heads = "Gemini,asked by,status,requests,billed,tokens served,charged,"
        print_table(heads, [result.cells for result in results], range(3, 7))
        losses = await run_losses(cara, calls, seed)
        heads = "calls,number,tokens served,charged,difference,tokens a call"
        print_table(heads, [loss.cells for loss in losses], range(1, 6))
    bad = [*(result.row.title for result in results if not result.is_good)]
    bad += [loss.title for loss in losses if not loss.is_good]
    print(f"{time.monotonic() - begun:.0f} s; a difference may be {MAX_DIFFERENCE:.0%}.", end=" ")
    print(f"Not as expected: {'; '.join(bad)}" if bad else "All as expected.")
    return 1 if bad else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
