"""The records of what calls of the quota saw: written before and after each operation, and read again.

A file belongs to one process. Each line is a JSON array: the number of the operation, a mark, the time, and

    [number, "i", time, kind, learner, {arguments}]     invoked
    [number, "ok" | "refused", time, *results]          returned
    [number, "failed", time, reason]                    returned, and certainly without an effect
    [number, "cancelled", time]                         its connection has certainly come to rest
    [0, "step", time, hours]                            the clock of the process was changed

A process that is killed leaves operations without a second line, and perhaps half a line. Times are of the
monotonic clock in nanoseconds, which all processes of a machine share. Lines are written with one system call
and survive `kill -9` of the process, not of the machine.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

FLEET = -1
"""The learner of a sweep, which is of all learners."""

ALONE, IN_TRANSACTION, ROLLED_BACK = "alone", "in a transaction", "rolled back"
"""How a reservation or settlement is made: its `mode`."""


class RecordWriter:
    """Appends to the file of this process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._number = 0

    def invoked(self, kind: str, learner: int, **arguments: Any) -> int:
        """Records an operation that is about to begin; returns its number."""
        self._number += 1
        self._write(self._number, "i", time.monotonic_ns(), kind, learner, arguments)
        return self._number

    def ended(self, number: int, mark: str, *results: Any) -> None:
        self._write(number, mark, time.monotonic_ns(), *results)

    def stepped(self, hours: float) -> None:
        self._write(0, "step", time.monotonic_ns(), hours)

    def _write(self, *values: Any) -> None:
        os.write(self._descriptor, json.dumps(values, separators=(",", ":")).encode() + b"\n")


class Call(NamedTuple):
    """One operation as it was recorded; `mark` is "killed" for what a killed process left."""

    kind: str
    learner: int
    arguments: dict[str, Any]
    invoked: int
    returned: float
    mark: str
    results: list[Any]

    @property
    def is_known(self) -> bool:
        """Returns whether the outcome is known."""
        return self.mark not in ("cancelled", "killed")

    @property
    def is_committed(self) -> bool:
        """Returns whether what it did lasts: a refusal rolls its transaction back."""
        return self.mark == "ok" or (self.mark == "refused" and self.arguments["mode"] == ALONE)


@dataclass
class Records:
    """The calls of each learner, the sweeps of all learners, and how often each kind of thing happened."""

    calls: dict[int, list[Call]] = field(default_factory=dict)
    sweeps: list[Call] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, call: Call, *, is_counted: bool) -> None:
        if call.learner == FLEET:
            self.sweeps.append(call)
        else:
            self.calls.setdefault(call.learner, []).append(call)
        if not is_counted:
            return
        self.counts["operations"] += 1
        self.counts[f"operations: {call.kind}"] += 1
        if call.mark == "failed":
            self.counts[f"outcomes: {call.kind} failed, {call.results[0]}"] += 1
        elif call.mark != "ok":
            self.counts[f"outcomes: {call.mark}"] += 1


def read_records(folder: Path, part: int = 0, parts: int = 1) -> Records:
    """Reads what all processes wrote: of every `parts`-th learner, from the `part`-th on, and all sweeps.

    What concerns all learners is counted for part 0 alone.
    `ends.json` says when the last effect of each process that was killed was possible.
    """
    records = Records()
    ends = json.loads((folder / "ends.json").read_text())
    for path in sorted(folder.glob("*.jsonl")):
        counts = records.counts if part == 0 else Counter()
        for call in _calls(path, ends.get(path.stem, math.inf), counts):
            if call.learner == FLEET or call.learner % parts == part:
                records.add(call, is_counted=call.learner != FLEET or part == 0)
    for calls in (*records.calls.values(), records.sweeps):
        calls.sort(key=lambda call: call.invoked)
    return records


def _calls(path: Path, end: float, counts: Counter[str]) -> Iterator[Call]:
    """Yields the calls of one process. What it left unfinished took effect before `end`, or never."""
    under_way: dict[int, list[Any]] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        number, mark, moment, *rest = json.loads(line)
        if mark == "i":
            under_way[number] = [moment, *rest]
        elif mark == "step":
            counts["clock steps"] += 1
        else:
            invoked, kind, learner, arguments = under_way.pop(number)
            yield Call(kind, learner, arguments, invoked, moment, mark, rest)
    for invoked, kind, learner, arguments in under_way.values():
        yield Call(kind, learner, arguments, invoked, end, "killed", [])
