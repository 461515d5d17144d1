"""The real servers of a test run: one PostgreSQL and one Valkey, and databases that are cleaned for reuse."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from cara.devtools.servers.embedded import embedded_postgres_server, embedded_valkey
from cara.postgres.migrations import migrate_up

TEMPLATE = "cara_template"


@dataclass(frozen=True)
class Servers:
    """Where the servers of this run are."""

    postgres_url: str
    redis_url: str

    def database_url(self, name: str) -> str:
        return urlsplit(self.postgres_url)._replace(path=f"/{name}").geturl()

    @contextmanager
    def database(self, name: str, template: str = TEMPLATE) -> Iterator[str]:
        """A database of its own, copied from the migrated template."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            copy = sql.SQL("create database {} template {} strategy wal_log")
            connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
            try:
                yield self.database_url(name)
            finally:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


class CleanDatabase:
    """A migrated database that is brought back to how it was after each test.

    Deleting the few rows of a test takes milliseconds, a new copy of the template a hundred times that.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url, autocommit=True) as connection:
            tables = connection.execute(
                """
                select relname
                from pg_class
                where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
                  and not relispartition and relname not like '%yoyo%'
                """
            ).fetchall()
            connection.execute("create schema pristine")
            for (table,) in tables:
                names = sql.Identifier("pristine", table), sql.Identifier("public", table)
                connection.execute(sql.SQL("create table {} as table {}").format(*names))
        self._tables = [table for (table,) in tables]

    def clean(self) -> None:
        """Ends what is still connected, and restores the rows; triggers and foreign keys stay out of it."""
        steps = [sql.SQL("set local session_replication_role = replica")]
        for table in self._tables:
            names = sql.Identifier("public", table), sql.Identifier("pristine", table)
            steps.append(sql.SQL("delete from {}").format(names[0]))
            steps.append(sql.SQL("insert into {} overriding system value select * from {}").format(*names))
        with psycopg.connect(self.url) as connection:
            connection.execute(
                """
                select pg_terminate_backend(pid)
                from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                """
            )
            connection.execute(sql.SQL("; ").join(steps))


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Starts both servers and migrates the template; afterwards nothing is left."""
    folder = Path(tempfile.mkdtemp(prefix="cara-tests-"))
    try:
        with (
            embedded_postgres_server(folder, durable=False) as postgres_url,
            embedded_valkey(folder, durable=False) as redis_url,
        ):
            servers = Servers(postgres_url, redis_url)
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(f"create database {TEMPLATE}")
            migrate_up(servers.database_url(TEMPLATE))
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)
