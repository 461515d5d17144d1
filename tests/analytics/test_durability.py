"""Durability: an acknowledged event is stored exactly once, whichever process is killed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
from aiohttp import ClientError, ClientSession, ClientTimeout

from bench.system import System, register, running_system
from cara.analytics import rollups
from cara.postgres.database import Database
from tests.conftest import make_settings
from tests.waiting import time_limit

POSTERS = 8
PHASE_EVENTS = 200
BACK_OFF_SECONDS = 0.05


@dataclass
class Posters:
    """Clients that send each event until it is acknowledged."""

    http: ClientSession
    system: System
    headers: dict[str, str]
    acknowledged: list[str] = field(default_factory=list)
    refusals: int = 0
    stopping: bool = False
    progress: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, number: int) -> None:
        sizes: Iterator[int] = itertools.cycle([1, 1, 1, 20])
        while not self.stopping:
            events = [{"eventType": f"poster_{number}", "eventId": str(uuid4())} for _ in range(next(sizes))]
            await self._send({"events": events} if len(events) > 1 else events[0])
            self.acknowledged += [event["eventId"] for event in events]
            self.progress.set()

    async def _send(self, body: dict[str, Any]) -> None:
        for url in itertools.cycle(self.system.web_urls):
            try:
                request = self.http.post(f"{url}/api/analytics/events", json=body, headers=self.headers)
                async with request as response:
                    if response.status in (201, 202):
                        return
                    assert response.status == 503, await response.text()
            except (ClientError, TimeoutError):
                pass
            self.refusals += 1
            await asyncio.sleep(BACK_OFF_SECONDS)

    async def until_more(self, events: int) -> None:
        """Waits until so many more events are acknowledged."""
        goal = len(self.acknowledged) + events
        async with time_limit():
            while len(self.acknowledged) < goal:
                self.progress.clear()
                await self.progress.wait()


async def test_every_acknowledged_event_is_stored_once_whatever_is_killed() -> None:
    """A web process is killed and PostgreSQL restarted while eight clients post single events and batches."""
    async with running_system() as system, ClientSession(timeout=ClientTimeout(total=10)) as http:
        for _ in range(2):
            await system.add_web()
        headers = await register(http, system.web_urls[0], 1)
        posters = Posters(http, system, headers)
        async with asyncio.TaskGroup() as tasks:
            for number in range(POSTERS):
                tasks.create_task(posters.run(number))
            await posters.until_more(PHASE_EVENTS)
            await system.webs[0].kill()
            await posters.until_more(PHASE_EVENTS)
            assert posters.refusals
            await asyncio.to_thread(system.servers.stop_postgres)
            await asyncio.to_thread(system.servers.start_postgres)
            await posters.until_more(PHASE_EVENTS)
            posters.stopping = True
        await expect_each_once(system, posters.acknowledged)


async def expect_each_once(system: System, acknowledged: list[str]) -> None:
    connection = await asyncpg.connect(system.database_url)
    stored = [
        str(row["id"])
        for row in await connection.fetch("select id from analytics_events where event_type like 'poster_%'")
    ]
    await connection.close()
    assert len(stored) == len(set(stored))
    assert set(stored) == set(acknowledged)

    settings = make_settings(database_url=system.database_url, redis_url=system.servers.redis_url)
    database = await Database.connect(settings)
    await rollups.fold(database)
    async with database.acquire() as connection:
        assert await connection.fetchval("select sum(events) from feature_days") == len(acknowledged)
    await database.close()
