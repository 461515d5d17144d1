"""Export and deletion of all data of a learner."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from cara.accounts import export
from cara.accounts.cookies import REFRESH_COOKIE
from cara.accounts.deletion import MAX_ATTEMPTS
from cara.accounts.export import MAX_AT_ONCE, SECTIONS, AccountExporter
from cara.accounts.export import PROFILE as PROFILE_STATEMENT
from cara.accounts.refresh_tokens import hash_token
from cara.audit import pseudonym
from cara.postgres.database import Connection, Database, new_id
from cara.web.client_info import ClientInfo
from cara.web.context import service
from tests.accounts.signing import Client, audited, posts, refresh_refusal, signs_in
from tests.learners import TALK, Learner
from tests.waiting import time_limit

PROFILE, EXPORT = "/api/users/me", "/api/users/me/export"

LEFT_OUT = {
    "password_hash",  # a secret, not a fact about somebody
    "token_hash",
    "replaced_by",
    "successor_salt",  # how the machinery runs: nothing that a user said or did
    "transcript_hash",
    "reservation_id",
    "run_after",
    "lease_expires_at",
    "batch",
    "stripe",
    "user_id",
}
"""Columns that an export leaves out."""

_SOMEBODY_WAITS_FOR_ME = """
    select exists (select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid)))
