"""Migrations: plain SQL with rollbacks, applied by yoyo under a lock, and checked before a server starts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import Migration, MigrationList, default_migration_table

from cara.postgres.database import Connection, Database

if TYPE_CHECKING:
    from cara.settings import Settings

_LOCK = 0x0CA7A
"""The advisory lock that migrating processes wait for. PostgreSQL releases it when its holder dies."""

_CONNECT_SECONDS = 10
_LOCK_TIMEOUT = "10min"


class MigrationFailed(Exception):
    """The database cannot be reached, or refused a statement; the message is one line."""


class DatabaseBehind(Exception):
    """The database lacks migrations; the message names them and the command to run."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"the database is behind ({', '.join(missing)}): run `cara migrate up`")
        self.missing = missing


class AtomicBackend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend, but a migration and its record are written in one transaction.

    yoyo writes the record afterwards: a process that is killed in between leaves a database on which that
    migration can be neither applied nor rolled back. A migration with `-- transactional: false` runs without
    a transaction and must be safe to repeat.

    yoyo has no types. The methods that this class overrides and calls are internals of yoyo 9.0, as are
    `init_database`, `break_lock` and `parse_uri`, hence the upper bound in setup.cfg.
    """

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        with self._prepared(migration):
            migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            if mark:
                self.mark_one(migration, log=False)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        with self._prepared(migration):
            migration.process_steps(self, "rollback", force=force)
            self.log_migration(migration, "rollback")
            self.unmark_one(migration, log=False)

    @contextmanager
    def _prepared(self, migration: Migration) -> Iterator[None]:
        """Reads the migration and holds the transaction that it asks for."""
        self.ensure_internal_schema_updated()
        migration.load()
        with self.transaction() if migration.use_transactions else nullcontext():
            yield


def migrations_folder() -> Path:
    """Returns the folder of the SQL files."""
    return Path(str(files("migrations")))


def known_migrations() -> list[str]:
    """Returns the ids of all migrations of this version of Cara, in order."""
    return sorted(
        path.stem for path in migrations_folder().glob("*.sql") if not path.stem.endswith(".rollback")
    )


def migrate_up(database_url: str) -> list[str]:
    """Applies the missing migrations; safe to run from several machines at once. Returns their ids.

    Raises:
        MigrationFailed: the database cannot be reached, or refused a statement.
    """
    with _locked(database_url) as (backend, migrations):
        missing = backend.to_apply(migrations)
        backend.apply_migrations(missing)
        return [migration.id for migration in missing]


def migrate_down(database_url: str, steps: int = 1) -> list[str]:
    """Rolls the newest migrations back. Returns their ids.

    Raises:
        MigrationFailed: as `migrate_up`.
    """
    with _locked(database_url) as (backend, migrations):
        newest = MigrationList(list(backend.to_rollback(migrations))[:steps])
        backend.rollback_migrations(newest)
        return [migration.id for migration in newest]


def migration_status(database_url: str) -> list[tuple[str, bool]]:
    """Returns each known migration, and whether it is applied.

    Raises:
        MigrationFailed: as `migrate_up`.
    """
    with _locked(database_url) as (backend, migrations):
        missing = {migration.id for migration in backend.to_apply(migrations)}
        return [(name, name not in missing) for name in known_migrations()]


async def missing_migrations(connection: Connection) -> list[str]:
    """Returns the known migrations that the database lacks."""
    if not await connection.fetchval("select to_regclass('_yoyo_migration') is not null"):
        return known_migrations()
    applied = await connection.fetch("select migration_id from _yoyo_migration")
    return sorted(set(known_migrations()) - {row["migration_id"] for row in applied})


@asynccontextmanager
async def up_to_date_database(settings: Settings) -> AsyncIterator[Database]:
    """Opens the database for the block, if it has all migrations.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached.
        DatabaseBehind: the database lacks migrations.
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
    """Yields yoyo under an advisory lock.

    The lock of yoyo is a row, which a killed process leaves behind. So that row is deleted here: the advisory
    lock replaces it.
    """
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'")
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
        raise MigrationFailed(f"another process has been migrating for {_LOCK_TIMEOUT}") from None
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        what = "cannot be reached" if isinstance(error, psycopg.OperationalError) else "refused"
        raise MigrationFailed(f"the database {what}: {reason}") from error


def _migrations() -> MigrationList:
    """Returns the SQL files only: yoyo takes each Python file of the folder for a migration too."""
    known = known_migrations()
    return MigrationList([one for one in read_migrations(str(migrations_folder())) if one.id in known])
