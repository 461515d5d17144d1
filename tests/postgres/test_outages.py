"""What clients and operators see of a PostgreSQL in trouble: each kind on a real server, over HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from socket import socket
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import psycopg
import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from cara.app import create_app
from cara.devtools.servers.embedded import embedded_postgres_server
from cara.postgres.connections import is_read_only
from cara.postgres.database import Database
from cara.postgres.database_url import single_host_urls
from cara.postgres.errors import (
    CommitUnknown,
    DatabaseAway,
    DatabaseReadOnly,
    DatabaseTrouble,
    reason_of,
    trouble_of,
)
from cara.postgres.migrations import migrate_up
from cara.settings import Settings
from cara.web.context import service
from tests.learners import Learner

Result = TypeVar("Result")

SECONDS = 1.0
"""What a request may spend with the database in these tests."""


class OwnServer:
    """A PostgreSQL of these tests alone, which they may stop and misconfigure."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._admin = psycopg.connect(url, autocommit=True)
        self._postmaster = psutil.Process(self._admin.info.backend_pid).parent()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        self._execute("alter system set default_transaction_read_only = on")
        self._reload_until("on")
        try:
            yield
        finally:
            self._execute("set default_transaction_read_only = off")
            self._execute("alter system reset default_transaction_read_only")
            self._reload_until("off")

    def _reload_until(self, read_only: str) -> None:
        """Returns once new sessions know the change."""
        self._execute("select pg_reload_conf()")
        known = None
        while known != (read_only,):
            with psycopg.connect(self.url) as session:
                known = session.execute("show transaction_read_only").fetchone()

    @contextmanager
    def hung(self) -> Iterator[None]:
        """None of its processes does anything; the kernel still takes connections and data for it."""
        assert self._postmaster is not None
        processes = [self._postmaster, *self._postmaster.children()]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def terminate_sessions(self) -> None:
        self._execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cara'"
        )

    def url_of_role_with_connections(self, limit: int) -> str:
        """The URL of a role that may read, and have so many connections."""
        self._execute(f"create role few login connection limit {limit}")
        self._execute("grant select on all tables in schema public to few")
        return self.url.replace("cara@", "few@")

    def _execute(self, statement: str) -> None:
        self._admin.execute(statement.encode())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    with embedded_postgres_server(tmp_path_factory.mktemp("outages"), durable=False) as url:
        migrate_up(url)
        yield OwnServer(url)


@pytest.fixture
def settings(settings: Settings, server: OwnServer) -> Settings:
    changes = {"database_url": SecretStr(server.url), "database_seconds": SECONDS, "database_pool_size": 3}
    return settings.model_copy(update={**changes, "database_lock_seconds": 0.2})


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = await Database.connect(settings)
    yield database
    await database.close()


def lines_of_outages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "cara.outages"]


async def timed(answer: Awaitable[Result]) -> tuple[Result, float]:
    """The answer, and the seconds that it took."""
    begin = time.monotonic()
    return await answer, time.monotonic() - begin


async def problem(learner: Learner, method: str, path: str, **options: Any) -> str:
    """The code of an answer 503 that came in time and says when to come again."""
    response, took = await timed(learner.call(method, path, **options))
    body = await response.json()
    assert (response.status, response.headers["Retry-After"]) == (503, "1"), body
    assert took < SECONDS + 1
    return str(body["code"])


async def missing(client: TestClient[Any, Any]) -> list[str]:
    response = await client.get("/ready")
    return [what for what in (await response.json())["missing"] if "worker" not in what]


async def test_a_read_only_server_serves_reads_refuses_writes_and_is_not_ready(
    server: OwnServer, learner: Learner, caplog: pytest.LogCaptureFixture
) -> None:
    with server.read_only():
        for _ in range(3):
            opens = {"json": {"featureType": "conversation"}}
            assert await problem(learner, "POST", "/api/sessions", **opens) == "database_read_only"
        event = {"json": {"eventType": "clicked"}}
        assert await problem(learner, "POST", "/api/analytics/events", **event) == "database_read_only"
        await learner.expects(200, "GET", "/api/sessions")
        assert await missing(learner.client) == ["the database is read-only"]
    await learner.opens_session()
    assert await missing(learner.client) == []
    assert len(lines_of_outages(caplog)) == 1
    assert "Traceback" not in caplog.text


async def test_a_server_that_hangs_is_answered_for_in_time_and_used_again_afterwards(
    server: OwnServer, learner: Learner, caplog: pytest.LogCaptureFixture
) -> None:
    service(learner.client.app, Database).outage._quiet_seconds = 0
    opens = {"json": {"featureType": "conversation"}}
    with server.hung():
        asked = [problem(learner, "POST", "/api/sessions", **opens) for _ in range(6)]
        codes, (unready, took) = await asyncio.gather(asyncio.gather(*asked), timed(missing(learner.client)))
        assert (await learner.client.get("/health")).status == 200
    assert {*codes} <= {"database_timed_out", "database_busy"}
    assert unready == ["the database does not answer in time"]
    assert took < 3
    await learner.opens_session()
    begun, over = lines_of_outages(caplog)
    assert begun == "PostgreSQL fails: database_timed_out (no answer in time)"
    assert over.startswith("PostgreSQL serves again: it failed for ")


async def test_the_outcome_of_a_commit_that_hangs_is_said_to_be_unknown(database: Database) -> None:
    async with database.acquire() as connection:
        backend = connection.get_server_pid()

    async def hangs_at_the_end() -> None:
        async with database.transaction() as connection:
            assert connection.get_server_pid() == backend
            os.kill(backend, signal.SIGSTOP)

    with pytest.raises(CommitUnknown):
        await hangs_at_the_end()
    os.kill(backend, signal.SIGCONT)