"""

MACHINERY = {"stale_quarter_hours"}
"""Tables that only mark what is still to be computed."""


async def _write_data_everywhere(learner: Learner, database: Database) -> None:
    """Writes something into every table with data of users."""
    await learner.opens_session(score=90, transcript=TALK, completed=True, title="Last & <first>")
    await learner.asks_for_feedback()
    keyed = {"json": {"featureType": "video"}, "headers": {"Idempotency-Key": "once"}}
    await learner.expects(201, "POST", "/api/sessions", **keyed)
    await signs_in(learner.client, learner.email, "guess")
    async with database.acquire() as connection:
        await connection.execute(
            """
            insert into analytics_events (user_id, id, event_type, metadata, occurred_at, batch)
            values ($1::uuid, $2, 'page_view', '{"page": "home"}', now(), 1)
            """,
            learner.user["id"],
            uuid4(),
        )


async def _write_large_transcripts(learner: Learner, database: Database) -> None:
    """Twenty megabytes of transcripts."""
    async with database.acquire() as connection:
        await connection.execute(
            """
            insert into sessions (user_id, id, feature_type, transcript)
            select $1::uuid, gen_random_uuid(), 'video', repeat('word ', 20000) from generate_series(1, 200)
            """,
            learner.user["id"],
        )


async def _tables_with_users(connection: Connection) -> set[str]:
    rows = await connection.fetch(
        """
        select table_name
        from information_schema.columns
        join pg_class on pg_class.oid = format('%I.%I', table_schema, table_name)::regclass
        where table_schema = 'public' and column_name = 'user_id' and not relispartition
          and relkind in ('r', 'p')
        """
    )
    return {row["table_name"] for row in rows}


async def test_an_export_holds_all_data_and_no_hashes(
    client: Client, learner: Learner, database: Database
) -> None:
    await _write_data_everywhere(learner, database)
    response = await learner.call("GET", EXPORT)
    text = await response.text()
    exported = json.loads(text)
    assert response.status == 200
    assert response.content_type == "application/json"
    assert response.headers["Content-Disposition"] == 'attachment; filename="cara-export.json"'
    assert exported["profile"]["email"] == learner.email
    assert {session["transcript"] for session in exported["sessions"]} == {TALK, None}
    assert [each["key"] for each in exported["sessionKeys"]] == ["once"]
    assert {session["title"] for session in exported["sessions"]} == {"Last & <first>", None}
    assert exported["sessions"][0]["score"] == 90.0
    assert exported["sessions"][0]["createdAt"].endswith("Z")
    assert exported["feedbackJobs"][0]["transcript"] == TALK
    assert exported["quotaReservations"][0]["requestType"]
    assert {"page": "home"} in [event["metadata"] for event in exported["events"]]
    assert [entry["action"] for entry in exported["audit"]] == ["registered", "sign_in_failed", "exported"]
    assert len(exported["signIns"]) == 1
    for secret in (
        learner.refresh_token,
        hash_token(learner.refresh_token).hex(),
        "argon2",
        learner.password,
    ):
        assert secret not in text


async def test_an_export_holds_nothing_of_others(
    client: Client, learner: Learner, database: Database
) -> None:
    other = await Learner.registers(client)
    await _write_data_everywhere(other, database)
    exported = await learner.expects(200, "GET", EXPORT)
    assert exported["profile"]["id"] == learner.user["id"]
    assert [name for name, rows in exported.items() if isinstance(rows, list) and rows] == [
        "signIns",
        "refreshTokens",
        "audit",
    ]


def _words(statement: str) -> list[str]:
    return re.findall(r"\w+", statement)


async def test_no_table_or_column_with_data_of_users_is_missing_in_the_export(
    database: Database,
) -> None:
    exported = [_words(text) for text in (PROFILE_STATEMENT, *SECTIONS.values())]
    by_table = {words[words.index("from") + 1]: set(words) for words in exported}
    async with database.acquire() as connection:
        tables = await _tables_with_users(connection) - MACHINERY | {"users"}
        assert set(by_table) == tables
        for table in tables:
            columns = await connection.fetch(
                "select column_name from information_schema.columns where table_name = $1", table
            )
            missing = {row["column_name"] for row in columns} - by_table[table] - LEFT_OUT
            assert not missing, f"of {table} the export leaves out {missing}"


async def test_every_statement_of_the_export_is_served_by_an_index(
    learner: Learner, database: Database
) -> None:
    async with database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        for name, statement in SECTIONS.items():
            plan = await connection.fetch(f"explain {statement}", learner.user["id"])
            text = "\n".join(row[0] for row in plan)
            assert "Seq Scan" not in text, f"{name}: {text}"


async def test_a_large_export_is_sent_in_chunks(client: Client, learner: Learner, database: Database) -> None:
    await _write_large_transcripts(learner, database)
    async with client.get(EXPORT, headers=learner.authorization) as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        body = await response.read()
    exported = json.loads(body)
    assert len(exported["sessions"]) == 200
    assert len(body) > 20_000_000


async def test_a_client_that_disconnects_gives_its_place_back(
    client: Client, learner: Learner, database: Database
) -> None:
    await _write_large_transcripts(learner, database)
    response = await client.get(EXPORT, headers=learner.authorization)
    await response.content.readexactly(10_000)
    response.close()
    async with time_limit():
        while (await learner.call("GET", EXPORT)).status != 200:
            await asyncio.sleep(0.01)


async def test_exports_wait_for_their_turn_and_are_refused_with_retry_after_when_it_does_not_come(
    client: Client, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = service(client.app, AccountExporter)
    async with exporter.document(new_id(), ClientInfo()), exporter.document(new_id(), ClientInfo()):
        waiting = asyncio.create_task(learner.call("GET", EXPORT))
    assert (await waiting).status == 200
    monkeypatch.setattr(export, "WAIT_SECONDS", 0.01)
    async with exporter.document(new_id(), ClientInfo()), exporter.document(new_id(), ClientInfo()):
        refused = await learner.call("GET", EXPORT)
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) >= 1
    await learner.expects(200, "GET", EXPORT)


async def test_readers_that_stall_keep_nobody_else_from_exporting(
    client: Client, learner: Learner, database: Database
) -> None:
    stalled = [learner, *[await Learner.registers(client) for _ in range(MAX_AT_ONCE)]]
    unread = []
    for each in stalled:
        await _write_large_transcripts(each, database)
        unread.append(await each.call("GET", EXPORT, headers={"Accept-Encoding": "identity"}))
    assert [response.status for response in unread] == [200] * len(stalled)
    assert (await learner.expects(503, "GET", EXPORT))["code"] == "downloads_busy"
    other = await Learner.registers(client)
    await other.expects(200, "GET", EXPORT)
    for response in unread:
        response.close()


async def test_an_export_that_fails_halfway_is_a_problem(
    client: Client, learner: Learner, database: Database
) -> None:
    """A table in the middle of the document cannot be read."""
    async with database.acquire() as connection:
        await connection.execute("alter table learner_weeks rename to lost")
        failed = await learner.call("GET", EXPORT)
        await connection.execute("alter table lost rename to learner_weeks")
    assert failed.status >= 500
    assert failed.content_type == "application/problem+json"
    await learner.expects(200, "GET", EXPORT)


async def test_a_head_request_writes_no_export(client: Client, learner: Learner, database: Database) -> None:
    """It does not wait for a free place either, and writes no audit entry."""
    exporter = service(client.app, AccountExporter)
    async with exporter.document(new_id(), ClientInfo()), exporter.document(new_id(), ClientInfo()):
        before = await audited(database, learner)
        for _ in range(MAX_AT_ONCE + 1):
            response = await client.head(EXPORT, headers=learner.authorization)
            assert response.status == 200
            assert response.headers["Content-Disposition"] == 'attachment; filename="cara-export.json"'
            assert await response.read() == b""
        assert await audited(database, learner) == before
    await learner.expects(200, "GET", EXPORT)


async def test_a_deleted_account_leaves_one_anonymous_audit_entry(
    client: Client, learner: Learner, database: Database
) -> None:
    other = await Learner.registers(client)
    for somebody in (learner, other):
        await _write_data_everywhere(somebody, database)
    response = await learner.call("DELETE", PROFILE)
    assert response.status == 204
    assert response.cookies[REFRESH_COOKIE].value == ""
    async with database.acquire() as connection:
        for table in await _tables_with_users(connection):
            column = f"select count(*) from {table} where user_id = $1::uuid"
            assert await connection.fetchval(column, learner.user["id"]) == 0, table
        deletions = await connection.fetch(
            "select user_id, address, user_agent, details, request_id from audit_log where action = 'deleted'"
        )
        dump = str([dict(row) for row in await connection.fetch("select * from audit_log")])
    assert [tuple(row)[:4] for row in deletions] == [
        (None, None, None, {"account": pseudonym(UUID(learner.user["id"]))})
    ]
    assert deletions[0]["request_id"] == response.headers["X-Request-Id"]
    assert learner.user["id"] not in dump
    exported = await other.expects(200, "GET", EXPORT)
    assert all(exported[name] for name in ("sessions", "feedbackJobs", "events", "audit"))


async def test_tokens_and_credentials_of_a_deleted_account_are_refused(
    client: Client, learner: Learner
) -> None:
    await learner.expects(204, "DELETE", PROFILE)
    for method, path in (("GET", PROFILE), ("GET", "/api/sessions"), ("DELETE", PROFILE), ("GET", EXPORT)):
        assert (await learner.expects(401, method, path))["code"] == "token_invalid"
    assert await refresh_refusal(client, learner.refresh_token) == "refresh_token_invalid"
    assert (await signs_in(client, learner.email, learner.password))[0] == 401
    again = {"email": learner.email, "name": "A", "password": "correct horse battery"}
    assert (await posts(client, "/api/auth/register", again)).status == 201


async def test_deleting_concurrently_with_everything_else_ends_well(
    client: Client, learner: Learner, database: Database
) -> None:
    session = await learner.opens_session()
    complete = {"completed": True, "score": 50}
    calls: list[Callable[[], Any]] = [
        lambda: learner.call("PATCH", f"/api/sessions/{session['id']}", json=complete),
        lambda: learner.call("POST", "/api/sessions", json={"featureType": "video"}),
        lambda: posts(client, "/api/auth/refresh", {"refreshToken": learner.refresh_token}),
        lambda: signs_in(client, learner.email, learner.password),
        lambda: learner.call("DELETE", PROFILE),
        lambda: signs_in(client, learner.email, "guess"),
        lambda: learner.call("DELETE", PROFILE),
        lambda: posts(client, "/api/auth/logout-all", headers=learner.authorization),
    ]
    await asyncio.gather(*(call() for call in calls))
    async with database.acquire() as connection:
        gone = await connection.fetchval("select count(*) from users where id = $1::uuid", learner.user["id"])
    if gone == 0:
        assert await audited(database, learner) == []


@asynccontextmanager
async def _deadlocks(database: Database, times: int) -> AsyncIterator[None]:
    """PostgreSQL ends the next deletions as it ends deadlocks; a sequence counts them, as no rollback can."""
    async with database.acquire() as connection:
        await connection.execute(
            f"""
            create sequence deletions;
            create function ends_in_a_deadlock() returns trigger language plpgsql as $$
            begin
                if nextval('deletions') <= {times} then
                    raise exception 'deadlock detected' using errcode = 'deadlock_detected';
                end if;
                return old;
            end
            $$;
            create trigger deadlock before delete on users
                for each row execute function ends_in_a_deadlock();
            """
        )
        try:
            yield
        finally:
            await connection.execute(
                "drop trigger deadlock on users; drop function ends_in_a_deadlock(); drop sequence deletions"
            )


async def test_a_deletion_that_ends_in_deadlocks_is_tried_again(learner: Learner, database: Database) -> None:
    await learner.opens_session()
    async with _deadlocks(database, MAX_ATTEMPTS - 1):
        await learner.expects(204, "DELETE", PROFILE)
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from sessions") == 0
        assert await connection.fetchval("select array_agg(action) from audit_log") == ["deleted"]


async def test_a_deletion_is_given_up_whole_and_can_be_asked_for_again(
    learner: Learner, database: Database
) -> None:
    await learner.opens_session()
    async with _deadlocks(database, MAX_ATTEMPTS):
        assert (await learner.expects(503, "DELETE", PROFILE))["code"] == "database_busy"
        assert await audited(database, learner) == ["registered"]
        assert (await learner.expects(200, "GET", "/api/sessions"))["total"] == 1
        await learner.expects(204, "DELETE", PROFILE)


async def test_an_export_is_a_snapshot_of_one_moment(
    client: Client, learner: Learner, database: Database
) -> None:
    """What is written while the first sections are sent is missing in the later ones too."""
    await learner.opens_session(transcript="word " * 20_000)
    exporter = service(client.app, AccountExporter)
    async with exporter.document(UUID(learner.user["id"]), ClientInfo()) as chunks:
        parts = [await anext(chunks)]
        await learner.asks_for_feedback()
        parts += [chunk async for chunk in chunks]
    exported = json.loads(b"".join(parts))
    assert len(exported["sessions"]) == 1
    assert all(exported[name] == [] for name in ("feedbackJobs", "quotaDays", "quotaReservations"))


async def test_whoever_opens_a_session_while_their_account_is_deleted_is_signed_out(
    learner: Learner, database: Database
) -> None:
    async with database.transaction() as connection:
        await connection.execute("delete from users where id = $1::uuid", learner.user["id"])
        opening = asyncio.create_task(learner.call("POST", "/api/sessions", json={"featureType": "video"}))
        async with time_limit():
            while not await connection.fetchval(_SOMEBODY_WAITS_FOR_ME):
                await asyncio.sleep(0.01)
    assert (await opening).status == 401
