"""Which tests execute which lines of the rooms that are mutated, and which of them to run for a mutant."""

from __future__ import annotations

import ast
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

from bench.mutation_python import Mutant

ROOMS = {"quota": "cara/quota", "jobs": "cara/jobs", "work": "cara/feedback/work"}
TESTS = ["tests/quota", "tests/jobs", "tests/feedback", "tests/coach"]
KEPT = Path(".mutation")
LONGEST_TEST_SECONDS = 20.0
"""Slower tests, as measured with coverage, are left out."""

MOST_OTHER_TESTS = 40
"""So many tests of other rooms run after those of the mutant's own."""

Covering = dict[tuple[str, int], set[str]]


class Times:
    """A plugin of pytest that adds up how long each test takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration


def measure_coverage() -> None:
    """Runs the tests once, and keeps which of them executes which line, and how long each takes."""
    KEPT.mkdir(exist_ok=True)
    settings, times = KEPT / "coveragerc", Times()
    settings.write_text(f"[run]\nsource = {','.join(ROOMS.values())}\ndata_file = {KEPT}/coverage\n")
    options = [
        "--cov",
        f"--cov-config={settings}",
        "--cov-context=test",
        "--cov-report=",
        "-q",
        "-p",
        "no:randomly",
    ]
    pytest.main([*TESTS, *options], plugins=[times])
    (KEPT / "seconds.json").write_text(json.dumps(times.seconds))


def read_coverage() -> tuple[Covering, dict[str, float]]:
    """Returns the tests of each line without those that are too slow, and the seconds of each test."""
    seconds: dict[str, float] = json.loads((KEPT / "seconds.json").read_text())
    data, covering = coverage.CoverageData(str(KEPT / "coverage")), Covering()
    data.read()
    for path in data.measured_files():
        for line, contexts in data.contexts_by_lineno(path).items():
            tests = {context.split("|")[0] for context in contexts if context}
            covering[os.path.relpath(path), line] = {t for t in tests if seconds[t] < LONGEST_TEST_SECONDS}
    return covering, seconds


def scopes_that_use(constants: str, sources: dict[str, ast.Module]) -> Iterator[tuple[str, int]]:
    """Yields the lines of all functions that name one of the constants, or a class."""
    for path, tree in sources.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                names |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
                if names & set(constants.split()):
                    yield from (
                        (path, line) for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)
                    )


class Selection:
    """Chooses the tests for a mutant, the most likely killers first."""

    def __init__(self) -> None:
        self.covering, self.seconds = read_coverage()
        paths = [str(path) for room in ROOMS.values() for path in Path(room).glob("*.py")]
        self.sources = {path: ast.parse(Path(path).read_text()) for path in paths}
        self.killers: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def tests(self, mutant: Mutant) -> list[str]:
        first, last = mutant.lines
        found = set().union(*(self.covering.get((mutant.path, line), ()) for line in range(first, last + 1)))
        if not found:
            uses = scopes_that_use(mutant.scope, self.sources)
            found = set().union(*(self.covering.get(use, ()) for use in uses))
        killers, own = self.killers[mutant.path, mutant.scope], own_tests(mutant.path)
        if not found:  # it runs while its module is imported
            quick = (test for test, seconds in self.seconds.items() if seconds < LONGEST_TEST_SECONDS)
            found = {test for test in quick if test.startswith(own)}
        found = sorted(found, key=lambda t: (-killers[t], not t.startswith(own), self.seconds.get(t, 1.0)))
        return found[: sum(test.startswith(own) for test in found) + MOST_OTHER_TESTS]


def own_tests(path: str) -> str:
    """Returns the folder with the tests of a module's room."""
    return path.replace("cara/", "tests/", 1).rpartition("/")[0]
