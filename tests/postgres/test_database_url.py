"""DATABASE_URL means the same to the servers (asyncpg) and to `cara migrate` (libpq), TLS included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psycopg
import pytest
from asyncpg.connect_utils import _parse_connect_dsn_and_args
from pydantic import SecretStr

from cara.devtools.servers.embedded import embedded_postgres_server
from cara.postgres.database import Database, DatabaseAway
from cara.postgres.database_url import asyncpg_arguments, libpq_arguments
from cara.postgres.migrations import MigrationFailed, migrate_up, migration_status
from cara.settings import Settings
from tests.tls import Authority, tls_in_front

NOTHING = dict.fromkeys(
    ("passfile", "service", "servicefile", "direct_tls", "server_settings", "target_session_attrs")
)
URLS = [
    "postgresql://user:secret@one:5433/cara",
    "postgres://user@one,two:5433,[::1]:5434/cara?target_session_attrs=read-write",
    "postgresql://us%40er:p%40s%2Fs%3A%3F@one/ca%20ra",
    "postgresql://user@/cara?host=/one,/two&port=5433",
    "postgresql://user@/cara?host=one:5433,two:5434",
    "postgresql://user@%2Fone:5433,two/cara",
    "postgresql://one?user=user&password=p%2Bs+s&database=cara",
    "postgresql://one:5433/cara?port=5434&dbname=other&user=user",
    "postgresql:///cara?user=user",
]


def read_by_asyncpg(url: str) -> tuple[list[object], object, object, object]:
    nothing = dict.fromkeys(("host", "port", "user", "password", "database", "ssl", "krbsrvname", "gsslib"))
    addresses, parameters = _parse_connect_dsn_and_args(**asyncpg_arguments(url), **NOTHING, **nothing)
    return addresses, parameters.user, parameters.password, parameters.database


@pytest.mark.parametrize("url", URLS)
def test_both_drivers_connect_to_the_same_places_as_the_same_user(url: str) -> None:
    libpq = libpq_arguments(url)
    hosts = libpq["host"].split(",")
    ports = libpq.get("port", "5432").split(",")
    places = zip(hosts, ports if len(ports) > 1 else ports * len(hosts), strict=True)
    addresses = [
        f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port)) for host, port in places
    ]
    assert read_by_asyncpg(url) == (addresses, libpq["user"], libpq.get("password"), libpq["dbname"])


async def test_settings_of_the_session_reach_postgresql_through_both(database_url: str) -> None:
    url = database_url + "&search_path=one, two&options=-c geqo=off&connect_timeout=7&keepalives_idle=30"
    shown = "select current_setting('search_path'), current_setting('geqo')"
    connection = await asyncpg.connect(**asyncpg_arguments(url))
    try:
        assert tuple(await connection.fetchrow(shown) or ()) == ("one, two", "off")
    finally:
        await connection.close()
    with psycopg.connect(**libpq_arguments(url)) as libpq:
        assert libpq.execute(shown).fetchone() == ("one, two", "off")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def postgresql_with_tls(database_url: str, authority: Authority, **options: bool) -> AsyncIterator[str]:
    """Yields the address of a server named localhost, without the host."""
    url = urlsplit(database_url)
    socket = f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"
    context = authority.server_context("localhost", **options)
    async with tls_in_front(socket, context, postgresql=True) as port:
        yield f":{port}{url.path}?user=cara"


async def servers_accept(url: str, settings: Settings) -> bool:
    try:
        database = await Database.connect(settings.model_copy(update={"database_url": SecretStr(url)}))
    except DatabaseAway:
        return False
    async with database.acquire() as connection:
        assert await connection.fetchval("select 1") == 1
    await database.close()
    return True


async def migrate_accepts(url: str) -> bool:
    try:
        status = await asyncio.to_thread(migration_status, url)
    except MigrationFailed:
        return False
    return all(applied for _, applied in status)


@pytest.mark.parametrize(
    ("host", "parameters", "accepted"),
    [
        ("localhost", "sslmode=verify-full&sslrootcert={authority}", True),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={authority}", False),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert={authority}", True),
        ("localhost", "sslmode=verify-full&sslrootcert={stranger}", False),
        ("127.0.0.1", "sslmode=require", True),
        ("localhost", "sslrootcert=system", True),
        ("127.0.0.1", "sslrootcert=system&sslmode=require", False),
        ("127.0.0.1:1,localhost", "sslmode=verify-full&sslrootcert={authority}", True),
    ],
)
async def test_servers_and_migrate_accept_the_same_certificates(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    authority: Authority,
    host: str,
    parameters: str,
    accepted: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    files = {"authority": authority.file, "stranger": Authority(tmp_path).file}
    async with postgresql_with_tls(settings.database_url.get_secret_value(), authority) as address:
        url = f"postgresql://{host}{address}&{parameters.format(**files)}"
        assert (await servers_accept(url, settings), await migrate_accepts(url)) == (accepted, accepted)


async def test_a_system_that_does_not_know_the_authority_refuses_its_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, authority: Authority
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    async with postgresql_with_tls(settings.database_url.get_secret_value(), authority) as address:
        url = f"postgresql://localhost{address}&sslrootcert=system"
        assert (await servers_accept(url, settings), await migrate_accepts(url)) == (False, False)


@pytest.mark.parametrize("root", ["{authority}", "system"])
async def test_a_certificate_of_the_client_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, authority: Authority, root: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    certificate, key = authority.certificate("cara")
    trusts = f"sslmode=verify-full&sslrootcert={root.format(authority=authority.file)}"
    async with postgresql_with_tls(
        settings.database_url.get_secret_value(), authority, clients=True
    ) as address:
        url = f"postgresql://localhost{address}&{trusts}"
        shown = f"{url}&sslcert={certificate}&sslkey={key}"
        assert (await servers_accept(shown, settings), await migrate_accepts(shown)) == (True, True)
        assert (await servers_accept(url, settings), await migrate_accepts(url)) == (False, False)


def test_a_host_that_is_read_only_is_passed_over(tmp_path: Path, database_url: str) -> None:
    """As after a failover: the old primary comes back as a standby, and stands first in the list."""
    path, here = urlsplit(database_url).path, parse_qs(urlsplit(database_url).query)["host"][0]
    with embedded_postgres_server(tmp_path, durable=False) as demoted:
        name, there = path.strip("/"), parse_qs(urlsplit(demoted).query)["host"][0]
        with psycopg.connect(demoted, autocommit=True) as connection:
            connection.execute(f"create database {name}")
            connection.execute(f"alter database {name} set default_transaction_read_only = on")
        both = f"postgresql://cara@{path}?host={there},{here}"
        assert migrate_up(both) == []
        with pytest.raises(MigrationFailed, match=r"^the server is read-only"):
            migrate_up(f"postgresql://cara@{path}?host={there}")
        assert not any(applied for _, applied in migration_status(f"postgresql://cara@{path}?host={there}"))
