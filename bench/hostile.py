"""Requests that are expensive to process, sent by some learners while another one works.

For each shape: the processor time of the web process for one request, and how long the other learner's
`GET /api/users/me` and 15 KB `PATCH` take, quiet and while one learner keeps twenty requests under way. Then
the same beside five learners who send all shapes at once. Exits 1 if a request costs more than it may, or
holds up the other learner's reads.

    python -m bench.hostile [--seconds 8]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.connection import Connection

from aiohttp import ClientSession, TCPConnector

from bench.system import Running, percentile, register, running_system

AT_ONCE = 20
ACCOUNTS = 5
MOST_SECONDS = 0.25
MOST_READ_SECONDS, MOST_TIMES_QUIET = 0.05, 3
REFUSED_PAUSE_SECONDS = 0.05
PAUSE_SECONDS = 0.01
SINGLE_REQUESTS = 5
READ = "GET /api/users/me"
TRANSCRIPT = {"transcript": "We cut the budget by two percent. " * 440}


@dataclass(frozen=True)
class Shape:
    """A request that is expensive to process; `{session}` in its path is the sender's own session."""

    name: str
    method: str
    path: str
    body: bytes | None = None


def shapes() -> list[Shape]:
    history = [{"role": "user", "content": "<a b=&lt;" * 100}] * 1_000
    events = [{"eventType": "a", "metadata": {"a": "<b>&lt;" * 270}}] * 500
    nested = "<<<b>b>b>" * 5
    objects = {f"a{number}": {"b": number} for number in range(9_000)}
    return [
        Shape("911 KB of history", *_process({"prompt": "hello", "conversationHistory": history})),
        Shape("500 events of 1,900 characters", "POST", "/api/analytics/events", _json({"events": events})),
        Shape("feedbackJson of 19,000 texts", *_patch({"feedbackJson": {"a": [nested] * 19_000}})),
        Shape("feedbackJson of 9.5 KB", *_patch({"feedbackJson": {"a": [nested] * 190}})),
        Shape("a transcript of 200,000 characters", *_patch({"transcript": "<a b=" * 40_000})),
        Shape("one text of 1 MB", *_patch({"feedbackJson": {"a": "&amp;lt;<b a=" * 80_000}})),
        Shape("feedbackJson of 9,000 objects", *_patch({"feedbackJson": objects})),
    ]


def _process(content: dict[str, object]) -> tuple[str, str, bytes]:
    return "POST", "/api/gemini/process", _json(content)


def _patch(content: dict[str, object]) -> tuple[str, str, bytes]:
    return "PATCH", "/api/sessions/{session}", _json(content)


