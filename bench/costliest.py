"""Searches for the request that costs the web process most, of every route.

A request of each route is changed at random, and the costliest ones are changed further. Each is charged with
the processor time of all threads of the web process, and with that of its event loop alone, in a running
system. Exits 1 if one costs more than it may.

    python -m bench.costliest [--minutes 5] [--seed 0] [--route "PATCH /api/sessions/{id}"] [--reading]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from bench.costliest_requests import COMPRESSED, Shape, mutated, shapes_of
from bench.system import register, running_system
from cara.app import ROUTES
from cara.errors import CaraError
from cara.web.handlers import inputs_of
from cara.web.json_body import _read
from cara.web.routing import Route
from cara.web.tags import MarkupBudget

MOST_SECONDS, MOST_LOOP_SECONDS = 0.25, 0.010
KEPT = 4
"""So many of the costliest requests of a route are changed further."""

ANSWERED_SOON = ClientTimeout(total=1)
TRIES_WITH_BODY = 6
REQUESTS_OF_A_LEARNER = 150
SETTLING_SECONDS = 0.003
ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """What a request cost: processor seconds of the whole process, and of its event loop; and its status."""

    seconds: float
    loop_seconds: float
    status: int


@dataclass
class Search:
    """The costliest requests of one route so far, by either measure."""

    route: Route
    starts: list[Shape]
    found: list[tuple[Cost, Shape]] = field(default_factory=list)

    def next(self, rng: random.Random) -> Shape:
        known = [shape for _, shape in self.found]
        return mutated(rng.choice([*self.starts, *known, *known]), rng)

    def keep(self, cost: Cost, shape: Shape) -> None:
        """Keeps the costliest in all, and the costliest on the event loop."""
        candidates = [*self.found, (cost, shape)]
        whole = sorted(candidates, key=lambda item: -item[0].seconds)[:KEPT]
        self.found = whole + sorted(candidates, key=lambda item: -item[0].loop_seconds)[:KEPT]

    def would_keep(self, cost: Cost) -> bool:
        others = [kept for kept, _ in self.found]
        return len(others) < 2 * KEPT or (
            cost.seconds > min(other.seconds for other in others[:KEPT])
            or cost.loop_seconds > min(other.loop_seconds for other in others[KEPT:])
        )

    @property
    def worst(self) -> tuple[Cost, Shape]:
        return max(self.found, key=lambda item: item[0].seconds)

    @property
    def worst_on_loop(self) -> tuple[Cost, Shape]:
        return max(self.found, key=lambda item: item[0].loop_seconds)


class Sender:
    """Sends requests as one learner after the other, and measures what they cost the web process."""

    def __init__(self, http: ClientSession, url: str, pid: int) -> None:
        self._http, self._url, self._pid = http, url, pid
        self._sent = 0
        self._headers: dict[str, str] = {}
        self._session = self._job = ""

    async def cost(self, route: Route, shape: Shape, *, rounds: int = 1) -> Cost:
        """Returns the least cost of some rounds: whatever else happens only ever adds."""
        return min([await self._once(route, shape) for _ in range(rounds)], key=lambda cost: cost.seconds)

    async def _once(self, route: Route, shape: Shape) -> Cost:
        if self._sent % REQUESTS_OF_A_LEARNER == 0:
            await self._renew()
        self._sent += 1
        before = _processor_seconds(self._pid)
        status = await self._send(route, shape)
        await asyncio.sleep(SETTLING_SECONDS)
        after = _processor_seconds(self._pid)
        if status == 401 or route.method == "DELETE":
            self._sent = 0  # somebody else goes on
        return Cost(after[0] - before[0], after[1] - before[1], status)

    async def _send(self, route: Route, shape: Shape) -> int:
        path = route.path.replace("{id}", self._job if "/jobs/" in route.path else self._session)
        usual = {**self._headers, "Content-Type": "application/json"}
        if shape.encoding in COMPRESSED:
            usual["Content-Encoding"] = COMPRESSED[shape.encoding]
        given = {name for name, _ in shape.headers}
        headers = [(name, value) for name, value in usual.items() if name not in given] + list(shape.headers)
        body = shape.body()
        if body is not None and shape.encoding not in COMPRESSED:
            body = body.replace(b"{session}", self._session.encode())
        url = URL(self._url + path).with_query(list(shape.query))
        try:
            async with self._http.request(
                route.method, url, data=body, headers=headers, timeout=ANSWERED_SOON
            ) as response:
                if response.content_type != "text/event-stream":
                    await response.read()
                return response.status
        except (TimeoutError, ClientError):
            return 0

    async def _renew(self) -> None:
        self._headers = await register(self._http, self._url, random.randrange(10**12))
        opening = {"featureType": "conversation"}
        async with self._http.post(
            f"{self._url}/api/sessions", json=opening, headers=self._headers
        ) as response:
            self._session = (await response.json())["id"]
        asked = {"sessionId": self._session, "transcript": "You: so, let us begin. " * 20}
        async with self._http.post(
            f"{self._url}/api/gemini/generate-feedback", json=asked, headers=self._headers
        ) as response:
            self._job = (await response.json())["jobId"]


def _processor_seconds(pid: int) -> tuple[float, float]:
    """Returns the processor time of a process, and of its main thread, to the nanosecond (Linux)."""
    clock = ~pid << 3 | 2  # clock_getcpuclockid(3)
    loop_nanoseconds = int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])
    return time.clock_gettime(clock), loop_nanoseconds / 1e9


class Reader:
    """Reads bodies in this process, as `read_body` does in a thread: many more than can be sent."""

    async def cost(self, route: Route, shape: Shape, *, rounds: int = 1) -> Cost:
        """Returns the least cost of some rounds; the status is 200 or 400."""
        return min([self._once(route, shape) for _ in range(rounds)], key=lambda cost: cost.seconds)

    def _once(self, route: Route, shape: Shape) -> Cost:
        model, raw, status = inputs_of(route).body, shape.json(), 200
        assert model is not None
        before = time.thread_time()
        try:
            _read(model, raw, MarkupBudget())
        except CaraError:
            status = 400
        return Cost(time.thread_time() - before, 0, status)


async def search_running(seconds: float, seed: int, only: str | None) -> list[Search]:
    """Searches by requests to a web process."""
    # Gemini answers at once, for a stream that waits costs nothing.
    async with (
        running_system(durable=False, emulator=("--chunk-delay-seconds", "0")) as system,
        ClientSession(connector=TCPConnector(limit=1)) as http,
    ):
        url = await system.add_web(TRUSTED_PROXIES="127.0.0.1")
        return await search(Sender(http, url, system.webs[0].pid), ROUTES, seconds, seed, only)


async def search(
    measure: Sender | Reader, routes: list[Route], seconds: float, seed: int, only: str | None
) -> list[Search]:
    """Searches in the routes in turn, for so many seconds in all."""
    rng, until = random.Random(seed), time.monotonic() + seconds
    searches = [
        Search(route, shapes_of(route, inputs_of(route).body is not None))
        for route in routes
        if only in (None, f"{route.method} {route.path}")
    ]
    while time.monotonic() < until:
        for each in searches:
            for _ in range(TRIES_WITH_BODY if each.starts[0].content else 1):
                await _step(each, measure, rng)
    return searches


async def _step(each: Search, measure: Sender | Reader, rng: random.Random) -> None:
    shape = each.next(rng) if each.found else each.starts[0]
    if each.would_keep(await measure.cost(each.route, shape)):
        each.keep(await measure.cost(each.route, shape, rounds=ROUNDS), shape)


def report(searches: list[Search]) -> bool:
    """Prints the costliest of each route; returns whether none costs more than it may."""
    for each in sorted(searches, key=lambda each: -each.worst[0].seconds):
        print(f"\n{each.route.method} {each.route.path}")
        for name, (cost, shape) in (("in all", each.worst), ("on the loop", each.worst_on_loop)):
            size = len(shape.body() or b"")
            print(
                f"  {name}: {cost.seconds * 1000:.1f} ms, {cost.loop_seconds * 1000:.1f} ms on the loop, "
                f"{size:,} bytes, {cost.status}: {shape.described()}"
            )
    return all(each.worst[0].seconds <= MOST_SECONDS for each in searches)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--route", help="search in this route alone")
    parser.add_argument("--reading", action="store_true", help="read bodies in this process alone")
    asked = parser.parse_args()
    how = asked.minutes * 60, asked.seed, asked.route
    if asked.reading:
        with_body = [route for route in ROUTES if inputs_of(route).body]
        searching = search(Reader(), with_body, *how)
    else:
        searching = search_running(*how)
    return 0 if report(asyncio.run(searching)) else 1


if __name__ == "__main__":
    sys.exit(main())
