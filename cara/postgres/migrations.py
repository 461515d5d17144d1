"""Migrations: plain SQL with rollbacks, applied by yoyo under a lock, and checked before a server starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg.errors import LockNotAvailable
from yoyo import read_migrations
from yoyo.connections import DatabaseURI
from yoyo.migrations import MigrationList, default_migration_table

from cara.postgres.applied_migrations import known_migrations, migrations_folder
from cara.postgres.database_url import find_system_certificates, libpq_arguments
from cara.postgres.limits import libpq_keepalives, limits_of_silence
from cara.postgres.migration_backend import AtomicBackend, attempts

if TYPE_CHECKING:
    pass

_LOCK = 0x0CA7A
"""The advisory lock that migrating processes wait for. PostgreSQL releases it when its holder dies."""

_CONNECT_SECONDS, _SHORTEST_CONNECT_SECONDS = 10, 2
"""For opening a connection, all hosts of a list together; libpq grants each at least two seconds."""

_OTHERS_MINUTES = 10
"""How long a process waits for another one that migrates."""

_LOCK_SECONDS = 3
"""How long a statement of a migration waits for a lock: everybody who needs the table waits behind it."""


class MigrationFailed(Exception):
    """The database cannot be reached, or refused a statement; the message is one line."""


def migrate_up(database_url: str) -> list[str]:
    """Applies the missing migrations; safe to run from several machines at once. Returns their ids.

    Raises:
        MigrationFailed: the database cannot be reached, or refused a statement, or a transaction held a lock
            for longer than `LOCK_PATIENCE_SECONDS`. Migrations before the one that failed stay applied.
    """
    with _locked(database_url) as (backend, migrations):
        missing = backend.to_apply(migrations)
        for migration in missing:
            for attempt in attempts(backend, migration):
                with attempt:
                    backend.apply_one(migration)
        return [migration.id for migration in missing]


def migrate_down(database_url: str, steps: int = 1) -> list[str]:
    """Rolls the newest migrations back. Returns their ids.

    Raises:
        MigrationFailed: as `migrate_up`.
    """
    with _locked(database_url) as (backend, migrations):
        newest = list(backend.to_rollback(migrations))[:steps]
        for migration in newest:
            for attempt in attempts(backend, migration):
                with attempt:
                    backend.rollback_one(migration)
        return [migration.id for migration in newest]


def migration_status(database_url: str) -> list[tuple[str, bool]]:
    """Returns each known migration, and whether it is applied. It only reads, and waits for nobody.

    Raises:
        MigrationFailed: the database cannot be reached, or refused a statement.
    """
    with _connected(database_url) as backend:
        applied: set[str] = set()
        if backend.execute("select to_regclass('_yoyo_migration')").fetchone() != (None,):
            applied = {name for (name,) in backend.execute("select migration_id from _yoyo_migration")}
        return [(name, name in applied) for name in known_migrations()]


@contextmanager
def _locked(database_url: str) -> Iterator[tuple[AtomicBackend, MigrationList]]:
    """Yields yoyo under an advisory lock.

    The lock of yoyo is a row, which a killed process leaves behind. So that row is deleted here: the advisory
    lock replaces it.
    """
    with _connected(database_url) as backend:
        _check_writable(backend)
        _wait_for_others(backend)
        backend.init_database()
        backend.break_lock()
        yield backend, _migrations()


@contextmanager
def _connected(database_url: str) -> Iterator[AtomicBackend]:
    """Yields a connection, which ends with its locks when either side of it has vanished.

    Raises:
        MigrationFailed: as `migrate_up`.
    """
    try:
        backend = _connect(database_url)
        try:
            for limit in limits_of_silence().items():
                backend.execute("select set_config(%s, %s, false)", limit)
            yield backend
        finally:
            backend.connection.close()
    except LockNotAvailable as error:
        raise MigrationFailed(
            "a transaction holds a lock that is needed: end it, and run this again"
        ) from error
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        what = "cannot be reached" if isinstance(error, psycopg.OperationalError) else "refused"
        raise MigrationFailed(f"the database {what}: {reason}") from error


def _connect(database_url: str) -> AtomicBackend:
    given = libpq_arguments(database_url)
    seconds = max(_SHORTEST_CONNECT_SECONDS, _CONNECT_SECONDS // len(given.get("host", "").split(",")))
    arguments = {"connect_timeout": str(seconds), **libpq_keepalives(), **given}
    if arguments.get("sslrootcert") == "system":
        find_system_certificates()
    uri = DatabaseURI("postgresql+psycopg", None, None, None, None, arguments.get("dbname"), arguments)
    return AtomicBackend(uri, default_migration_table)


def _check_writable(backend: AtomicBackend) -> None:
    """Raises MigrationFailed on a standby or another read-only server."""
    if backend.execute("show transaction_read_only").fetchone() == ("on",):
        raise MigrationFailed(
            "the server is read-only; target_session_attrs=read-write finds the primary in a list of hosts"
        )


def _wait_for_others(backend: AtomicBackend) -> None:
    """Takes the advisory lock; from then on no statement waits for a lock longer than `_LOCK_SECONDS`.

    Raises:
        MigrationFailed: another process has been migrating for `_OTHERS_MINUTES`.
    """
    backend.execute(f"set lock_timeout = '{_OTHERS_MINUTES}min'")
    try:
        backend.execute(f"select pg_advisory_lock({_LOCK})")
    except LockNotAvailable:
        raise MigrationFailed(f"another process has been migrating for {_OTHERS_MINUTES} min") from None
    backend.execute(f"set lock_timeout = '{_LOCK_SECONDS}s'")


def _migrations() -> MigrationList:
    """Returns the SQL files only: yoyo takes each Python file of the folder for a migration too."""
    known = known_migrations()
    return MigrationList([one for one in read_migrations(str(migrations_folder())) if one.id in known])
