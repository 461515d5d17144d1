"""Every history of the quota can be explained: a million operations, checked for linearizability.

Several processes use `Quota` on one PostgreSQL, each for hundreds of learners, with reservations that expire
soon, sweeps, cancelled tasks, transactions that are rolled back, and clocks that are put forward and back.
Processes are killed with -9 in the middle and started again. Each records its operations before and after, so
that a kill leaves an unknown outcome. A checker then decides for each learner whether any order of the
operations explains all that was seen (`bench.quota_checker`), and the final tables too. Ends with exit code 1
if that is not so.

    python -m bench.quota_history [--operations 1000000] [--processes 4] [--seed 1]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from bench.quota_calls import LearnerCalls, Overlaps
from bench.quota_checker import SearchTooWide, check
from bench.quota_fleet import Fleet, Plan
from bench.quota_load import user_id_of
from bench.quota_model import Final
from bench.quota_records import FLEET, RecordWriter, read_records
from cara.devtools.servers.embedded import embedded_postgres_server
from cara.devtools.servers.unprivileged import discard_data
from cara.postgres.migrations import migrate_up
from cara.quota.quota import Quota

SLACK_SECONDS = 0.01
"""How far PostgreSQL's clock may drift from the monotonic one while a reservation is kept."""

RUN_SECONDS = 3_600
"""Ends a run that hangs."""


@dataclass
class Verdict:
    """What happened, how often, and what no order of the operations explains."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{number:>9,}  {name}" for name, number in sorted(self.counts.items())]
        lines += [f"{len(self.undecided):>9,}  histories undecided", *self.undecided[:10]]
        return "\n".join((*lines, f"{len(self.violations):>9,}  violations", *self.violations[:20]))


async def generate(plan: Plan, database_url: str, folder: Path) -> Counter[str]:
    """Runs the processes, sweeps what they left, and writes records and tables into the folder."""
    connection = await asyncpg.connect(database_url)
    await connection.executemany(
        "insert into users (id, email, name, password_hash) values ($1, $2, 'A Learner', '')",
        [(user_id_of(number), f"{number}@example.com") for number in range(plan.learners)],
    )
    fleet, started = Fleet(plan, database_url, folder), time.monotonic()
    async with asyncio.timeout(RUN_SECONDS):
        await fleet.run()
    seconds = time.monotonic() - started
    await asyncio.sleep(plan.keep_seconds + 2 * SLACK_SECONDS)
    records = RecordWriter(folder / "final-sweep.jsonl")
    number = records.invoked("sweep", FLEET)
    closed = await Quota(0).close_expired(connection)
    records.ended(number, "ok", closed)
    write_json(folder / "ends.json", fleet.ends)
    write_json(folder / "tables.json", await read_tables(connection))
    await connection.close()
    return Counter({"kills -9": fleet.kills, "seconds of operations": round(seconds)})


async def read_tables(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, Any]:
    """Returns the counters and the ledger of all learners, as they can be written as JSON."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        days = await connection.fetch("select user_id, day, used, reserved from quota_days")
        ledger = await connection.fetch("select user_id, id, day, tokens_used from quota_usage")
        left = await connection.fetch("select user_id, id, day, tokens from quota_reservations")
    return {
        "read_at": time.monotonic_ns(),
        "days": [(row[0].int - 1, row[1].toordinal(), row[2], row[3]) for row in days],
        "ledger": [(row[0].int - 1, str(row[1]), row[2].toordinal(), row[3]) for row in ledger],
        "reservations": [(row[0].int - 1, str(row[1]), row[2].toordinal(), row[3]) for row in left],
    }


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))


def judge(folder: Path, part: int = 0, parts: int = 1) -> Verdict:
    """Checks the histories of every `parts`-th learner."""
    records, finals, slack = read_records(folder, part, parts), read_finals(folder), int(SLACK_SECONDS * 1e9)
    verdict, sweeps = Verdict(records.counts), Overlaps(records.sweeps)
    for learner in range(part, max((*records.calls, *finals), default=0) + 1, parts):
        calls = LearnerCalls(records.calls.get(learner, []), sweeps, slack)
        deadlines = calls.deadlines()
        verdict.counts["expiries that were due"] += len(deadlines)
        verdict.counts["histories checked"] += 1
        try:
            violation = check(calls.operations(), deadlines, finals[learner])
        except SearchTooWide as error:
            verdict.undecided.append(f"learner {learner}: {error}")
        else:
            verdict.violations += [f"learner {learner}: {violation}"] if violation else []
    return verdict


def read_finals(folder: Path) -> dict[int, Final]:
    """Returns the final tables of each learner."""
    tables = json.loads((folder / "tables.json").read_text())
    finals: dict[int, Final] = defaultdict(lambda: Final(read_at=tables["read_at"]))
    for learner, day, used, reserved in tables["days"]:
        finals[learner].days[day] = used, reserved
    for learner, one, day, total in tables["ledger"]:
        finals[learner].ledger[one] = day, total
    for learner, one, day, tokens in tables["reservations"]:
        finals[learner].left[one] = day, tokens
    return finals


def judge_all(folder: Path, parts: int) -> Verdict:
    """Checks all histories, in so many processes."""
    whole = Verdict()
    with ProcessPoolExecutor(parts, multiprocessing.get_context("spawn")) as pool:
        for part in pool.map(judge, [folder] * parts, range(parts), [parts] * parts):
            whole.counts += part.counts
            whole.violations += part.violations
            whole.undecided += part.undecided
    return whole


@contextmanager
def migrated_database(folder: Path) -> Iterator[str]:
    with embedded_postgres_server(folder, durable=False) as database_url:
        migrate_up(database_url)
        yield database_url
    discard_data(folder)


def main(operations: int, processes: int, seed: int) -> int:
    plan = Plan(operations, processes, seed, operations_a_kill=min(10_000, operations // 10))
    with tempfile.TemporaryDirectory(prefix="cara-bench-") as name:
        folder = Path(name)
        with migrated_database(folder / "server") as database_url:
            happened = asyncio.run(generate(plan, database_url, folder))
        started = time.monotonic()
        verdict = judge_all(folder, 2)
    verdict.counts += happened
    verdict.counts["seconds of checking"] = round(time.monotonic() - started)
    print(verdict)
    return 1 if verdict.violations or verdict.undecided else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.quota_history", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(main(**vars(parser.parse_args())))
