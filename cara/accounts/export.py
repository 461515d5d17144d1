"""Exports all data of a user as one JSON document.

The export reads the tables of all features, as the deletion of an account does through its foreign keys. Its
statements name their columns, so that no hash is exported; a test compares them with the tables there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from cara import audit
from cara.errors import Unavailable
from cara.json_values import to_json_object
from cara.postgres.database import Connection, Database, Record
from cara.web.client_info import ClientInfo
from cara.web.downloads import WHOLE_SECONDS
from cara.web.routing import ANY_OBJECT

MAX_AT_ONCE = 2
"""So many exports of one process are read from the database at the same time."""

WAIT_SECONDS = 10.0
"""How long an export waits for its turn among them."""

PREFETCH_ROWS = 20
PREFETCH_LONG_ROWS = 2
"""Of sections whose rows may hold a megabyte: what is fetched at once is also decoded at once."""

LONG_ROWS = frozenset({"sessions", "feedbackJobs"})
CHUNK_BYTES = 64 * 1024

PROFILE: Final = """
    select id, email, name, role, level, xp, streak, longest_streak, last_practice_at,
           streak_started_at, timezone, is_admin, daily_token_quota, created_at, updated_at
    from users
    where id = $1
"""

SECTIONS: Final[Mapping[str, str]] = {
    "sessions": """
        select id, feature_type, title, description, goal, duration_seconds, score, completed, completed_at,
               clarity, pace, confidence, tone, words_per_minute, fillers_per_100_words,
               hedges_per_100_words, pauses_per_minute, fluent_words, transcript, transcript_format,
               learner_label, feedback_json, version, practiced_at, created_at, updated_at
        from sessions
        where user_id = $1
        order by practiced_at, id
    """,
    "sessionCounts": """
        select feature_type, sum(sessions) as sessions, sum(completed) as completed
        from session_counts
        where user_id = $1
        group by feature_type
        order by feature_type
    """,
    "sessionKeys": """
        select key, encode(request_hash, 'hex') as request_hash, session_id, created_at
        from session_keys
        where user_id = $1
        order by key
    """,
    "feedback": """
        select session_id, job_id, score, score_change, summary, communication, content, measures,
               highlights, action_items, model, prompt_version, created_at
        from feedback
        where user_id = $1
        order by session_id, created_at
    """,
    "feedbackJobs": """
        select id, session_id, status, stage, progress, attempts, failures, answers, prompt_tokens,
               more_output, feature_type, transcript, transcript_format, learner_labels, duration_seconds,
               cancel_requested, problem, created_at, started_at, finished_at
        from feedback_jobs
        where user_id = $1
        order by id
    """,
    "feedbackKeys": """
        select key, encode(request_hash, 'hex') as request_hash, job_id, created_at
        from feedback_keys
        where user_id = $1
        order by key
    """,
    "quotaUsage": """
        select id, day, request_type, feature_type, model, tokens_used, input_tokens, output_tokens,
               created_at
        from quota_usage
        where user_id = $1
        order by created_at
    """,
    "quotaDays": "select day, used, reserved from quota_days where user_id = $1 order by day",
    "quotaReservations": """
        select id, day, tokens, request_type, feature_type, model, input_tokens, output_tokens, created_at,
               expires_at
        from quota_reservations
        where user_id = $1
        order by id
    """,
    "events": """
        select id, event_type, metadata, occurred_at, created_at
        from analytics_events
        where user_id = $1
        order by event_type, created_at
    """,
    "practiceByQuarterHour": """
        select quarter_hour, feature_type, sessions, completed, scored, score_sum, duration_seconds,
               clarity_count, clarity_sum, pace_count, pace_sum, confidence_count, confidence_sum,
               tone_count, tone_sum,
               words_per_minute_count, words_per_minute_sum,
               fillers_per_100_words_count, fillers_per_100_words_sum,
               hedges_per_100_words_count, hedges_per_100_words_sum,
               pauses_per_minute_count, pauses_per_minute_sum,
               first_used_at, last_used_at
        from learner_quarter_hours
        where user_id = $1
        order by quarter_hour, feature_type
    """,
    "eventsByDay": """
        select feature_type, day, events from learner_days where user_id = $1 order by feature_type, day
    """,
    "activeWeeks": "select week from learner_weeks where user_id = $1 order by week",
    "signIns": """
        select id, created_at, authenticated_at, last_used_at, refreshes, expires_at, ended_at
        from refresh_families
        where user_id = $1
        order by id
    """,
    "refreshTokens": """
        select family_id, created_at, replaced_at, expires_at
        from refresh_tokens
        where user_id = $1
        order by created_at
    """,
    "audit": """
        select id, action, host(address) as address, user_agent, request_id, details, created_at
        from audit_log
        where user_id = $1
        order by created_at
    """,
}
"""A statement for each table with data of users, by the member of the document; `$1` is the user's id."""

EXPORT_SCHEMA: Final = {
    "type": "object",
    "description": "All that is stored of a learner: a list of rows for each table, their members by column.",
    "required": ["exportedAt", "profile", *SECTIONS],
    "properties": {
        "exportedAt": {"type": "string", "format": "date-time"},
        "profile": {"anyOf": [ANY_OBJECT, {"type": "null"}]},
        **{name: {"type": "array", "items": ANY_OBJECT} for name in SECTIONS},
    },
}
EXPORT_EXAMPLE: Final = {
    "exportedAt": "2026-01-31T09:30:00Z",
    "profile": {"email": "user@example.com", "name": "John Doe", "role": "Software Engineer", "level": 1},
    **{name: [] for name in SECTIONS},
    "activeWeeks": [{"week": "2026-01-26"}],
}


class ExportsBusy(Unavailable):
    code = "exports_busy"
    detail = "Enough exports are being written just now. Please try again in a moment."


class AccountExporter:
    """Writes exports, a few at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    @asynccontextmanager
    async def document(self, user_id: UUID, client: ClientInfo) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yields the document of one user in chunks of about `CHUNK_BYTES`, to be read within the block.

        The document is a snapshot of one moment. It holds a connection for as long as the block lasts: that
        must not depend on who reads it. Memory is bounded, since rows come through a cursor.

        Raises:
            ExportsBusy: others are being written all the while.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise ExportsBusy(retry_after_seconds=5) from None
        try:
            async with self._database.acquire() as connection:
                await audit.record(connection, "exported", client, user_id)
            async with (
                self._database.snapshot(WHOLE_SECONDS) as connection,
                aclosing(_in_chunks(_document(connection, user_id))) as chunks,
            ):
                yield chunks
        finally:
            self._turns.release()


async def _document(connection: Connection, user_id: UUID) -> AsyncIterator[bytes]:
    profile = await connection.fetchrow(PROFILE, user_id)
    yield b'{"exportedAt":' + to_json(datetime.now(UTC))
    yield b',"profile":' + (_json(profile) if profile else b"null")
    for name, statement in SECTIONS.items():
        yield b',"' + name.encode() + b'":['
        separator = b""
        prefetch = PREFETCH_LONG_ROWS if name in LONG_ROWS else PREFETCH_ROWS
        async for row in connection.cursor(statement, user_id, prefetch=prefetch):
            yield separator + _json(row)
            separator = b","
        yield b"]"
    yield b"}"


async def _in_chunks(fragments: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    chunk = bytearray()
    async for fragment in fragments:
        chunk += fragment
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


def _json(row: Record) -> bytes:
    return to_json_object({to_camel(column): value for column, value in row.items()})