def _json(content: dict[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Learner:
    """A learner with a session."""

    url: str
    headers: dict[str, str]
    session_id: str

    @classmethod
    async def registered(cls, http: ClientSession, url: str, number: int) -> Learner:
        headers = await register(http, url, number)
        opening = {"featureType": "conversation"}
        async with http.post(f"{url}/api/sessions", json=opening, headers=headers) as response:
            session = await response.json()
        return cls(url, headers | {"Content-Type": "application/json"}, session["id"])

    async def send(self, http: ClientSession, shape: Shape) -> int:
        """The status of the answer."""
        url = self.url + shape.path.format(session=self.session_id)
        async with http.request(shape.method, url, data=shape.body, headers=self.headers) as response:
            await response.read()
            return response.status


async def processor_seconds(
    web: Running, http: ClientSession, sender: Learner, shape: Shape
) -> tuple[float, int]:
    """What one request costs the web process, and the status of its answer."""
    before = web.cpu_seconds()
    for _ in range(SINGLE_REQUESTS):
        status = await sender.send(http, shape)
    return (web.cpu_seconds() - before) / SINGLE_REQUESTS, status


async def work_for(http: ClientSession, learner: Learner, seconds: float) -> dict[str, list[float]]:
    """Alternately reads the profile and changes a transcript of 15 KB; the seconds that each took."""
    work = [Shape(READ, "GET", "/api/users/me"), Shape("PATCH of 15 KB", *_patch(TRANSCRIPT))]
    took: dict[str, list[float]] = {shape.name: [] for shape in work}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for shape in work:
            started = time.perf_counter()
            assert await learner.send(http, shape) == 200
            took[shape.name].append(time.perf_counter() - started)
            await asyncio.sleep(PAUSE_SECONDS)
    return took


@contextmanager
def hostile(senders: Sequence[Learner], shapes: Sequence[Shape]) -> Iterator[Connection]:
    """Keeps `AT_ONCE` requests of the senders in flight during the block, of the shapes in turn, from a
    separate process; the connection answers any message with the counts of statuses."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_keep_sending, args=(senders, shapes, theirs)
    )
    process.start()
    try:
        ours.recv()
        yield ours
    finally:
        process.terminate()
        process.join()


def _keep_sending(senders: Sequence[Learner], shapes: Sequence[Shape], ask: Connection) -> None:
    asyncio.run(_send_many(senders, shapes, ask))


async def _send_many(senders: Sequence[Learner], shapes: Sequence[Shape], ask: Connection) -> None:
    outcomes: Counter[int] = Counter()
    asyncio.get_running_loop().add_reader(ask.fileno(), lambda: ask.send((ask.recv(), outcomes)))

    async def keep_sending(sender: Learner, number: int) -> None:
        for shape in cycle([*shapes[number % len(shapes) :], *shapes[: number % len(shapes)]]):
            status = await sender.send(http, shape)
            outcomes[status] += 1
            if status in (429, 503):
                await asyncio.sleep(REFUSED_PAUSE_SECONDS)

    async with ClientSession(connector=TCPConnector(limit=0)) as http, asyncio.TaskGroup() as tasks:
        for sender in senders:
            for number in range(AT_ONCE // len(senders)):
                tasks.create_task(keep_sending(sender, number))
        ask.send("begun")


async def run(seconds: float) -> bool:
    """Measures and prints; returns whether everything is within its bounds."""
    async with running_system() as system, ClientSession() as http:
        url = await system.add_web()
        other, *senders = [await Learner.registered(http, url, number) for number in range(1 + ACCOUNTS)]
        await work_for(http, other, 1)
        quiet = await work_for(http, other, seconds)
        print_times("quiet", quiet)
        within = True
        for shape in shapes():
            cost, status = await processor_seconds(system.webs[0], http, senders[0], shape)
            within &= cost <= MOST_SECONDS
            size = len(shape.body or b"")
            print(f"{shape.name} ({size:,} bytes): {cost:.3f} s of processor time, {status}")
            within &= await _beside(http, other, senders[:1], [shape], seconds, quiet)
        print(f"all shapes at once, from {ACCOUNTS} accounts")
        return within & await _beside(http, other, senders, shapes(), seconds, quiet)


async def _beside(
    http: ClientSession,
    other: Learner,
    senders: Sequence[Learner],
    shapes: Sequence[Shape],
    seconds: float,
    quiet: dict[str, list[float]],
) -> bool:
    """Measures the other learner beside the senders; returns whether their reads are not held up."""
    with hostile(senders, shapes) as sending:
        took = await work_for(http, other, seconds)
        sending.send("how many?")
        statuses = dict(sorted(sending.recv()[1].items()))
    print_times(f"  beside {AT_ONCE} requests", took, quiet)
    print(f"  answered by status: {statuses}")
    most = max(MOST_READ_SECONDS, MOST_TIMES_QUIET * percentile(quiet[READ], 99))
    return percentile(took[READ], 99) <= most


def print_times(when: str, took: dict[str, list[float]], quiet: dict[str, list[float]] | None = None) -> None:
    for name, seconds in took.items():
        p50, p99 = (percentile(seconds, percent) * 1000 for percent in (50, 99))
        ratio = f", {p99 / (percentile(quiet[name], 99) * 1000):.1f} x quiet" if quiet else ""
        print(f"{when}: {name} {len(seconds)} times, p50 {p50:.1f} ms, p99 {p99:.1f} ms{ratio}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    return 0 if asyncio.run(run(parser.parse_args().seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
