"""Migrations: up and down from any version, by several processes at once, and after a kill."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import asyncpg
import psycopg
import pytest

from cara.postgres.applied_migrations import known_migrations, migrations_folder, missing_migrations
from cara.postgres.migrations import MigrationFailed, _connected, migrate_down, migrate_up, migration_status
from tests.devtools.cli.terminal import environment
from tests.servers import Servers
from tests.waiting import TIMEOUT_SECONDS

CHECKSUMS = Path(__file__).with_name("migrations.sha256")

SCHEMA = """
    select 'column', table_name, column_name, data_type, is_nullable, column_default
    from information_schema.columns
    where table_schema = 'public' and table_name not like '%yoyo%'
    union all
    select 'index', tablename, indexname, indexdef, null, null
    from pg_indexes
    where schemaname = 'public' and tablename not like '%yoyo%'
    union all
    select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), null, null
    from pg_constraint
    where connamespace = 'public'::regnamespace and conrelid::regclass::text not like '%yoyo%'
    union all
    select 'function', proname, null, prosrc, null, null
    from pg_proc
    where pronamespace = 'public'::regnamespace
    union all
    select 'view', viewname, null, definition, null, null
    from pg_views
    where schemaname = 'public'
    union all
    select 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), null, null
    from pg_trigger
    where not tgisinternal
    order by 1, 2, 3, 4
