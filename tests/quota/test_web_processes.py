"""The quota over several real web processes, one of which is killed: `bench/quota_race.py` in small."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiohttp import ClientError, ClientSession

from cara.postgres.database import Database
from cara.quota.quota import Quota
from cara.settings import Settings
from tests.coach.coach_client import PATH, PROMPT, STREAM, limit_tokens, read_tables, until
from tests.conftest import RunningEmulator
from tests.quota.web_processes import web_processes

ACCOUNT = {"email": "learner@example.com", "name": "A Learner", "password": "correct horse battery"}
CALLS, IN_FLIGHT, LIMIT = 40, 8, 3_000


async def recorded_outputs(database: Database) -> int:
    """The number of calls of which an output is recorded."""
    async with database.acquire() as connection:
        count: int = await connection.fetchval(
            "select count(*) from quota_reservations where output_tokens > 0"
        )
    return count


async def test_concurrency_and_crashes_leave_the_quota_tables_right(
    settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    async with web_processes(settings, 2) as webs, ClientSession() as http:
        async with http.post(f"{webs[0].url}/api/auth/register", json=ACCOUNT) as response:
            signed_in = {"Authorization": f"Bearer {(await response.json())['accessToken']}"}

        async def say(number: int, url: str) -> int:
            accept = STREAM if number % 3 == 0 else {}
            body = {"prompt": f"{PROMPT} {number}"}
            async with http.post(f"{url}{PATH}", json=body, headers=signed_in | accept) as response:
                await response.read()
                return response.status

        await limit_tokens(database, LIMIT)
        statuses = Counter(await asyncio.gather(*(say(n, webs[n % 2].url) for n in range(CALLS))))
        seen = await read_tables(database)
        assert set(statuses) == {200, 429}
        assert seen.used == seen.charged == emulator.emulator.ledger.total_tokens <= LIMIT
        assert seen.reserved == seen.reservations == 0

        await limit_tokens(database, 50_000)
        emulator.emulator.fail_next("stall_midstream", times=IN_FLIGHT)
        calls = [asyncio.create_task(say(n, webs[0].url)) for n in range(IN_FLIGHT)]
        await until(lambda: read_tables(database), lambda seen: seen.reservations == IN_FLIGHT)
        await until(lambda: recorded_outputs(database), lambda outputs: outputs == IN_FLIGHT)
        await webs[0].kill()
        broken = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(failure, ClientError) for failure in broken)

        async with database.acquire() as connection:
            assert await Quota(50_000).close_expired(connection) == 0
            await connection.execute("update quota_reservations set expires_at = now() - interval '1 second'")
            assert await Quota(50_000).close_expired(connection) == IN_FLIGHT
        after, served = await read_tables(database), emulator.emulator.ledger.total_tokens
        assert (after.reserved, after.reservations) == (0, 0)
        assert after.used == after.charged == pytest.approx(served, rel=0.03)
        assert await say(1, webs[1].url) == 200
        final = await read_tables(database)
        assert final.used == final.charged > after.used
