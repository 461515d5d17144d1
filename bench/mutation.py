"""Mutation testing of the quota, the jobs and the work on feedback: do the tests notice a changed rule?

Each mutant is one edit of one module, in code or in SQL (`bench/mutation_python.py`, which says what is left
out). It runs in a forked process of its own, against the tests that execute the changed function, until the
first one fails; a run that takes too long counts as killed. Tests that have killed a mutant of the same
function come first, then those of the room, the quickest first.

Outcomes are kept in `.mutation`; what is there is not run again.

    python -m bench.mutation --coverage      # first: which test executes what, and how long it takes
    python -m bench.mutation [--room quota] [--sample 60] [--jobs 2]
    python -m bench.mutation --only .mutation/outcomes.jsonl --outcomes again.jsonl    # the survivors again
"""

from __future__ import annotations

import argparse
import gc
import importlib.abc
import importlib.util
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.machinery import ModuleSpec
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

import pytest

from bench.mutation_python import Mutant, mutants_of
from bench.mutation_tests import KEPT, ROOMS, Selection, measure_coverage
from tests.conftest import POSTGRES, REDIS
from tests.servers import running_servers

WITHOUT = ["cacheprovider", "randomly", "schemathesis", "anyio", "cov", "xdist"]
PYTEST = ["-q", "-x", "--tb=line", "-rfE", *(word for name in WITHOUT for word in ("-p", f"no:{name}"))]
LIBRARIES = [
    "cara.app",
    "worker.main",
    "hypothesis",
    "aiohttp.test_utils",
    "pytest_asyncio",
    "pytest_aiohttp",
]
Key = tuple[str, int, str]
LEAST_SECONDS = 40.0
"""A run may take this long, and five times as long as its tests took without a mutant."""


