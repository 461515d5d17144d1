"""Parts fail while learners practise: what they see meanwhile, how soon all is well again, and what is lost.

Each scenario has PostgreSQL, Valkey, a web process, a worker and an emulator of its own, and six learners who
sign in, read, open and change sessions, post events, chat and ask for feedback. Everything that was
acknowledged has to be there in the end.

    python -m bench.outages [--only "PostgreSQL hung"] [--logs FOLDER] [--record]

It needs root on Linux, and runs in a network and with mounts of its own. `--record` writes the figures into
docs/operations.md.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from pathlib import Path

from bench import outages_hosts, outages_postgres, outages_valkey
from bench.outages_network import isolate
from bench.outages_report import Report, record
from bench.outages_stage import Scenario, Stage, staged
from bench.outages_verdict import lost
from bench.outages_watch import Log, Outage

SCENARIOS = (*outages_postgres.SCENARIOS, *outages_valkey.SCENARIOS, *outages_hosts.SCENARIOS)

QUIET_SECONDS = 3.0
"""The load before a part is taken away."""

WELL_SECONDS = 4.0
"""So long nothing may fail before all counts as well."""

RECOVERY_SECONDS = 60.0
FOLLOW_SECONDS = 90.0


async def play(scenario: Scenario, logs: Path | None) -> Report:
    """Plays one outage, and returns what was seen."""
    async with staged(scenario) as stage:
        await asyncio.sleep(QUIET_SECONDS)
        processes = [*stage.system.webs, *stage.system.workers]
        written = [Log(process) for process in processes]
        stage.down = time.monotonic()
        await scenario.begin(stage)
        await asyncio.sleep(scenario.seconds)
        await scenario.end(stage)
        up = time.monotonic()
        await all_well(stage, up)
        outage = Outage(stage.down, up, stage.load.answers, stage.watch.readings)
        await stage.load.stop(follow_seconds=FOLLOW_SECONDS)
        missing = await lost(stage.postgres.url, stage.load)
        for log in written:
            log.read()
        ended = [process.name for process in processes if process.ended]
        if logs:
            keep_logs(stage, logs / scenario.name.replace(" ", "-"))
        return Report(scenario, outage, written, missing, ended, stage.watch.slowest_health)


async def all_well(stage: Stage, up: float) -> None:
    """Returns when nothing has failed for `WELL_SECONDS`, or recovering has taken too long."""
    deadline = up + RECOVERY_SECONDS
    while time.monotonic() < deadline:
        failures = [answer.ended for answer in stage.load.answers if answer.failed]
        if stage.watch.ready and max([up, *failures]) + WELL_SECONDS < time.monotonic():
            return
        await asyncio.sleep(0.1)


def keep_logs(stage: Stage, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for log in stage.parts.folder.rglob("*.log"):
        shutil.copy(log, folder / f"{log.parent.name}-{log.name}")


async def main(only: list[str], logs: Path | None, write: bool) -> int:
    unknown = set(only) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        sys.exit(f"there is no scenario {', '.join(unknown)}: {', '.join(s.name for s in SCENARIOS)}")
    problems = 0
    for kind in SCENARIOS:
        if not only or kind.name in only:
            report = await play(kind(), logs)
            report.show()
            problems += len(report.problems())
            if write:
                record(report)
    return 1 if problems else 0


if __name__ == "__main__":
    isolate()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keeps the logs of all processes")
    parser.add_argument("--record", action="store_true", help="writes the figures into docs/operations.md")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.only, options.logs, options.record)))
