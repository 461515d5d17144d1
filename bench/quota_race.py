"""A quota that cannot be overspent: many calls with few tokens left, and a web process that dies.

First many calls at once, spread over several web processes, from a learner with few tokens left; a checker
reads all the while both the counter that the guard goes by and what it should come to: the rows of the ledger
and of the reservations. Then a web process is killed with -9 while calls are in flight, and the time is taken
until nothing is reserved any more; these calls are charged as recorded. Ledger, counter and what the
emulator says it served are compared each time. Ends with exit code 1 when anything is wrong.

    python -m bench.quota_race [--calls 200] [--webs 4] [--tokens 3000] [--in-flight 50] [--deadline 5]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from aiohttp import ClientError, ClientSession, TCPConnector

from bench.system import CONTROL, System, register, running_system

LIMIT = 50_000
PROMPT = "Can you help me to prepare a talk about our budget? This is attempt number {}."
MAX_VOLLEYS = 20
MAX_DIFFERENCE = 0.01
"""Between what killed calls are charged and what was served, as a share."""


_TAKEN = """
    select (select coalesce(sum(used + reserved), 0)::int from quota_days) as counted,
           (select coalesce(sum(tokens_used), 0)::int from quota_usage)
           + (select coalesce(sum(tokens), 0)::int from quota_reservations) as booked
"""


@dataclass
class Checker:
    """Reads counter and rows in one snapshot, as often as possible while calls are made."""

    database_url: str
    samples: int = 0
    highest_counted: int = 0
    highest_booked: int = 0
    disagreements: int = 0
    _reading: asyncio.Task[None] | None = None
    _begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Checker:
        self._reading = asyncio.create_task(self._read())
        await self._begun.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reading is not None
        self._reading.cancel()
        await asyncio.wait([self._reading])

    async def _read(self) -> None:
        connection = await asyncpg.connect(self.database_url)
        try:
            while True:
                counted, booked = await connection.fetchrow(_TAKEN)
                self.highest_counted = max(self.highest_counted, counted)
                self.highest_booked = max(self.highest_booked, booked)
                self.disagreements += counted != booked
                self.samples += 1
                self._begun.set()
        finally:
            connection.terminate()


@dataclass(frozen=True)
class TokenCounts:
    """The learner's tokens by the tables, and the tokens served by the emulator."""

    used: int
    reserved: int
    reservations: int
    ledger: int
    calls: int
    served: int

    @property
    def is_consistent(self) -> bool:
        return self.used == self.ledger and self.reserved == self.reservations == 0


