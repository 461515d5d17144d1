"""The cells of the HTTP benchmark: the requests, the learners that send them, and the rows that they find."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from aiohttp import ClientSession

from bench.load import request_text
from bench.system import System, register
from cara.analytics import rollups
from cara.postgres.database import Database
from cara.settings import Settings

USER_ID = "X-User-Id"
"""The header field by which the floor knows the learner; the others read the token."""

LEARNERS = 8
SESSIONS = 100
"""Of each learner, spread over the last thirty days."""

FOLD_SECONDS = 30
READ_SESSIONS = 5
"""Of each learner, for the cell that reads one."""

CREATED_TITLE = "Made by the benchmark"
EVENT = {"eventType": "exercise_opened", "metadata": {"featureType": "video", "page": "practice"}}


@dataclass(frozen=True)
class Cell:
    """Requests of one kind. `{session}` in the path stands for the id of a session of the learner."""

    name: str
    method: str
    path: str
    body: Any = None

    @property
    def title(self) -> str:
        path = self.path.replace("{session}", "{id}")
        return f"{self.method} {path}"


CELLS = (
    Cell("verify", "GET", "/api/auth/verify"),
    Cell("create", "POST", "/api/sessions", {"featureType": "conversation", "title": CREATED_TITLE}),
    Cell("list", "GET", "/api/sessions?limit=20"),
    Cell("one", "GET", "/api/sessions/{session}"),
    Cell("stats", "GET", "/api/analytics/stats"),
    Cell("events", "POST", "/api/analytics/events", EVENT),
)


@dataclass(frozen=True)
class Learner:
    """A learner; every contender gets the same header fields and takes from them what it needs."""

    headers: dict[str, str]
    sessions: list[str]


def requests_of(cell: Cell, learners: list[Learner]) -> list[str]:
    """Returns the requests of a cell, as they are sent: those of all learners in turn."""
    return [
        request_text(
            cell.method, cell.path.replace("{session}", learner.sessions[number]), learner.headers, cell.body
        )
        for number in range(READ_SESSIONS if "{session}" in cell.path else 1)
        for learner in learners
    ]


async def prepare(system: System, http: ClientSession) -> list[Learner]:
    """Registers the learners, gives them sessions, and folds these into the roll-ups."""
    url = system.web_urls[0]
    learners = list(await asyncio.gather(*(_learner(http, url, number) for number in range(LEARNERS))))
    database = await Database.connect(Settings(**_settings(system)))
    try:
        await rollups.fold(database, seconds=FOLD_SECONDS)
    finally:
        await database.close()
    return learners


def _settings(system: System) -> dict[str, Any]:
    return {name.lower(): value for name, value in system.environment.items() if name != "CARA_ENV"}


async def _learner(http: ClientSession, url: str, number: int) -> Learner:
    headers = await register(http, url, number)
    async with http.get(f"{url}/api/users/me", headers=headers) as response:
        headers[USER_ID] = (await response.json())["id"]
    sessions = [await _session(http, url, headers, number) for number in range(SESSIONS)]
    return Learner(headers, sessions)


async def _session(http: ClientSession, url: str, headers: dict[str, str], number: int) -> str:
    """Returns the id of a new session; two of three are completed."""
    practiced_at = datetime.now(UTC) - timedelta(days=30) * number / SESSIONS
    new = {
        "featureType": ("conversation", "writing", "accent", "listening", "video")[number % 5],
        "title": f"Talk {number}",
        "practicedAt": practiced_at.isoformat(),
    }
    async with http.post(f"{url}/api/sessions", json=new, headers=headers) as response:
        assert response.status == 201, await response.text()
        session: str = (await response.json())["id"]
    if number % 3:
        scores = {"score": 50 + number / 4, "clarity": 60, "pace": 70.5, "confidence": 55, "tone": 80}
        changes = {"completed": True, "durationSeconds": 60 + number, **scores}
        async with http.patch(f"{url}/api/sessions/{session}", json=changes, headers=headers) as response:
            assert response.status == 200, await response.text()
    return session


async def tidy(database_url: str) -> None:
    """Takes away what the cells have written, so that every contender finds the same rows."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("delete from sessions where title = $1", CREATED_TITLE)
        await connection.execute("truncate analytics_events, pending_event_batches, stale_quarter_hours")
        await connection.execute("vacuum sessions")
    finally:
        await connection.close()