async def test_a_row_that_somebody_else_locks_is_busy_and_sessions_that_are_ended_are_replaced(
    server: OwnServer, learner: Learner
) -> None:
    session = await learner.opens_session()
    with psycopg.connect(server.url) as other:
        other.execute("select from sessions for update")
        change = {"json": {"title": "Mine"}}
        assert await problem(learner, "PATCH", f"/api/sessions/{session['id']}", **change) == "database_busy"
    server.terminate_sessions()
    async with asyncio.timeout(10):
        while (await learner.call("GET", "/api/sessions")).status != 200:
            pass


async def test_a_request_whose_statement_a_migration_has_changed_is_repeated(
    server: OwnServer, learner: Learner
) -> None:
    session = await learner.opens_session()
    path = f"/api/sessions/{session['id']}"
    await learner.expects(200, "PATCH", path, json={"title": "Before"})
    with psycopg.connect(server.url, autocommit=True) as other:
        other.execute("alter table sessions alter column title type varchar(1000)")
    changed = await learner.expects(200, "PATCH", path, json={"title": "After"})
    assert changed["title"] == "After"


async def test_sessions_have_limits_that_end_them_when_their_client_is_gone(database: Database) -> None:
    async with database.acquire() as connection:
        rows = await connection.fetch(
            """
            select name, setting::int as setting
            from pg_settings
            where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                           'client_connection_check_interval')
            """
        )
    limits = {row["name"]: row["setting"] for row in rows}
    assert limits == {
        "statement_timeout": 15_000,
        "lock_timeout": 200,
        "idle_in_transaction_session_timeout": 7_000,
        "client_connection_check_interval": 1_000,
    }


async def test_while_postgresql_has_no_connection_left_those_of_the_pool_are_shared(
    server: OwnServer, settings: Settings, aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = server.url_of_role_with_connections(1)
    changes = {"database_url": SecretStr(url), "database_acquire_seconds": 1}
    client = await aiohttp_client(create_app(settings.model_copy(update=changes)))
    assert await asyncio.gather(*(missing(client) for _ in range(12))) == [[]] * 12
    assert lines_of_outages(caplog) == []
    async with service(client.app, Database).acquire():
        assert await missing(client) == ["no connection to the database is free"]
    assert await missing(client) == ["no connection to the database is free"]
    (line,) = lines_of_outages(caplog)
    assert line.startswith(
        "PostgreSQL fails: database_crowded (TooManyConnectionsError: too many connections"
    )


def after(cause: Exception) -> CommitUnknown:
    error = CommitUnknown()
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (asyncpg.InternalClientError("cannot switch to state 15"), "connection lost"),
        (DatabaseReadOnly(), "transaction_read_only is on"),
        (TimeoutError("of the loop"), "no answer in time"),
        (AttributeError("'NoneType' object …", name="bind_execute", obj=None), "connection lost"),
        (after(asyncpg.InterfaceError("cannot call Transaction.__aexit__()")), "connection lost"),
    ],
)
def test_the_log_says_what_was_wrong_and_not_how_a_library_or_we_put_it(
    error: Exception, reason: str
) -> None:
    assert reason_of(error) == reason


@pytest.mark.parametrize(
    ("of", "lost", "kind"), [(None, True, DatabaseAway), (None, False, None), ("", True, None)]
)
def test_a_connection_that_is_cut_between_two_steps_of_asyncpg_is_away(
    of: Any, lost: bool, kind: type[DatabaseTrouble] | None
) -> None:
    """asyncpg then looks for a method of None; the same mistake of ours stays one."""
    assert trouble_of(AttributeError("bind_execute", name="bind_execute", obj=of), lost=lost) is kind


@asynccontextmanager
async def relay(path: str) -> AsyncIterator[int]:
    """A port of TCP that leads to a unix socket."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(path)
        await asyncio.gather(pump(reader, forth), pump(back, writer))

    server = await asyncio.start_server(connect, "127.0.0.1")
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_of_several_hosts_the_one_that_takes_writes_is_used_and_one_that_is_silent_passed_over(
    server: OwnServer, settings: Settings
) -> None:
    (folder,) = parse_qs(urlsplit(server.url).query)["host"]
    with socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with relay(f"{folder}/.s.PGSQL.5432") as port:
            url = f"postgresql://cara@127.0.0.1:{silent.getsockname()[1]},localhost:{port}/cara"
            database = await Database.connect(settings.model_copy(update={"database_url": SecretStr(url)}))
            async with database.acquire() as connection:
                assert not await is_read_only(connection)
            with server.read_only():
                with pytest.raises(DatabaseReadOnly):
                    await delete_sessions(database)
                with pytest.raises(DatabaseAway):  # by now no host of the list is acceptable
                    await delete_sessions(database)
            await delete_sessions(database)
            await database.close()


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("postgresql://u:p@one/c?sslmode=require", ["postgresql://u:p@one/c?sslmode=require"]),
        ("postgresql://one:1,[::1]:2/c?a=b", ["postgresql://one:1/c?a=b", "postgresql://[::1]:2/c?a=b"]),
        ("postgresql://u@/c?host=x,y", [f"postgresql://u@/c?host={host}&port=5432" for host in "xy"]),
        (
            "postgresql://u@/c?host=x,y&port=1,2",
            [f"postgresql://u@/c?host={h}&port={p}" for h, p in ("x1", "y2")],
        ),
    ],
)
def test_each_host_of_a_list_has_a_url_of_its_own(url: str, urls: list[str]) -> None:
    assert single_host_urls(url) == urls


async def delete_sessions(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("delete from sessions")
