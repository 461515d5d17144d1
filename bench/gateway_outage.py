"""Gemini refuses connections for a while under load: how long callers wait, and how the circuit moves."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass

from aiohttp import ClientSession, TCPConnector

from bench.system import Running, System, percentile, register, running_system
from cara.devtools.servers.ports import free_port, port_opens

CALLERS = 16
PAUSE_SECONDS = 0.05
AROUND_SECONDS = 3.0
DEADLINE_SECONDS = 10.0
COOLDOWN_SECONDS = 2.0


@dataclass(frozen=True)
class Outcome:
    """One call: when it began, by how long after the outage did, how long it took, and what came of it."""

    begun: float
    seconds: float
    status: int


class Load:
    """Learners who never stop asking, every other one for a stream."""

    def __init__(self, http: ClientSession, url: str, learners: list[dict[str, str]]) -> None:
        self.outcomes: list[Outcome] = []
        self._http = http
        self._url = f"{url}/api/gemini/process"
        self._learners = learners
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        await asyncio.gather(*(self._caller(*each) for each in enumerate(self._learners)))

    def stop(self) -> None:
        self._stopped.set()

    async def _caller(self, number: int, headers: dict[str, str]) -> None:
        headers = headers | ({"Accept": "text/event-stream"} if number % 2 else {})
        body = {"prompt": f"What would you ask me next? I am caller {number}."}
        while not self._stopped.is_set():
            begun = time.monotonic()
            async with self._http.post(self._url, json=body, headers=headers) as response:
                text = await response.text()
            status = 502 if "event: error" in text else response.status
            self.outcomes.append(Outcome(begun, time.monotonic() - begun, status))
            await asyncio.sleep(PAUSE_SECONDS)


async def outage(down_seconds: float) -> None:
    """Runs the load with Gemini up, down and up again, and prints what the callers saw."""
    settings = {
        "GEMINI_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
        "GEMINI_BREAKER_COOLDOWN_SECONDS": str(COOLDOWN_SECONDS),
    }
    port = free_port()
    async with (
        running_system(**settings) as system,
        ClientSession(connector=TCPConnector(limit=0)) as http,
    ):
        gemini = await start_gemini(system, port)
        url = await system.add_web(GEMINI_BASE_URL=f"http://127.0.0.1:{port}")
        load = Load(http, url, [await register(http, url, number) for number in range(CALLERS)])
        running = asyncio.create_task(load.run())
        await asyncio.sleep(AROUND_SECONDS)
        await gemini.kill()
        down = time.monotonic()
        await asyncio.sleep(down_seconds)
        gemini = await start_gemini(system, port)
        up = time.monotonic()
        await asyncio.sleep(AROUND_SECONDS + COOLDOWN_SECONDS)
        load.stop()
        await running
        await gemini.stop()
        log = system.webs[0].log.read_text()
    show(load.outcomes, down, up)
    moves = Counter(line.partition("gemini circuit ")[2] for line in log.splitlines() if "circuit " in line)
    print("    circuit: " + ", ".join(f"{move} {times} times" for move, times in moves.items()))


async def start_gemini(system: System, port: int) -> Running:
    command = [
        sys.executable,
        "-m",
        "cara.devtools.emulator",
        "--port",
        str(port),
        "--chunk-delay-seconds",
        "0.02",
    ]
    gemini = Running("gemini", command, {}, system.servers.folder / "gemini.log")
    await gemini.start()
    async with asyncio.timeout(20):
        await port_opens(port)
    return gemini


def show(outcomes: list[Outcome], down: float, up: float) -> None:
    longest = max(outcome.seconds for outcome in outcomes)
    print(f"Gemini down for {up - down:.0f} s under {CALLERS} callers, deadline {DEADLINE_SECONDS:g} s")
    for name, begin, end in (("before", 0.0, down), ("down", down, up), ("after", up, float("inf"))):
        within = [outcome for outcome in outcomes if begin <= outcome.begun < end]
        taken = [1_000 * outcome.seconds for outcome in within]
        statuses = dict(Counter(outcome.status for outcome in within))
        print(
            f"    {name:8}{len(within):6} calls {statuses!s:32} "
            f"p50 {percentile(taken, 50):.1f} ms, p99 {percentile(taken, 99):.1f} ms"
        )
    first = min(outcome.begun + outcome.seconds for outcome in outcomes if _served(outcome, up))
    print(f"    longest of all {longest:.2f} s; served again {first - up:.2f} s after Gemini was back")


def _served(outcome: Outcome, up: float) -> bool:
    return outcome.begun > up and outcome.status == 200
