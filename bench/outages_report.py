"""What was seen of an outage, for people and for the table in docs/operations.md."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.outages_load import NOT_ANSWERED
from bench.outages_stage import Scenario
from bench.outages_watch import Log, Outage

DOCUMENT = Path(__file__).parents[1] / "docs/operations.md"
MOST_SECONDS = 5.0
"""How long an answer may take while a part is away."""

READY_SECONDS = 3.0
"""How soon `/ready` has to say no, and the most that it may take."""

SLACK_SECONDS = 0.5
"""What the clients of a busy machine add."""


@dataclass(frozen=True)
class Report:
    """One scenario: what was seen, what is lost, and which processes have ended by themselves."""

    scenario: Scenario
    outage: Outage
    logs: list[Log]
    lost: dict[str, int]
    ended: list[str]
    slowest_health: float

    def row(self) -> str:
        """Returns the row of the table."""
        outage = self.outage
        away = f"{outage.up - outage.down:.0f} s"
        not_ready = outage.not_ready_seconds
        cells = [
            self.scenario.name,
            away,
            statuses(outage.statuses()),
            f"{outage.slowest.seconds:.1f} s",
            "–" if not_ready is None else f"{not_ready:.1f} s",
            f"{self._recovery_seconds:.1f} s",
            str(sum(self.lost.values())),
            " + ".join(str(len(log.records)) for log in self.logs),
        ]
        return f"| {' | '.join(cells)} |"

    @property
    def _recovery_seconds(self) -> float:
        own = self.scenario.recovery_seconds
        return self.outage.recovery_seconds if own is None else own

    def problems(self) -> list[str]:
        """Returns in words what should not have been."""
        outage, most = self.outage, MOST_SECONDS + SLACK_SECONDS
        found = [f"{number} × {kind}" for kind, number in self.lost.items() if number]
        found += [f"{process} has ended" for process in self.ended]
        found += [
            f"{number} answers of status {s}" for s, number in outage.statuses().items() if _is_wrong(s)
        ]
        if outage.slowest.seconds > most:
            found.append(f"{outage.slowest.operation} took {outage.slowest.seconds:.1f} s")
        if outage.slowest_reading > READY_SECONDS + SLACK_SECONDS:
            found.append(f"/ready took {outage.slowest_reading:.1f} s")
        if self.slowest_health > 1:
            found.append(f"/health took {self.slowest_health:.1f} s")
        if self.scenario.must_say_not_ready and not self._said_no_in_time():
            found.append("/ready did not say no in time")
        found += [f"{log.tracebacks} tracebacks of {log.name}" for log in self.logs if log.tracebacks]
        return found + self.scenario.problems()

    def _said_no_in_time(self) -> bool:
        seconds = self.outage.not_ready_seconds
        return seconds is not None and seconds <= READY_SECONDS + SLACK_SECONDS

    def show(self) -> None:
        """Prints the row and what does not fit into it."""
        print(self.row())
        for (operation, status, code), seconds in sorted(self.outage.failures().items()):
            at_most = f"{max(seconds):.1f} s at most"
            print(f"    {len(seconds):4} × {operation}: {status or 'none'} {code}, {at_most}")
        for problem, times in self.outage.missing().items():
            print(f"    {times:4} × /ready: {problem}")
        for line in self.scenario.seen():
            print(f"    {line}")
        for log in self.logs:
            for kind, times in log.kinds().most_common(8):
                print(f"    {times:4} × {log.name}: {kind[:150]}")
        for problem in self.problems():
            print(f"    WRONG: {problem}")
        print(flush=True)


def _is_wrong(status: int) -> bool:
    """Returns whether no answer should have had that status: not even one that refuses should be a 500."""
    return status == NOT_ANSWERED or (status >= 400 and status != 503)


def statuses(numbers: dict[int, int]) -> str:
    """Returns `1,203 × 2xx, 98 × 503`."""
    groups: dict[str, int] = {}
    for status, number in sorted(numbers.items()):
        name = "none" if status == NOT_ANSWERED else "2xx" if status < 300 else str(status)
        groups[name] = groups.get(name, 0) + number
    return ", ".join(f"{number:,} × {name}" for name, number in groups.items())


def record(report: Report) -> None:
    """Replaces the row of the scenario in docs/operations.md."""
    begin = f"| {report.scenario.name} |"
    lines = DOCUMENT.read_text().splitlines()
    changed = [report.row() if line.startswith(begin) else line for line in lines]
    DOCUMENT.write_text("\n".join(changed) + "\n")
