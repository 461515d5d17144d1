"""What is seen while a part is away: readiness, answers, and lines in the logs of the processes."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import ClientError, ClientSession, ClientTimeout

from bench.outages_load import NOT_ANSWERED, Answer
from bench.system import Running

POLL_SECONDS = 0.2
PROBE_SECONDS = 10.0
NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|\d+")


@dataclass(frozen=True)
class Reading:
    """One answer of `/ready`, with what it says is missing."""

    begun: float
    seconds: float
    status: int
    missing: tuple[str, ...] = ()

    @property
    def ended(self) -> float:
        return self.begun + self.seconds


class Watch:
    """Asks a web process for `/ready` and `/health` several times a second."""

    def __init__(self, url: str) -> None:
        """`slowest_health` is `PROBE_SECONDS` if `/health` ever failed."""
        self.readings: list[Reading] = []
        self.slowest_health = 0.0
        self._url = url

    async def __aenter__(self) -> Self:
        self._http = ClientSession(timeout=ClientTimeout(total=PROBE_SECONDS))
        self._tasks = [asyncio.create_task(self._poll_readiness()), asyncio.create_task(self._poll_health())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    @property
    def ready(self) -> bool:
        """Whether the latest answer was yes."""
        return bool(self.readings) and self.readings[-1].status == 200

    async def _poll_readiness(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                async with self._http.get(f"{self._url}/ready") as response:
                    missing = tuple((await response.json())["missing"])
                    reading = Reading(begun, time.monotonic() - begun, response.status, missing)
            except (ClientError, TimeoutError):
                reading = Reading(begun, time.monotonic() - begun, NOT_ANSWERED)
            self.readings.append(reading)
            await asyncio.sleep(POLL_SECONDS)

    async def _poll_health(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                async with self._http.get(f"{self._url}/health") as response:
                    response.raise_for_status()
                seconds = time.monotonic() - begun
            except (ClientError, TimeoutError):
                seconds = PROBE_SECONDS
            self.slowest_health = max(self.slowest_health, seconds)
            await asyncio.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Outage:
    """What was seen from the moment a part went away, `down`, over its return, `up`, until all was well."""

    down: float
    up: float
    answers: Sequence[Answer]
    readings: Sequence[Reading]

    @property
    def recovery_seconds(self) -> float:
        """From the return of the part to the last failure, or to the first yes of `/ready` that lasts."""
        failures = [answer.ended for answer in self.answers if answer.failed]
        refusals = [reading.ended + POLL_SECONDS for reading in self.readings if reading.status != 200]
        return max(0.0, max([*failures, *refusals], default=self.up) - self.up)

    @property
    def affected(self) -> list[Answer]:
        """The answers of the outage and the recovery."""
        end = self.up + self.recovery_seconds
        return [answer for answer in self.answers if answer.ended >= self.down and answer.begun <= end]

    @property
    def slowest(self) -> Answer:
        return max(self.affected, key=lambda answer: answer.seconds)

    @property
    def not_ready_seconds(self) -> float | None:
        """How long after the part went away `/ready` had said no; None if it never did."""
        refusals = (reading.ended for reading in self._readings() if reading.status == 503)
        first = min(refusals, default=None)
        return None if first is None else first - self.down

    @property
    def slowest_reading(self) -> float:
        return max(reading.seconds for reading in self._readings())

    def missing(self) -> Counter[str]:
        """What `/ready` said, by how often it said so."""
        return Counter(problem for reading in self._readings() for problem in reading.missing)

    def statuses(self) -> dict[int, int]:
        """The number of answers by status; 0 stands for none."""
        return dict(sorted(Counter(answer.status for answer in self.affected).items()))

    def failures(self) -> dict[tuple[str, int, str], list[float]]:
        """How many seconds the failures took, by operation, status and code."""
        seconds: dict[tuple[str, int, str], list[float]] = {}
        for answer in self.affected:
            if answer.failed:
                kind = (answer.operation, answer.status, answer.code)
                seconds.setdefault(kind, []).append(answer.seconds)
        return seconds

    def _readings(self) -> list[Reading]:
        return [reading for reading in self.readings if reading.ended > self.down]


class Log:
    """The lines that a process writes during an outage, without those of the access log."""

    def __init__(self, process: Running) -> None:
        self.name = process.name
        self.lines: list[str] = []
        self._file = process.log
        self._begin = process.log.stat().st_size

    def read(self) -> None:
        """Reads what was written since the beginning."""
        written = self._file.read_bytes()[self._begin :].decode(errors="replace")
        self.lines = [line for line in written.splitlines() if not line.startswith("{")]

    @property
    def tracebacks(self) -> int:
        return sum(line.startswith("Traceback ") for line in self.lines)

    @property
    def records(self) -> list[str]:
        """The warnings and errors, without the frames of tracebacks."""
        return [line for line in self.lines if re.match(r"\d{4}-\d\d-\d\d \S+ (WARN|ERR|CRIT)", line)]

    def kinds(self) -> Counter[str]:
        """The records by kind: without times, ids and numbers."""
        return Counter(NUMBERS.sub("…", line[24:]) for line in self.records)