class MutatedModule(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module from changed source."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = mutant.path.removesuffix(".py").replace("/", ".")
        self.path, self.source = mutant.path, mutant.source()

    def find_spec(
        self, fullname: str, _: Sequence[str] | None, __: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self.path)

    def get_source(self, _: str) -> str:
        return self.source


def imported_by(module: ModuleType) -> set[str]:
    """Returns the names of what a module imports, at its top or in a function."""
    found: set[str] = set()
    text = Path(module.__file__).read_text() if module.__file__ else ""
    for base, names in re.findall(r"^\s*from ([\w.]+) import \(?([\w, \n]+)", text, re.MULTILINE):
        found |= {base} | {f"{base}.{name.split(' as ')[0].strip()}" for name in names.split(",")}
    return found


def forget_rooms() -> None:
    """Takes everything that imports one of the rooms out of the imported modules; the rest stays ready."""
    rooms = tuple(room.replace("/", ".") for room in ROOMS.values())
    own = {name: m for name, m in sys.modules.items() if name.split(".")[0] in ("cara", "worker", "tests")}
    imports = {name: imported_by(module) for name, module in own.items()}
    gone = {name for name in own if name.startswith((*rooms, "tests"))}
    while more := {name for name, used in imports.items() if used & gone} - gone:
        gone |= more
    for name in gone:
        del sys.modules[name]
        parent, _, child = name.rpartition(".")
        if parent in sys.modules and hasattr(sys.modules[parent], child):
            delattr(sys.modules[parent], child)


def run_mutant(mutant: Mutant, tests: list[str], slot: int, log: Path) -> int:
    """Forks a process that runs the tests with the mutant; returns its id."""
    if process := os.fork():
        return process
    os.setsid()
    os.environ["PYTEST_XDIST_WORKER"] = f"gw{slot}"  # by which tests choose a database of Valkey
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 99
    try:
        sys.meta_path.insert(0, MutatedModule(mutant))
        for first, last in ((0, 6), (6, 30), (30, len(tests))):  # fewer tests are collected sooner
            if first < len(tests) and code in (0, 99):
                code = int(pytest.main([*PYTEST, *tests[first:last]]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def outcome_of(code: int, log: Path) -> tuple[str, str]:
    """Returns how a mutant ended, and which test killed it."""
    text = log.read_text(errors="replace")
    killer = re.search(r"^(?:FAILED|ERROR) (tests/[^\n]+?)(?: - |$)", text, re.M)
    if code == 0:
        return "survived", ""
    if code in (1, 2, 3) or code < 0:
        return "killed", killer[1] if killer else text[-200:]
    return "invalid", f"{code}: {text[-200:]}"


class Run:
    """Runs mutants side by side, and keeps their outcomes."""

    def __init__(self, selection: Selection, jobs: int, kept: Path) -> None:
        self.selection, self.jobs, self.kept = selection, jobs, kept
        self.running: dict[int, tuple[Mutant, float, Path]] = {}
        self.slots = dict.fromkeys(range(jobs), 0)
        self.logs = Path(tempfile.mkdtemp(prefix="cara-mutation-"))

    def start(self, mutant: Mutant, tests: list[str]) -> None:
        expected = sum(self.selection.seconds.get(test, 1.0) for test in tests)
        log = self.logs / f"{len(list(self.logs.iterdir()))}.log"
        slot = next(slot for slot, process in self.slots.items() if process not in self.running)
        self.slots[slot] = process = run_mutant(mutant, tests, slot, log)
        self.running[process] = mutant, time.monotonic() + LEAST_SECONDS + 5 * expected, log

    def wait(self) -> None:
        """Waits for the end of one, or ends one that takes too long."""
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process:
                mutant, _, log = self.running.pop(process)
                return self.tell(mutant, *outcome_of(os.waitstatus_to_exitcode(status), log))
            late = [process for process, (_, until, _) in self.running.items() if time.monotonic() > until]
            if late:
                os.killpg(late[0], signal.SIGKILL)
                os.waitpid(late[0], 0)
                return self.tell(self.running.pop(late[0])[0], "timeout", "")
            time.sleep(0.02)

    def tell(self, mutant: Mutant, outcome: str, killer: str) -> None:
        if outcome == "killed":
            self.selection.killers[mutant.path, mutant.scope][killer] += 1
        with self.kept.open("a") as file:
            file.write(json.dumps({"outcome": outcome, "killer": killer} | asdict(mutant)) + "\n")
        print(f"{outcome:9} {mutant.path}:{mutant.line} {mutant.scope}: {mutant.what}  {killer}", flush=True)

    def all(self, mutants: list[Mutant]) -> None:
        for mutant in mutants:
            tests = self.selection.tests(mutant)
            if not tests:
                self.tell(mutant, "survived", "no test executes it")
                continue
            while len(self.running) >= self.jobs:
                self.wait()
            self.start(mutant, tests)
        while self.running:
            self.wait()


def drawn(options: argparse.Namespace) -> list[Mutant]:
    """Returns the mutants to run: all, a sample of each room, or those that survived before."""
    by_room: list[list[Mutant]] = []
    for name, room in ROOMS.items():
        if options.room in (None, name):
            found = [mutant for path in sorted(Path(room).glob("*.py")) for mutant in mutants_of(str(path))]
            random.Random(options.seed).shuffle(found)
            by_room.append(found[: options.sample])
    mutants = [mutant for each in zip_longest(*by_room) for mutant in each if mutant]
    if options.only:
        survived = {key for key, outcome in outcomes(options.only).items() if outcome == "survived"}
        mutants = [mutant for mutant in mutants if key_of(mutant) in survived]
    if options.control:
        mutants = [replace(m, new=Path(m.path).read_text()[m.start : m.end]) for m in mutants]
    done = outcomes(options.outcomes)
    return [mutant for mutant in mutants if key_of(mutant) not in done]


def outcomes(path: Path) -> dict[Key, str]:
    """Returns the outcomes that an earlier run has written."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {(line["path"], line["start"], line["new"]): line["outcome"] for line in map(json.loads, lines)}


def key_of(mutant: Mutant) -> Key:
    return mutant.path, mutant.start, mutant.new


@contextmanager
def servers() -> Iterator[None]:
    """PostgreSQL and Valkey for all runs, unless the environment names some."""
    if POSTGRES in os.environ:
        yield
        return
    with running_servers() as started:
        os.environ[POSTGRES], os.environ[REDIS] = started.postgres_url, started.redis_url
        yield


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--coverage", action="store_true", help="run the tests without mutants")
    parser.add_argument("--sample", type=int, help="so many mutants of each room, drawn at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room", choices=ROOMS)
    parser.add_argument("--control", action="store_true", help="change nothing: all must survive")
    parser.add_argument("--only", type=Path, help="only what survived by these outcomes")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--outcomes", type=Path, default=KEPT / "outcomes.jsonl")
    options = parser.parse_args()
    with servers():
        if options.coverage:
            measure_coverage()
            sys.exit()
        mutants = drawn(options)
        for library in LIBRARIES:
            importlib.import_module(library)
        selection = Selection()
        forget_rooms()
        gc.freeze()  # the forked processes need not look at what is imported already
        Run(selection, options.jobs, options.outcomes).all(mutants)


if __name__ == "__main__":
    main()
