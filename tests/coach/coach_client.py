"""Helpers of tests: talking to the coach over HTTP, and reading what it cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse

from cara.coach.routes import COACH_EVENTS
from cara.postgres.database import Database
from tests.learners import Learner
from tests.openapi_document import assert_described
from tests.streams import SentEvent, read_events
from tests.waiting import time_limit

PATH = "/api/gemini/process"
PROMPT = "Can you help me practice a salary negotiation?"
STREAM = {"Accept": "text/event-stream"}


async def ask_coach(learner: Learner, prompt: str = PROMPT, **more: Any) -> ClientResponse:
    return await learner.call("POST", PATH, json={"prompt": prompt, **more})


async def stream_coach(learner: Learner, prompt: str = PROMPT, **more: Any) -> list[SentEvent]:
    """The events of a streamed answer."""
    response = await learner.call("POST", PATH, json={"prompt": prompt, **more}, headers=STREAM)
    assert response.status == 200, await response.text()
    assert response.content_type == "text/event-stream"
    events = [event async for event in read_events(response)]
    assert_described(events, COACH_EVENTS)
    return events


@dataclass(frozen=True)
class QuotaTables:
    """The tables of the quota, for all learners together."""

    used: int
    reserved: int
    reservations: int
    ledger: list[dict[str, Any]]

    @property
    def charged(self) -> int:
        return sum(row["tokens_used"] for row in self.ledger)


async def read_tables(database: Database) -> QuotaTables:
    async with (
        database.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        day = await connection.fetchrow(
            "select coalesce(sum(used), 0)::int as used, coalesce(sum(reserved), 0)::int as reserved"
            " from quota_days"
        )
        ledger = await connection.fetch(
            "select id, day, request_type, feature_type, model, tokens_used, input_tokens, output_tokens"
            " from quota_usage order by created_at, id"
        )
        count = await connection.fetchval("select count(*) from quota_reservations")
    return QuotaTables(day["used"], day["reserved"], count, [dict(row) for row in ledger])


async def until(look: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """Looks again until the condition holds, within a bounded time."""
    async with time_limit():
        while not holds(seen := await look()):
            pass
    return seen


async def settled_tables(database: Database) -> QuotaTables:
    """Reads the tables once no reservation is left."""
    return await until(lambda: read_tables(database), lambda seen: seen.reservations == 0)


async def limit_tokens(database: Database, tokens: int) -> None:
    """Sets the daily quota of every learner."""
    async with database.acquire() as connection:
        await connection.execute("update users set daily_token_quota = $1", tokens)
