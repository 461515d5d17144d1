"""Migrations: plain SQL with rollbacks, applied by yoyo under a lock, and checked before a server starts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import Migration, MigrationList, default_migration_table

from cara.postgres.database import Connection, Database

if TYPE_CHECKING:
    from cara.settings import Settings

_LOCK = 0x0CA7A
"""The advisory lock that migrating processes wait for; PostgreSQL lets it go when its holder dies."""


_CONNECT_SECONDS = 10
_LOCK_PATIENCE = "10min"


class MigrationFailed(Exception):
    """The database cannot be reached, or refused; says so in one line."""


class DatabaseBehind(Exception):
    """The database lacks migrations; says which, and what to run."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"the database is behind ({', '.join(missing)}): run `cara migrate up`")
        self.missing = missing


class AtomicBackend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend, but a migration and the note that it was applied are one transaction.

    yoyo itself writes the note down afterwards: whoever was killed in between would leave a database on
    which that migration can be neither applied nor rolled back. What says `-- transactional: false` goes
    without, and must bear to be run again.
    """

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        self._do("apply", migration, self.mark_one if mark else None, force)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        self._do("rollback", migration, self.unmark_one, force)

    def _do(self, direction: str, migration: Migration, note: Any, force: bool) -> None:
        self.ensure_internal_schema_updated()
        migration.load()
        with self.transaction() if migration.use_transactions else nullcontext():
            migration.process_steps(self, direction, force=force)
            self.log_migration(migration, direction)
            if note is not None:
                note(migration, log=False)


def migrations_folder() -> Path:
    """Where the SQL files are."""
    return Path(str(files("migrations")))


def known_migrations() -> list[str]:
    """The ids of all migrations that this version of Cara brings, in order."""
    return sorted(
        path.stem for path in migrations_folder().glob("*.sql") if not path.stem.endswith(".rollback")
    )


def migrate_up(database_url: str) -> list[str]:
    """Applies what is missing; safe to run from several machines at once. Returns the ids applied.

    Raises MigrationFailed, as its neighbours do.
    """
    with _locked(database_url) as (backend, migrations):
        missing = backend.to_apply(migrations)
        backend.apply_migrations(missing)
        return [migration.id for migration in missing]


def migrate_down(database_url: str, steps: int = 1) -> list[str]:
    """Rolls the newest migrations back. Returns the ids rolled back."""
    with _locked(database_url) as (backend, migrations):
        newest = MigrationList(list(backend.to_rollback(migrations))[:steps])
        backend.rollback_migrations(newest)
        return [migration.id for migration in newest]


def migration_status(database_url: str) -> list[tuple[str, bool]]:
    """Each known migration, and whether it is applied."""
    with _locked(database_url) as (backend, migrations):
        missing = {migration.id for migration in backend.to_apply(migrations)}
        return [(name, name not in missing) for name in known_migrations()]


async def missing_migrations(connection: Connection) -> list[str]:
    """The known migrations that the database lacks."""
    if not await connection.fetchval("select to_regclass('_yoyo_migration') is not null"):
        return known_migrations()
    applied = await connection.fetch("select migration_id from _yoyo_migration")
    return sorted(set(known_migrations()) - {row["migration_id"] for row in applied})


@asynccontextmanager
async def up_to_date_database(settings: Settings) -> AsyncIterator[Database]:
    """The database for the length of the block, if it lacks no migration.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached.
        DatabaseBehind: it lacks migrations.
    """
    database = await Database.connect(settings)
    try:
        async with database.acquire() as connection:
            if missing := await missing_migrations(connection):
                raise DatabaseBehind(missing)
        yield database
    finally:
        await database.close()


@contextmanager
def _locked(database_url: str) -> Iterator[tuple[AtomicBackend, MigrationList]]:
    """yoyo under an advisory lock. Its own lock is a row that a killed process would leave behind."""
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            connection.execute(f"set lock_timeout = '{_LOCK_PATIENCE}'")
            connection.execute("select pg_advisory_lock(%s)", [_LOCK])
            uri = parse_uri(re.sub(r"^postgres(ql)?:", "postgresql+psycopg:", database_url))
            backend = AtomicBackend(uri, default_migration_table)
            backend.init_database()
            try:
                backend.break_lock()
                yield backend, _migrations()
            finally:
                backend.connection.close()
    except psycopg.errors.LockNotAvailable:
        raise MigrationFailed(f"another process has been migrating for {_LOCK_PATIENCE}") from None
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        what = "cannot be reached" if isinstance(error, psycopg.OperationalError) else "refused"
        raise MigrationFailed(f"the database {what}: {reason}") from error


def _migrations() -> MigrationList:
    """The SQL files alone: yoyo would take any Python file of the folder for a migration too."""
    known = known_migrations()
    return MigrationList([one for one in read_migrations(str(migrations_folder())) if one.id in known])
