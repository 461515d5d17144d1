"""The floor of the HTTP benchmark: aiohttp and asyncpg, and nothing that is not needed to answer.

The same tables, pool, event loop and statements as Cara's, which it calls, so that they cannot drift apart;
the same members in the answers. No token, limit, validation, middleware or log: a header field has the
learner's id.

    python -m bench.floor PORT
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web
from pydantic.alias_generators import to_camel

from bench.http_cells import USER_ID
from cara import event_loop
from cara.accounts.schemas import User
from cara.analytics import event_queries, statistics_queries
from cara.analytics.periods import UTC_ZONE, period_of
from cara.analytics.report_schemas import Trend
from cara.analytics.schemas import IncomingEvent
from cara.json_values import JsonText
from cara.postgres.database import Database, Record, new_id
from cara.practice import queries, sessions
from cara.practice.schemas import FEATURE_TYPES, PracticeSession, SessionsQuery, SessionSummary
from cara.settings import read_settings

POOL: web.AppKey[Any] = web.AppKey("pool")
PAGE = SessionsQuery(limit=20)
LEARNER = """
    select id, email, name, role, timezone, level, xp, streak, longest_streak, last_practice_at, created_at
    from users
    where id = $1
"""
"""Cara reads these columns with the sign-in."""


def members(model: Any) -> dict[str, str]:
    """Returns the members of an answer by the name of their column."""
    return {name: to_camel(name) for name in model.model_fields}


USER, SESSION, SUMMARY = members(User), members(PracticeSession), members(SessionSummary)

SUMS = ("sessions", "completed", "scored", "score_sum", "duration_seconds")
"""The first sums of a row of statistics; a count and a sum of each measure follow, as `Trend` names them."""

NOTHING = [0] * (len(SUMS) + 2 * len(Trend.model_fields))
TREND = {to_camel(name): len(SUMS) + 2 * place for place, name in enumerate(Trend.model_fields)}
RATES = dict(list(TREND.items())[4:])


def named(row: Record, names: Mapping[str, str], **more: Any) -> dict[str, Any]:
    return {names[name]: value for name, value in row.items() if name in names} | more


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    content = orjson.dumps(body, default=_plain, option=orjson.OPT_UTC_Z)
    return web.Response(body=content, status=status, headers=headers, content_type="application/json")


def _plain(value: Any) -> Any:
    return orjson.Fragment(value.raw) if isinstance(value, JsonText) else str(value)


def learner(request: web.Request) -> UUID:
    return UUID(request.headers[USER_ID])


async def verify(request: web.Request) -> web.Response:
    async with request.app[POOL].acquire() as connection:
        user = await connection.fetchrow(LEARNER, learner(request))
    assert user is not None
    return answer({"valid": True, "user": named(user, USER)})


async def create(request: web.Request) -> web.Response:
    new = orjson.loads(await request.read())
    async with request.app[POOL].acquire() as connection:
        row = await queries.insert_session(
            connection, learner(request), new_id(), new["featureType"], new["title"], None, None, None
        )
    headers = {"Location": f"/api/sessions/{row['id']}", "ETag": f'"{row["version"]}"'}
    return answer(named(row, SESSION, liveJobId=None), 201, headers)


async def list_sessions(request: web.Request) -> web.Response:
    async with request.app[POOL].acquire() as connection:
        rows, total, cursor = await sessions.page_of_sessions(connection, learner(request), PAGE)
    page = [named(row, SUMMARY) for row in rows]
    return answer({"sessions": page, "total": total, "limit": 20, "offset": 0, "nextCursor": cursor})


async def read_session(request: web.Request) -> web.Response:
    async with request.app[POOL].acquire() as connection:
        row = await queries.session_of_user(connection, learner(request), UUID(request.match_info["id"]))
    assert row is not None
    return answer(named(row, SESSION, liveJobId=None), headers={"ETag": f'"{row["version"]}"'})


async def post_event(request: web.Request) -> web.Response:
    new = orjson.loads(await request.read())
    metadata = JsonText(orjson.dumps(new["metadata"]))
    event = IncomingEvent(learner(request), new_id(), new["eventType"], metadata, None)
    received_at = datetime.now(UTC)
    async with request.app[POOL].acquire() as connection:
        await event_queries.insert_events(connection, [event], received_at)
    body = {
        "eventId": event.event_id,
        "userId": event.user_id,
        "eventType": event.event_type,
        "metadata": event.metadata,
        "occurredAt": received_at,
        "receivedAt": received_at,
    }
    return answer(body, 201)


async def read_statistics(request: web.Request) -> web.Response:
    user_id, now = learner(request), datetime.now(UTC)
    period = period_of(None, None, UTC_ZONE, now)
    async with request.app[POOL].acquire() as connection:
        rows = await statistics_queries.statistics_of_learner(
            connection, user_id, None, period.day_starts(), period.end()
        )
        user = await connection.fetchrow(LEARNER, user_id)
    assert user is not None
    body = summed(rows, period.days()) | {
        "currentStreak": user["streak"],
        "longestStreak": user["longest_streak"],
        "level": user["level"],
        "xp": user["xp"],
        "timezone": user["timezone"],
        "asOf": rows[0]["as_of"],
    }
    return answer(body)


def summed(rows: Sequence[Record], days: Iterable[date]) -> dict[str, Any]:
    """Returns totals, features, days and trend of sums by day, by feature and of all; they are lists here."""
    features, by_day, whole = {}, {}, NOTHING
    for row in rows:
        number, feature, *values, _ = row.values()
        if feature:
            features[feature] = values
        elif number is not None:
            by_day[number] = values
        else:
            whole = [value or 0 for value in values]
    totals = basics(whole)
    return {
        "totalSessions": totals["sessions"],
        "completedSessions": totals["completed"],
        "averageScore": totals["averageScore"],
        "totalDurationSeconds": totals["durationSeconds"],
        "byFeature": [{"featureType": name} | basics(features.get(name, NOTHING)) for name in FEATURE_TYPES],
        "daily": [
            {"day": day} | basics(values := by_day.get(number, NOTHING)) | means(values, RATES)
            for number, day in enumerate(days, 1)
        ],
        "trend": means(whole, TREND),  # as many numbers, though others
    }


def basics(values: Sequence[float]) -> dict[str, Any]:
    sessions, completed, scored, score_sum, seconds = values[:5]
    score = round(score_sum / scored, 2) if scored else None
    return {
        "sessions": sessions,
        "completed": completed,
        "averageScore": score,
        "durationSeconds": seconds,
    }


def means(values: Sequence[float], measures: Mapping[str, int]) -> dict[str, float | None]:
    """Returns the mean of each measure, whose sum stands behind its count."""
    return {
        name: round(values[at + 1] / values[at], 2) if values[at] else None for name, at in measures.items()
    }


def create_app(pool: Any) -> web.Application:
    app = web.Application()
    app[POOL] = pool
    app.router.add_get("/api/auth/verify", verify)
    app.router.add_post("/api/sessions", create)
    app.router.add_get("/api/sessions", list_sessions)
    app.router.add_get("/api/sessions/{id}", read_session)
    app.router.add_get("/api/analytics/stats", read_statistics)
    app.router.add_post("/api/analytics/events", post_event)
    return app


async def serve(port: int) -> None:
    # The pool itself, with Cara's settings and codecs, without what `Database` does around each block.
    pool = (await Database.connect(read_settings()))._pool
    runner = web.AppRunner(create_app(pool), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    event_loop.run(serve(int(sys.argv[1])))
