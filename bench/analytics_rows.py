"""Many events and sessions, made by SQL in bulk, as if they had come in over the last 90 days."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg

DAYS = 90
EVENTS_A_LEARNER = 100
SESSIONS_A_LEARNER = 4
BATCH_EVENTS = 1_000
CHUNK_EVENTS = 500_000

_LEARNERS = """
    insert into users (id, email, name, password_hash)
    select md5('learner' || number)::uuid, 'many' || number || '@example.com', 'A Learner', ''
    from generate_series($1::bigint, $2::bigint) as series (number)
"""

# A learner comes on ten days, for one feature each, and leaves ten events within an hour.
_EVENTS = f"""
    insert into analytics_events (user_id, id, occurred_at, created_at, batch, event_type, metadata)
    select md5('learner' || (number / {EVENTS_A_LEARNER}))::uuid, gen_random_uuid(), received_at, received_at,
           $3 + part, 'exercise_opened',
           jsonb_build_object(
               'featureType', (array['conversation', 'writing', 'accent', 'listening', 'video'])
                   [1 + (number / 10) % 5],
               'page', 'practice', 'variant', 'b', 'position', number % 10
           )
    from (select number, part, min(moment) over (partition by part) as received_at from (
        select number, moment, (row_number() over (order by moment) - 1) / {BATCH_EVENTS} as part from (
            select number, $4::timestamptz - random() * interval '1 hour'
                   - interval '1 hour' * (abs(hashtext((number / 10)::text)) % ({DAYS} * 24)) as moment
            from generate_series($1::bigint, $2::bigint) as series (number)
        ) as timed
    ) as parted) as made
    order by part
"""

_PENDING = """
    insert into pending_event_batches (id, created_at, events)
    overriding system value
    select batch, min(created_at), count(*) from analytics_events where batch >= $1 group by batch
    order by batch
"""

_SESSIONS = f"""
    with made as (
        insert into sessions (user_id, id, feature_type, score, clarity, words_per_minute,
                              fillers_per_100_words, duration_seconds, completed, completed_at, practiced_at)
        select md5('learner' || (number / {SESSIONS_A_LEARNER}))::uuid, gen_random_uuid(),
               (array['conversation', 'writing', 'accent', 'listening', 'video'])[1 + number % 5],
               number % 100, number % 100, 90 + number % 100, number % 12, 60 + number % 600, number % 3 > 0,
               case when number % 3 > 0 then moment end, moment
        from (
            select number, $3::timestamptz - random() * interval '1 day' * {DAYS} as moment
            from generate_series($1::bigint, $2::bigint) as series (number)
        ) as timed
        returning user_id, practiced_at, feature_type
    )
    insert into stale_quarter_hours (user_id, quarter_hour, feature_type)
    select distinct user_id, quarter_hour_of(practiced_at), feature_type from made
"""


class ManyRows:
    """Fills the tables step by step; what it adds waits to be folded."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self.events = self.learners = self.sessions = 0

    async def prepare(self) -> None:
        for days in range(0, DAYS + 31, 28):
            day = (datetime.now(UTC) - timedelta(days=DAYS) + timedelta(days=days)).date()
            await self._connection.execute("select create_analytics_partition($1)", day)

    async def grow_to(self, events: int) -> float:
        """Until there are so many events, and sessions in proportion; returns the seconds it took."""
        begin = time.perf_counter()
        while self.events < events:
            await self._add(min(CHUNK_EVENTS, events - self.events))
        await self._connection.execute("vacuum analyze", timeout=None)
        return time.perf_counter() - begin

    async def _add(self, events: int) -> None:
        connection, now, last = self._connection, datetime.now(UTC), self.events + events - 1
        learners = last // EVENTS_A_LEARNER + 1
        await connection.execute(_LEARNERS, self.learners, learners - 1)
        async with connection.transaction():
            first_batch = await connection.fetchval(
                "select coalesce(max(batch), 0) + 1 from analytics_events"
            )
            await connection.execute(_EVENTS, self.events, last, first_batch, now, timeout=600)
            await connection.execute(_PENDING, first_batch, timeout=600)
            await connection.execute(
                "select setval(pg_get_serial_sequence('pending_event_batches', 'id'), max(id))"
                " from pending_event_batches"
            )
            await self._add_sessions(learners * SESSIONS_A_LEARNER, now)
        self.events, self.learners = last + 1, learners

    async def _add_sessions(self, sessions: int, now: datetime) -> None:
        """Past the triggers: the events of these sessions would all be of today."""
        await self._connection.execute("alter table sessions disable trigger user")
        await self._connection.execute(_SESSIONS, self.sessions, sessions - 1, now, timeout=600)
        await self._connection.execute("alter table sessions enable trigger user")
        self.sessions = sessions


async def copy_events(connection: asyncpg.Connection[asyncpg.Record], seconds: float) -> float:
    """Events a second that COPY writes into the same table, a thousand a commit: the ceiling."""
    user_id = await connection.fetchval("select id from users limit 1")
    columns = ["user_id", "id", "occurred_at", "created_at", "batch", "event_type", "metadata"]
    metadata = '{"featureType": "video", "page": "practice", "variant": "b", "position": 7}'
    events, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        now = datetime.now(UTC)
        rows = [(user_id, uuid4(), now, now, 0, "exercise_opened", metadata) for _ in range(BATCH_EVENTS)]
        await connection.copy_records_to_table("analytics_events", records=rows, columns=columns)
        events += BATCH_EVENTS
    return events / (time.perf_counter() - begin)
