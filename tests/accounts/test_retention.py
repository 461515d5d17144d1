"""What is deleted once it has expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from cara import audit
from cara.accounts import deletion, lockout
from cara.accounts.deletion import Purged, purge_expired
from cara.accounts.lockout import FailureKeys
from cara.postgres.database import Database
from cara.settings import Settings
from tests.accounts.signing import Client, outlast_the_grace, refresh_refusal, refreshes
from tests.learners import Learner
from worker import tasks
from worker.main import connected
from worker.queues import create_workers

NOW = datetime.now(UTC)


async def _insert_entries(database: Database, count: int, days_ago: float) -> None:
    async with database.acquire() as connection:
        await connection.executemany(
            "insert into audit_log (id, action, created_at) values ($1, 'sign_in_failed', $2)",
            [(uuid4(), NOW - timedelta(days=days_ago)) for _ in range(count)],
        )


async def test_audit_entries_older_than_the_retention_are_deleted(database: Database) -> None:
    await _insert_entries(database, 3, days_ago=30.01)
    await _insert_entries(database, 2, days_ago=29.99)
    assert await purge_expired(database, now=NOW, audit_days=30) == Purged(audit_entries=3)
    assert await purge_expired(database, now=NOW, audit_days=30) == Purged()


async def test_expired_refresh_tokens_are_deleted(
    client: Client, learner: Learner, database: Database
) -> None:
    kept = (await refreshes(client, learner.refresh_token))["refreshToken"]
    async with database.acquire() as connection:
        await connection.execute(
            "update refresh_tokens set expires_at = now() - interval '1 second' where replaced_at is not null"
        )
    assert await purge_expired(database, now=datetime.now(UTC), audit_days=30) == Purged(refresh_tokens=1)
    await refreshes(client, kept)


async def test_expired_sign_ins_are_deleted_after_their_tokens(
    client: Client, learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BATCH_ROWS", 2)
    for _ in range(4):
        learner.refresh_token = (await refreshes(client, learner.refresh_token))["refreshToken"]
    other = await Learner.registers(client)
    await refreshes(client, other.refresh_token)
    async with database.acquire() as connection:
        for table in ("refresh_families", "refresh_tokens"):
            await connection.execute(
                f"update {table} set expires_at = now() - interval '1 second' where user_id = $1::uuid",
                learner.user["id"],
            )
    purged = await purge_expired(database, now=datetime.now(UTC), audit_days=30)
    assert purged == Purged(refresh_tokens=5, refresh_families=1)
    assert await purge_expired(database, now=datetime.now(UTC), audit_days=30) == Purged()


async def test_tokens_that_are_spent_or_ended_are_kept_until_they_expire(
    client: Client, learner: Learner, database: Database
) -> None:
    """Only a token that is still known can be recognized when it is used again."""
    await refreshes(client, learner.refresh_token)
    await outlast_the_grace(database)
    async with database.acquire() as connection:
        await connection.execute("update refresh_tokens set expires_at = now() + interval '1 minute'")
    assert await purge_expired(database, now=datetime.now(UTC), audit_days=30) == Purged()
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_reused"
    assert await purge_expired(database, now=datetime.now(UTC), audit_days=30) == Purged()


async def test_the_oldest_rows_are_deleted_first_and_no_more_than_a_batch(database: Database) -> None:
    for days_ago in (40, 60, 50):
        await _insert_entries(database, 1, days_ago)
    left = "select round(extract(day from $1 - created_at)) from audit_log order by 1"
    async with database.acquire() as connection:
        for expected in ([40, 50], [40]):
            assert await audit.delete_entries_before(connection, NOW, 1) == 1
            assert [row[0] for row in await connection.fetch(left, NOW)] == expected


async def test_expired_sign_in_failures_are_deleted(database: Database) -> None:
    async with database.acquire() as connection:
        await lockout.count_failure(connection, FailureKeys.of("nobody@example.com", None))
        assert await purge_expired(database, now=NOW, audit_days=30) == Purged()
        await connection.execute("update sign_in_failures set expires_at = now()")
    assert await purge_expired(database, now=NOW, audit_days=30) == Purged(sign_in_failures=2)


async def test_keys_of_sessions_are_forgotten_and_the_sessions_kept(
    learner: Learner, database: Database
) -> None:
    for key in ("old", "new"):
        opened = {"json": {"featureType": "video"}, "headers": {"Idempotency-Key": key}}
        await learner.expects(201, "POST", "/api/sessions", **opened)
    async with database.acquire() as connection:
        await connection.execute(
            "update session_keys set created_at = $1 where key = 'old'", NOW - timedelta(days=30, seconds=1)
        )
        assert await purge_expired(database, now=NOW, audit_days=30) == Purged(session_keys=1)
        assert await connection.fetchval("select key from session_keys") == "new"
    assert (await learner.expects(200, "GET", "/api/sessions"))["total"] == 2


async def test_more_rows_than_a_batch_are_deleted(database: Database) -> None:
    rows = deletion.BATCH_ROWS * 2 + 1
    await _insert_entries(database, rows, days_ago=400)
    assert (await purge_expired(database, now=NOW, audit_days=365)).audit_entries == rows


async def test_the_worker_purges_by_the_clock(settings: Settings, database: Database) -> None:
    await _insert_entries(database, 1, days_ago=settings.audit_retention_days + 1)
    async with connected(settings) as context:
        await tasks.purge_expired({**context.for_arq(), "job_id": "a test"})
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from audit_log") == 0
    jobs = [job.coroutine for worker in create_workers(context) for job in worker.cron_jobs or ()]
    assert tasks.purge_expired in jobs