"""


@pytest.fixture
def fresh_url(servers: Servers) -> Iterator[str]:
    """A database without tables."""
    with servers.database(f"fresh_{uuid4().hex}", template="template0") as url:
        yield url


def schema_of(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(SCHEMA).fetchall()


def test_migrations_match_their_checksums() -> None:
    lines = (line.split() for line in CHECKSUMS.read_text().splitlines())
    recorded = {Path(name).name: checksum for checksum, name in lines}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in migrations_folder().glob("*.sql")
    }
    assert recorded == found, (
        "A released migration must not be edited: add another one. "
        f"For a new one: sha256sum migrations/*.sql > tests/postgres/{CHECKSUMS.name}"
    )


@pytest.mark.parametrize("name", known_migrations())
def test_every_migration_has_a_rollback_and_names_its_dependencies(name: str) -> None:
    folder = migrations_folder()
    assert (folder / f"{name}.rollback.sql").read_text().strip()
    if name != known_migrations()[0]:
        assert (folder / f"{name}.sql").read_text().startswith("-- depends: ")


def test_up_down_and_up_again_ends_with_the_same_schema(fresh_url: str) -> None:
    assert sorted(migrate_up(fresh_url)) == known_migrations()
    there = schema_of(fresh_url)
    assert sorted(migrate_down(fresh_url, steps=len(known_migrations()))) == known_migrations()
    assert schema_of(fresh_url) == []
    migrate_up(fresh_url)
    assert schema_of(fresh_url) == there
    assert migrate_up(fresh_url) == []


@pytest.mark.parametrize("steps", range(1, len(known_migrations())))
def test_each_rollback_undoes_its_migration(fresh_url: str, steps: int) -> None:
    migrate_up(fresh_url)
    there = schema_of(fresh_url)
    undone = migrate_down(fresh_url, steps=steps)
    assert len(undone) == steps
    missing = [name for name, applied in migration_status(fresh_url) if not applied]
    assert missing == sorted(undone)
    assert sorted(migrate_up(fresh_url)) == missing
    assert schema_of(fresh_url) == there


def test_several_processes_at_once_apply_each_migration_once(fresh_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        ended = list(
            pool.map(lambda _: migrating(fresh_url).communicate(timeout=TIMEOUT_SECONDS)[0], range(3))
        )
    assert sum("applied: " in said for said in ended) == 1, ended
    assert sum("up to date" in said for said in ended) == 2, ended
    assert all(applied for _, applied in migration_status(fresh_url))


def test_a_kill_9_in_the_middle_leaves_neither_a_lock_nor_half_a_migration(fresh_url: str) -> None:
    migrate_up(fresh_url)
    (newest,) = migrate_down(fresh_url)
    before = schema_of(fresh_url)
    with psycopg.connect(fresh_url, autocommit=True) as observer, psycopg.connect(fresh_url) as blocker:
        # The process can do all its work, but not record the migration.
        blocker.execute("lock table _yoyo_migration in share mode")
        process = migrating(fresh_url)
        wait_for_blocked_process(observer)
        process.kill()
        process.communicate()
    assert schema_of(fresh_url) == before
    assert migrate_up(fresh_url) == [newest]


def test_a_migration_that_waits_for_a_long_transaction_holds_up_nobody_else(
    fresh_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cara.postgres.migrations._LOCK_SECONDS", 0.05)
    migrate_up(fresh_url)
    reads = "select count(*) from learner_quarter_hours"
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(fresh_url) as long,
        psycopg.connect(fresh_url) as other,
    ):
        long.execute(reads)
        undoing = pool.submit(migrate_down, fresh_url)
        while "0006_rollups does not get a lock (the oldest transaction: process" not in caplog.text:
            assert not undoing.done(), undoing.result()
        other.execute("set lock_timeout = '10s'")
        other.execute(reads)
        other.rollback()
        long.rollback()
        assert undoing.result(TIMEOUT_SECONDS) == ["0006_rollups"]
    assert caplog.text.count("does not get a lock") == 1


def test_a_migration_gives_up_when_the_transaction_does_not_end(
    fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.postgres.migrations._LOCK_SECONDS", 0.05)
    monkeypatch.setattr("cara.postgres.migration_backend.LOCK_PATIENCE_SECONDS", 0.01)
    migrate_up(fresh_url)
    there = schema_of(fresh_url)
    with psycopg.connect(fresh_url) as endless:
        endless.execute("select count(*) from learner_quarter_hours")
        with pytest.raises(MigrationFailed, match=r"^a transaction holds a lock that is needed"):
            migrate_down(fresh_url)
    assert schema_of(fresh_url) == there


async def test_missing_migrations_are_named(fresh_url: str) -> None:
    connection = await asyncpg.connect(fresh_url)
    try:
        assert await missing_migrations(connection) == known_migrations()
        migrate_up(fresh_url)
        assert await missing_migrations(connection) == []
    finally:
        await connection.close()


def test_a_failed_migration_is_reported_in_one_line_and_changes_nothing(fresh_url: str) -> None:
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute("create table audit_log (id integer)")
    with pytest.raises(MigrationFailed, match=r'^the database refused: relation "audit_log".*exists$'):
        migrate_up(fresh_url)
    with psycopg.connect(fresh_url) as connection:
        assert connection.execute("select to_regclass('users')").fetchone() == (None,)


def migrating(url: str) -> subprocess.Popen[str]:
    """A process that runs `cara migrate up`."""
    return subprocess.Popen(
        [sys.executable, "-m", "cara", "migrate", "up"],
        env=environment(DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_blocked_process(observer: psycopg.Connection[tuple[object, ...]]) -> None:
    """Returns once a process waits for a lock of a table."""
    blocked = """
        do $$
        begin
            for attempt in 1..%(attempts)s loop
                perform from pg_locks where not granted and locktype = 'relation';
                exit when found;
                perform pg_sleep(0.01);
            end loop;
            assert found, 'no process waits';
        end
        $$
    """
    observer.execute(blocked.replace("%(attempts)s", str(TIMEOUT_SECONDS * 100)))


def test_a_session_ends_with_its_locks_when_its_process_has_vanished(fresh_url: str) -> None:
    with _connected(fresh_url) as backend:
        shown = "select current_setting(%s)"
        assert {
            name: backend.execute(shown, (name,)).fetchone()[0]
            for name in ("idle_in_transaction_session_timeout", "client_connection_check_interval")
        } == {"idle_in_transaction_session_timeout": "7s", "client_connection_check_interval": "1s"}
        assert backend.execute(shown, ("statement_timeout",)).fetchone() == ("0",)
        keepalives = backend.connection.info.get_parameters()
    assert (keepalives["keepalives_idle"], keepalives["tcp_user_timeout"]) == ("3", "7000")