async def read_token_counts(system: System, http: ClientSession) -> TokenCounts:
    connection = await asyncpg.connect(system.database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            row = await connection.fetchrow(
                """
                select (select coalesce(sum(used), 0)::int from quota_days) as used,
                       (select coalesce(sum(reserved), 0)::int from quota_days) as reserved,
                       (select count(*) from quota_reservations) as reservations,
                       (select coalesce(sum(tokens_used), 0)::int from quota_usage) as ledger,
                       (select count(*) from quota_usage where model <> 'earlier') as calls
                """
            )
    finally:
        await connection.close()
    async with http.get(f"{system.emulator_url}/emulator/ledger", headers=CONTROL) as response:
        ledger = await response.json()
    return TokenCounts(
        *row, served=sum(ledger[f"{kind}_tokens"] for kind in ("prompt", "output", "thinking"))
    )


async def leave_tokens(database_url: str, tokens: int) -> None:
    """Uses all of the learner's tokens of today except the given number."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("update users set daily_token_quota = $1", LIMIT)
    await connection.execute(
        """
        with spent as (
            insert into quota_usage (user_id, id, day, request_type, model, tokens_used)
            select id, gen_random_uuid(), (now() at time zone 'utc')::date, 'process', 'earlier', $1
            from users
            returning user_id, day, tokens_used
        )
        insert into quota_days (user_id, day, used) select user_id, day, tokens_used from spent
        """,
        LIMIT - tokens,
    )
    await connection.close()


async def call_coach(http: ClientSession, url: str, headers: dict[str, str], number: int) -> int | None:
    """One call, every third one streamed; its status, or None when the connection broke."""
    accept = {"Accept": "text/event-stream"} if number % 3 == 0 else {}
    body = {"prompt": PROMPT.format(number)}
    try:
        async with http.post(f"{url}/api/gemini/process", json=body, headers=headers | accept) as response:
            await response.read()
            return response.status
    except ClientError:
        return None


async def volley(system: System, http: ClientSession, headers: dict[str, str], calls: int) -> Counter[Any]:
    """Makes concurrent calls, spread over the web processes; the counts of statuses."""
    urls = system.web_urls
    return Counter(
        await asyncio.gather(
            *(call_coach(http, urls[number % len(urls)], headers, number) for number in range(calls))
        )
    )


async def race(system: System, http: ClientSession, headers: dict[str, str], calls: int, tokens: int) -> bool:
    """Sends volleys until the quota is exhausted. True when all checks pass."""
    await leave_tokens(system.database_url, tokens)
    fine = True
    async with Checker(system.database_url) as checker:
        for number in range(1, MAX_VOLLEYS + 1):
            begun = time.perf_counter()
            statuses = await volley(system, http, headers, calls)
            seconds = time.perf_counter() - begun
            print(f"volley {number}: {calls} calls in {seconds:.2f} s, answers {dict(statuses)}")
            fine &= set(statuses) <= {200, 429}
            if not statuses[200]:
                break
    seen = await read_token_counts(system, http)
    spent = LIMIT - tokens
    print(
        f"checker: {checker.samples} samples, highest used + reserved {checker.highest_counted} by the "
        f"counter and {checker.highest_booked} by the rows, of {LIMIT}; "
        f"they disagreed {checker.disagreements} times"
    )
    print(
        f"counter {seen.used - spent}, ledger {seen.ledger - spent} in {seen.calls} calls, "
        f"emulator {seen.served}, reserved {seen.reserved}"
    )
    fine &= max(checker.highest_counted, checker.highest_booked) <= LIMIT and not checker.disagreements
    return fine and seen.is_consistent and seen.ledger - spent == seen.served > 0


async def crash(system: System, http: ClientSession, headers: dict[str, str], in_flight: int) -> bool:
    """Kills a web process with calls in flight; True if the counts agree after their expiry.

    Each call has received a part of its answer, which is recorded.
    """
    before = await read_token_counts(system, http)
    faults = f"{system.emulator_url}/emulator/faults"
    await http.post(faults, json={"fault": "stall_midstream", "times": in_flight}, headers=CONTROL)
    calls = [asyncio.create_task(call_coach(http, system.web_urls[0], headers, n)) for n in range(in_flight)]
    async with asyncio.timeout(30):
        while (await read_token_counts(system, http)).reservations < in_flight:
            await asyncio.sleep(0.01)
        while await _recorded(system) < in_flight:
            await asyncio.sleep(0.01)
    killed = time.perf_counter()
    await system.webs[0].kill()
    broken = Counter(await asyncio.gather(*calls))
    async with asyncio.timeout(120):
        while (seen := await read_token_counts(system, http)).reservations:
            await asyncio.sleep(0.05)
    seconds, charged = time.perf_counter() - killed, seen.used - before.used
    served = seen.served - before.served
    status = await call_coach(http, system.web_urls[1], headers, 0)
    after = await read_token_counts(system, http)
    print(f"kill -9 with {in_flight} calls in flight: {broken[None]} connections broke")
    print(f"nothing reserved any more after {seconds:.1f} s; charged meanwhile {charged} of {served} served")
    print(f"the next call: {status}; counter {after.used}, ledger {after.ledger}, emulator {after.served}")
    fair = abs(charged - served) <= MAX_DIFFERENCE * served
    return seen.is_consistent and after.is_consistent and fair and status == 200


async def _recorded(system: System) -> int:
    """The number of calls of which an output is recorded."""
    connection = await asyncpg.connect(system.database_url)
    try:
        count: int = await connection.fetchval(
            "select count(*) from quota_reservations where output_tokens > 0"
        )
    finally:
        await connection.close()
    return count


async def main(calls: int, webs: int, tokens: int, in_flight: int, deadline: float) -> bool:
    options = {"GEMINI_DEADLINE_SECONDS": str(deadline), "GEMINI_MAX_IN_FLIGHT": str(max(64, in_flight))}
    connector = TCPConnector(limit=0)
    async with (
        running_system(SWEEP_SECONDS="1", **options) as system,
        ClientSession(connector=connector) as http,
    ):
        for _ in range(max(webs, 2)):
            await system.add_web()
        await system.add_worker()
        headers = await register(http, system.web_urls[0], 1)
        fine = await race(system, http, headers, calls, tokens)
        connection = await asyncpg.connect(system.database_url)
        await connection.execute("update users set daily_token_quota = null")
        await connection.close()
        fine &= await crash(system, http, headers, in_flight)
    print("all is as it should be" if fine else "SOMETHING IS WRONG")
    return fine


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.quota_race", description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--webs", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=3_000)
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--deadline", type=float, default=5)
    sys.exit(0 if asyncio.run(main(**vars(parser.parse_args()))) else 1)
