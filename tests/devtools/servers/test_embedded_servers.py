"""PostgreSQL and Valkey from wheels: restarts, crashes, and errors that say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import psycopg
import pytest
import redis
from arq.connections import RedisSettings
from yoyo import get_backend

import cara
from cara.devtools.servers.data_folder import current_account, short_path
from cara.devtools.servers.embedded import VALKEY_SOCKET_NAME, embedded_postgres_server, embedded_valkey
from cara.devtools.servers.local_server import DataFolderInUse, LocalServerError, ServerDidNotStart
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A data folder on which the tests of this module start servers one after the other."""
    return tmp_path_factory.mktemp("servers")


def scalar(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def test_what_is_written_survives_a_restart(folder):
    with embedded_postgres_server(folder) as database_url, embedded_valkey(folder) as redis_url:
        scalar(database_url, "create table talks as select 'Gettysburg' as title")
        redis.Redis.from_url(redis_url).set("title", "Gettysburg")
    with embedded_postgres_server(folder) as database_url, embedded_valkey(folder) as redis_url:
        assert scalar(database_url, "select title from talks") == "Gettysburg"
        assert redis.Redis.from_url(redis_url).get("title") == b"Gettysburg"


def test_a_second_start_on_the_same_folder_is_refused(folder):
    refused = pytest.raises(DataFolderInUse, match=f"in use by process {os.getpid()}.* CARA_DATA_DIR")
    with embedded_postgres_server(folder), refused, embedded_postgres_server(folder):
        pytest.fail("two servers on one folder")
    with embedded_valkey(folder), refused, embedded_valkey(folder):
        pytest.fail("two servers on one folder")


@pytest.mark.parametrize("left_over", [f"{os.getpid()}\nnonsense\n", ""], ids=["number in use", "empty"])
def test_the_lock_file_of_a_machine_that_lost_power_does_not_prevent_a_start(folder, left_over):
    with embedded_postgres_server(folder):
        pass
    (folder / "postgres/data/postmaster.pid").write_text(left_over)
    with embedded_postgres_server(folder) as database_url:
        assert scalar(database_url, "select 1") == 1


def test_servers_that_were_killed_start_again_with_what_was_committed(folder):
    with embedded_postgres_server(folder) as database_url, embedded_valkey(folder):
        scalar(database_url, "create table kept as select 42 as answer")
        for watchdog in psutil.Process().children():
            for server in watchdog.children():
                server.kill()
    assert (folder / "valkey/valkey.sock").exists()
    with embedded_postgres_server(folder) as database_url, embedded_valkey(folder) as redis_url:
        assert scalar(database_url, "select answer from kept") == 42
        assert redis.Redis.from_url(redis_url).ping()


async def test_every_client_accepts_the_urls(folder):
    with embedded_postgres_server(folder) as database_url, embedded_valkey(folder) as redis_url:
        connection = await asyncpg.connect(database_url)
        assert await connection.fetchval("show timezone") == "UTC"
        assert await connection.fetchval("show server_version") >= "18"
        assert await connection.fetchval("show server_encoding") == "UTF8"
        await connection.close()
        get_backend(database_url.replace("postgresql:", "postgresql+psycopg:", 1)).connection.close()
        assert redis_url == f"unix://{RedisSettings.from_dsn(redis_url).unix_socket_path}"


def test_a_broken_cluster_is_an_error_with_the_end_of_the_log(tmp_path):
    with embedded_postgres_server(tmp_path):
        pass
    (tmp_path / "postgres/data/postgresql.conf").unlink()
    with pytest.raises(ServerDidNotStart, match=r"postgresql\.conf"), embedded_postgres_server(tmp_path):
        pytest.fail("started without a cluster")


def test_a_folder_that_cannot_be_created_is_an_error_with_the_reason(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LocalServerError, match="cannot be used"), embedded_valkey(tmp_path / "file"):
        pytest.fail("started inside a file")


def test_throwaway_servers_start_in_a_folder_with_a_long_odd_path_after_a_broken_first_try(tmp_path):
    folder = tmp_path / ("a folder, " * 12)
    (folder / "postgres/data.partial/base").mkdir(parents=True)
    with (
        embedded_postgres_server(folder, durable=False) as database_url,
        embedded_valkey(folder, durable=False) as redis_url,
    ):
        assert scalar(database_url, "show fsync") == "off"
        assert redis.Redis.from_url(redis_url).config_get("appendonly") == {"appendonly": "no"}


def test_a_short_socket_folder_that_is_open_to_others_is_refused(tmp_path):
    folder = tmp_path / ("long" * 40)
    short = short_path(folder / "valkey", VALKEY_SOCKET_NAME, current_account())
    short.mkdir()
    short.chmod(0o755)
    try:
        with pytest.raises(LocalServerError, match="not a folder private to"), embedded_valkey(folder):
            pytest.fail("used a folder that others may enter")
    finally:
        short.rmdir()


@pytest.mark.parametrize("server", ["embedded_postgres_server", "embedded_valkey"])
def test_without_the_wheels_the_error_names_the_extra(server, tmp_path):
    program = f"""if True:
        import sys; sys.path.insert(0, {str(Path(cara.__file__).parents[1])!r})
        from pathlib import Path
        from cara.devtools.servers import embedded as servers, local_server
        try:
            with servers.{server}(Path({str(tmp_path)!r})): pass
        except local_server.ExtraMissing as error:
            print(error)
    """
    line = [sys.executable, "-I", "-S", "-c", program]
    said = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT_SECONDS).stdout
    assert "cara[embedded]" in said
