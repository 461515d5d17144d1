"""Which migrations a database has: what the servers ask when they start, without the tools that migrate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from cara.postgres.database import Connection, Database

if TYPE_CHECKING:
    from cara.settings import Settings


class DatabaseBehind(Exception):
    """The database lacks migrations; the message names them and the command to run."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"the database is behind ({', '.join(missing)}): run `cara migrate up`")
        self.missing = missing


def migrations_folder() -> Path:
    """Returns the folder of the SQL files."""
    return Path(str(files("migrations")))


def known_migrations() -> list[str]:
    """Returns the ids of all migrations of this version of Cara, in order."""
    return sorted(
        path.stem for path in migrations_folder().glob("*.sql") if not path.stem.endswith(".rollback")
    )


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
