"""What the parts of `bench.billing` share: the running system, its learners, and both sides' books."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from aiohttp import ClientResponse, ClientSession

from bench.system import CONTROL, EMULATOR_ENVIRONMENT, Running, System, register
from cara.devtools.servers.ports import free_port, port_opens
from cara.samples import SAMPLES

SETTLED_SECONDS = 90
START_SECONDS = 60
JOB_SECONDS = 120
POLL_SECONDS = 0.05
RESERVATIONS = """
    select count(*)
    from quota_reservations
    join users on users.id = user_id
    where $1::text[] is null or email = any($1)
"""
BOOKS = """
    with learners as (select id from users where $1::text[] is null or email = any($1))
    select
        (select coalesce(sum(tokens_used), 0) from quota_usage where user_id in (table learners)) as entries,
        (select coalesce(sum(used), 0) from quota_days where user_id in (table learners)) as used,
        (select coalesce(sum(reserved), 0) from quota_days where user_id in (table learners)) as reserved
"""
FINAL = ("succeeded", "failed", "cancelled")
STREAM = {"Accept": "text/event-stream"}
PROMPT = (
    "I have three minutes with my manager on Friday, and I want to ask for a higher salary. Last year I took "
    "over the release from a colleague who left, cut the time that it takes from two days to four hours, and "
    "trained two people who now do it without me. I am afraid that I will apologise before I have said a "
    "number, as I did the last time. How should I begin?"
)


@dataclass
class Gemini:
    """A running emulator, by its control routes."""

    http: ClientSession
    url: str

    async def plan(self, **fault: Any) -> None:
        """Plans a fault: `fault`, and `times` or `rate`, as the control route takes them."""
        async with self.http.post(f"{self.url}/emulator/faults", json=fault, headers=CONTROL) as response:
            assert response.status < 300, await response.text()

    async def clear(self) -> None:
        async with self.http.delete(f"{self.url}/emulator/faults", headers=CONTROL) as response:
            assert response.status == 204

    async def ledger(self) -> dict[str, int]:
        """The totals once no call is in flight."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while (totals := await self.totals())["in_flight"]:
                await asyncio.sleep(POLL_SECONDS)
        return totals

    async def totals(self) -> dict[str, int]:
        """The totals as they are now."""
        async with self.http.get(f"{self.url}/emulator/ledger", headers=CONTROL) as response:
            return dict(await response.json())


@dataclass
class Cara:
    """The system under test: HTTP at its first web process, and its tables."""

    system: System
    http: ClientSession
    tables: asyncpg.Pool
    url: str
    learners: int = field(default=0)

    async def learner(self, group: list[str] | None = None) -> dict[str, str]:
        """Registers one more learner, also in the group; returns the header fields that authenticate them."""
        self.learners += 1
        number = self.learners
        headers = await register(self.http, self.url, number)
        if group is not None:
            group.append(f"learner{number}@example.com")
        return headers

    async def charged(self, group: list[str] | None = None) -> int:
        """The tokens that a group is charged, or all learners are, once none of its calls is under way.

        Raises:
            AssertionError: a day's counter is not the sum of its entries, or tokens stay reserved.
        """
        async with asyncio.timeout(SETTLED_SECONDS):
            while await self.tables.fetchval(RESERVATIONS, group):
                await asyncio.sleep(POLL_SECONDS)
        books = await self.tables.fetchrow(BOOKS, group)
        assert books["used"] == books["entries"], dict(books)
        assert books["reserved"] == 0, dict(books)
        return int(books["entries"])

    async def ask_for_feedback(self, headers: dict[str, str], number: int = 0) -> str:
        """Creates a session and a job for a sample talk; returns the URL of the job's status."""
        sample = SAMPLES[number % len(SAMPLES)]
        session = await self.post("/api/sessions", headers, {"featureType": sample.feature_type})
        asked = {
            "sessionId": session["id"],
            "transcript": f"{sample.transcript()}\n",
            "durationSeconds": sample.duration_seconds,
        }
        job = await self.post("/api/gemini/generate-feedback", headers, asked)
        return self.url + job["statusUrl"]

    async def post(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Any:
        async with self.http.post(f"{self.url}{path}", json=body, headers=headers) as response:
            assert response.status in (200, 201, 202), await response.text()
            return await response.json()

    async def job(self, status_url: str, headers: dict[str, str]) -> dict[str, Any]:
        async with self.http.get(status_url, headers=headers) as response:
            return dict(await response.json())

    async def ended_job(self, status_url: str, headers: dict[str, str]) -> dict[str, Any]:
        """The job once it has ended."""
        async with asyncio.timeout(JOB_SECONDS):
            while (job := await self.job(status_url, headers))["status"] not in FINAL:
                await asyncio.sleep(POLL_SECONDS)
        return job


async def start_emulator(system: System, http: ClientSession, module: str, *options: str) -> Gemini:
    """Starts one more emulator."""
    port = free_port()
    await _start(system, "emulator", port, [module, "--port", str(port), *options], EMULATOR_ENVIRONMENT)
    return Gemini(http, f"http://127.0.0.1:{port}")


async def start_web(system: System, **settings: str) -> tuple[Running, str]:
    """Starts a web process, which may be one of several that start at once; returns it and its URL."""
    while True:
        port = free_port()
        environment = {**system.environment, "PORT": str(port), **settings}
        web = await _start(system, "web", port, ["cara", "serve"], environment)
        if web.process is not None and web.process.returncode is None:
            return web, f"http://127.0.0.1:{port}"
        taken = f":{port} cannot be used" in web.log.read_text()
        assert taken, web.log.read_text()


async def _start(
    system: System, name: str, port: int, module: list[str], environment: dict[str, str]
) -> Running:
    """Starts a process; returns it when it serves, or has ended."""
    log = system.servers.folder / f"{name}-{port}.log"
    running = Running(f"{name}-{port}", [sys.executable, "-m", *module], environment, log)
    await running.start()
    system.stack.push_async_callback(running.stop)
    assert running.process is not None
    serving, ended = asyncio.create_task(port_opens(port)), asyncio.create_task(running.process.wait())
    async with asyncio.timeout(START_SECONDS):
        await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
    serving.cancel()
    ended.cancel()
    return running


async def texts(response: ClientResponse) -> AsyncIterator[str]:
    """The data of each `delta` of a streamed answer; ends with the stream.

    Raises:
        AssertionError: the stream ends with an error.
    """
    name = ""
    async for raw in response.content:
        field_name, _, value = raw.decode().rstrip("\n").partition(": ")
        if field_name == "event":
            name = value
            assert name != "error", await response.text()
        elif field_name == "data" and name == "delta":
            yield value
