"""After an outage: is everything there that was acknowledged, and do the tables agree with each other?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import asyncpg

from bench.chaos_verdict import JobEvents
from bench.outages_load import Ledger, Load

SETTLE_SECONDS = 60
POLL_SECONDS = 0.2

STORED_JOBS = "select id::text, status from feedback_jobs where id = any($1::uuid[])"
CHATS = """
    select email::text, count(quota_usage.id) as charged
    from users
    left join quota_usage on user_id = users.id and request_type = 'process'
    group by email
"""
UNFOLDED = """
    select (select count(*) from pending_event_batches) + (select count(*) from stale_quarter_hours)
"""
MISCOUNTED_EVENTS = """
    with folded as (select coalesce(sum(events), 0) as events from learner_days where feature_type = '')
    select abs((select count(*) from analytics_events) - events)::integer from folded
"""
WRONG_XP = """
    select count(*)
    from users
    where xp <> (
        select coalesce(
            sum(10 + round(coalesce(score, 0) / 10) + least(floor(coalesce(duration_seconds, 0) / 60), 20)), 0
        )
        from sessions
        where user_id = users.id and completed
    )
"""
WRONG_DAYS = """
    select count(*)
    from quota_days
    where used <> (
        select coalesce(sum(tokens_used), 0)
        from quota_usage
        where quota_usage.user_id = quota_days.user_id and quota_usage.day = quota_days.day
    )
"""


async def lost(database_url: str, load: Load) -> dict[str, int]:
    """Counts what was acknowledged and is not there, by kind; all of it must be zero."""
    tables = await asyncpg.connect(database_url)
    try:
        found = {
            **await _lost_rows(tables, load.ledger),
            **await _lost_jobs(tables, load.ledger),
            "learners whose XP is not that of their sessions": await tables.fetchval(WRONG_XP),
            "days whose counter is not the ledger's": await tables.fetchval(WRONG_DAYS),
            "changes that are not in the roll-ups": await _zero_in_the_end(tables, UNFOLDED),
            "events that the roll-ups count wrongly": await tables.fetchval(MISCOUNTED_EVENTS),
        }
    finally:
        await tables.close()
    return {**found, "sign-ins lost": await _lost_sign_ins(load)}


async def _lost_rows(tables: asyncpg.Connection, ledger: Ledger) -> dict[str, int]:
    sessions = "select id::text, title, completed from sessions where id = any($1::uuid[])"
    stored = {row["id"]: row for row in await tables.fetch(sessions, list(ledger.titles))}
    events = "select count(*) from analytics_events where id = any($1::uuid[])"
    charged = {row["email"]: row["charged"] for row in await tables.fetch(CHATS)}
    titles = ledger.titles.items()
    return {
        "sessions lost": len(ledger.titles.keys() - stored.keys()),
        "titles lost": sum(
            stored[session]["title"] not in {title.acknowledged, *title.unknown}
            for session, title in titles
            if session in stored
        ),
        "completions lost": sum(not stored[each]["completed"] for each in ledger.completed & stored.keys()),
        "events lost": len(ledger.events) - await tables.fetchval(events, list(ledger.events)),
        "answers not charged": sum(max(0, n - charged[email]) for email, n in ledger.chats.items()),
    }


async def _lost_jobs(tables: asyncpg.Connection, ledger: Ledger) -> dict[str, int]:
    """Every job that was accepted has to succeed: only the parts around it failed, not Gemini."""
    stored = await tables.fetch(STORED_JOBS, list(ledger.jobs))
    statuses = {row["id"]: row["status"] for row in stored}
    return {
        "jobs lost": len(ledger.jobs.keys() - statuses.keys()),
        "jobs without success": sum(status != "succeeded" for status in statuses.values()),
        "streams without exactly one end": _streams_without_end(ledger.jobs.values()),
    }


def _streams_without_end(followed: Collection[JobEvents]) -> int:
    return sum(events.ends != 1 or not events.is_increasing for events in followed)


async def _zero_in_the_end(tables: asyncpg.Connection, statement: str) -> int:
    """Returns the count once it is zero, or what is left of it after `SETTLE_SECONDS`."""
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    while (number := await tables.fetchval(statement)) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(POLL_SECONDS)
    return int(number)


async def _lost_sign_ins(load: Load) -> int:
    """Refreshes each learner's latest sign-in."""
    refused = 0
    for token in load.ledger.refresh_tokens.values():
        url, body = f"{load.url}/api/auth/refresh", {"refreshToken": token}
        async with load.http.post(url, json=body) as response:
            refused += response.status != 200
    return refused
