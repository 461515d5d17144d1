"""Requests a second and processor time a request of one web process, beside a floor and two other ways.

The contenders take turns, cell by cell and round by round, on one core; the load, PostgreSQL and Valkey have
the other one. All of Cara's checks and limits are on, with limits that nobody reaches.

    python -m bench.http [--quick] [--write] [--cells verify one] [--contenders cara floor]
        [--rounds 5] [--seconds 3] [--connections 16]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from bench import http_report
from bench.http_cells import CELLS, Cell, Learner, prepare, requests_of, tidy
from bench.http_contenders import (
    LOAD_CORES,
    Contender,
    Start,
    measure_start,
    start_cara,
    start_others,
)
from bench.http_report import Results
from bench.load import Measured
from bench.system import System, running_system
from cara import event_loop

NAMES = ("cara", "floor", "fastapi", "express")
STARTS = 3
SETTINGS = {
    "RATE_LIMITS": "on",
    "RATE_LIMIT_ADDRESS": "100000000/15 minutes",
    "RATE_LIMIT_SIGN_IN": "100000000/minute",
    "RATE_LIMIT_USER": "100000000/15 minutes",
    "RATE_LIMIT_GEMINI": "100000000/minute",
    "ACCESS_TOKEN_SECONDS": "86400",
    "CONSOLE": "off",
}


async def load(
    contender: Contender, requests: list[str], connections: int, warm_seconds: float, seconds: float
) -> Measured:
    """Runs the load in a process of its own; exits with its message if a request failed."""
    order = {
        "port": contender.port,
        "requests": requests,
        "connections": connections,
        "warm_seconds": warm_seconds,
        "seconds": seconds,
        "server_pid": contender.pid,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(json.dumps(order).encode())
    if process.returncode:
        raise SystemExit(f"{contender.title} failed")
    return Measured(**json.loads(output))


async def require_same_members(
    http: ClientSession, cell: Cell, learner: Learner, contenders: list[Contender]
) -> None:
    """Exits unless all contenders answer with the members that Cara answers with."""
    wanted: Any = None
    for contender in contenders:
        if cell.name in contender.lacks | contender.differs:
            continue
        path = cell.path.replace("{session}", learner.sessions[1])
        url = f"http://127.0.0.1:{contender.port}{path}"
        async with http.request(cell.method, url, json=cell.body, headers=learner.headers) as response:
            found = members(await response.json())
        if wanted is not None and found != wanted:
            raise SystemExit(f"{cell.name}: {contender.title} answers {found}, and Cara {wanted}")
        wanted = found


def members(value: Any) -> Any:
    """Returns the names of the members, of the first item for a list."""
    if isinstance(value, dict):
        return {name: members(each) for name, each in sorted(value.items())}
    return [members(value[0])] if isinstance(value, list) and value else None


async def measure(
    options: argparse.Namespace, system: System, learners: list[Learner], contenders: list[Contender]
) -> Results:
    results: Results = {}
    for number in range(options.rounds):
        for cell in options.cells:
            requests = requests_of(cell, learners)
            # Each round begins with another one: what drifts over time strikes all of them.
            turn = number % len(contenders)
            for contender in contenders[turn:] + contenders[:turn]:
                if cell.name in contender.lacks:
                    continue
                timing = options.seconds / 4, options.seconds
                found = await load(contender, requests, options.connections, *timing)
                results.setdefault(cell.name, {}).setdefault(contender.name, []).append(found)
                await tidy(system.database_url)
        print(f"(round {number + 1} of {options.rounds} is done)", file=sys.stderr)
    return results


async def main(options: argparse.Namespace) -> None:
    os.sched_setaffinity(0, LOAD_CORES)
    async with running_system(**SETTINGS) as system, ClientSession() as http:
        contenders = [await start_cara(system)]
        learners = await prepare(system, http)
        contenders += await start_others(system, options.contenders)
        if "cara" not in options.contenders:
            contenders = contenders[1:]
        for cell in options.cells:
            await require_same_members(http, cell, learners[0], contenders)
        await tidy(system.database_url)
        results = await measure(options, system, learners, contenders)
        starts: list[Start] = [await measure_start(system, http) for _ in range(STARTS)]
    text = http_report.markdown(options.cells, contenders, results, starts)
    print(text)
    if options.write:
        http_report.write(text, options.cells, contenders, results, Path("docs"))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.http", description=__doc__)
    by_name = {cell.name: cell for cell in CELLS}
    parser.add_argument("--quick", action="store_true", help="about two minutes")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md and docs/http.svg")
    parser.add_argument("--cells", nargs="+", choices=by_name, default=list(by_name))
    parser.add_argument("--contenders", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    options.cells = [by_name[name] for name in options.cells]
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.8 if options.quick else 3.0)
    return options


if __name__ == "__main__":
    event_loop.run(main(parsed()))
