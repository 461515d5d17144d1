"""PostgreSQL and Valkey on TCP ports, which a benchmark can stop, hang, kill, clone and promote."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import asyncpg
from redis.asyncio import Redis

from cara.devtools.servers.data_folder import open_lock_file
from cara.devtools.servers.embedded import accepts_connections, valkey_answers, valkey_options, valkey_program
from cara.devtools.servers.local_server import server_environment, server_process, wait_until_ready
from cara.devtools.servers.unprivileged import copied_programs

ACCOUNT = "nobody"
"""PostgreSQL refuses to run as root."""

ACCESS_RULES = """
host all all all trust
host replication all all trust
"""
"""Everybody may come in: the network is one that no other process of this machine is in."""


class ServerProcess:
    """A server program under a watchdog, which ends it when the benchmark ends, however that happens."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._running = ExitStack()
        self._watchdog: subprocess.Popen[bytes] | None = None

    def run(self, command: list[str], *, stop_signal: signal.Signals, user: str | None) -> None:
        """Starts the program; does not wait until it serves."""
        lock = self._running.enter_context(open_lock_file(self.folder, "lock"))
        log = self.folder / "server.log"
        self._watchdog = self._running.enter_context(
            server_process(command, log=log, lock=lock, stop_signal=stop_signal, user=user)
        )

    def stop(self) -> None:
        """Ends the program in order, also if it hangs or has ended already."""
        self.resume()
        self._running.close()
        self._watchdog = None

    def kill(self) -> None:
        """Kills all processes of the server with -9, like the loss of a machine."""
        self._signal(signal.SIGKILL)
        self.stop()

    def hang(self) -> None:
        """Stops all processes of the server without ending them: the kernel still takes connections."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets processes that hang go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Signals the processes of the server, the first one first, so that it starts no further ones."""
        for pid in descendants(self._watchdog.pid) if self._watchdog else []:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def descendants(pid: int) -> list[int]:
    """Returns the processes below a process (Linux), parents before children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in map(int, children) for found in (child, *descendants(child))]


class PostgresServer(ServerProcess):
    """One PostgreSQL with the database `cara`, whose owner `cara` is an ordinary role.

    `data` and `wal` can lie on file systems of their own.
    """

    def __init__(self, folder: Path, port: int, *, data: Path | None = None, wal: Path | None = None) -> None:
        super().__init__(folder)
        self.port = port
        self.host = f"127.0.0.1:{port}"
        self.data = data or folder / "data"
        self._wal = wal or folder / "wal"
        self._programs = copied_programs(pwd.getpwnam(ACCOUNT))
        for path in (self.folder, self.data, self._wal):
            path.mkdir(exist_ok=True)
            shutil.chown(path, ACCOUNT)
            path.chmod(0o700)

    @property
    def url(self) -> str:
        return f"postgresql://cara@{self.host}/cara"

    async def create(self) -> None:
        """Makes the cluster, starts it, and makes the role and the database."""
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", "-D", str(self.data), f"--waldir={self._wal}", "--wal-segsize=1", *options)
        self.start()
        await self.execute("create role cara login", database="postgres")
        await self.execute("create database cara owner cara", database="postgres")

    def clone(self, primary: PostgresServer) -> None:
        """Makes this a standby of the primary, and starts it."""
        source = f"host=127.0.0.1 port={primary.port} user=postgres"
        options = [f"--waldir={self._wal}", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        self._run("pg_basebackup", "-d", source, "-D", str(self.data), *options)
        self.start()

    def start(self) -> None:
        """Starts the server; returns when it accepts connections."""
        rules = self.folder / "hba.conf"
        rules.write_text(ACCESS_RULES)
        rules.chmod(0o644)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = {
            "listen_addresses": "*",
            "port": self.port,
            "unix_socket_directories": "",
            "hba_file": rules,
            "max_connections": 60,
            "max_wal_size": "32MB",
            "min_wal_size": "4MB",
            "io_method": "sync",
            "jit": "off",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [str(self._programs / "postgres"), "-D", str(self.data), *options]
        self.run(command, stop_signal=signal.SIGINT, user=ACCOUNT)
        assert self._watchdog is not None
        log = self.folder / "server.log"
        wait_until_ready(self._watchdog, lambda: accepts_connections(self.data), name="PostgreSQL", log=log)

    def become_standby(self, primary: PostgresServer | None = None) -> None:
        """Has the next start be that of a standby, which follows the primary if there is one."""
        (self.data / "standby.signal").touch()
        shutil.chown(self.data / "standby.signal", ACCOUNT)
        if primary:
            with (self.data / "postgresql.auto.conf").open("a") as settings:
                settings.write(f"primary_conninfo = 'host=127.0.0.1 port={primary.port} user=postgres'\n")

    async def execute(self, statement: str, *arguments: Any, database: str = "cara") -> list[asyncpg.Record]:
        """Runs a statement as the superuser, in a connection of its own."""
        url = f"postgresql://postgres@{self.host}/{database}"
        connection = await asyncpg.connect(url, timeout=10, command_timeout=10)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()

    async def count(self, statement: str, *arguments: Any) -> int:
        """Returns the number that a statement answers."""
        (row,) = await self.execute(statement, *arguments)
        return int(row[0])

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("wb") as log:
            subprocess.run(
                [str(self._programs / program), *arguments],
                check=True,
                stdout=log,
                stderr=log,
                cwd="/",
                env=server_environment(),
                user=ACCOUNT,
                group=pwd.getpwnam(ACCOUNT).pw_gid,
                extra_groups=[],
            )


class ValkeyServer(ServerProcess):
    """One Valkey that keeps an append-only file."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self._port = port
        self._data = folder / "data"
        self.url = f"redis://127.0.0.1:{port}"

    def start(self) -> None:
        """Starts the server; returns when it answers."""
        self._data.mkdir(exist_ok=True)
        path = self.folder / "valkey.sock"
        path.unlink(missing_ok=True)
        options = valkey_options(self._data, path, durable=True)
        network = ["--port", str(self._port), "--bind", "*", "--protected-mode", "no"]
        self.run([str(valkey_program()), *options, *network], stop_signal=signal.SIGTERM, user=None)
        assert self._watchdog is not None
        log = self.folder / "server.log"
        wait_until_ready(self._watchdog, lambda: valkey_answers(path), name="Valkey", log=log)

    def forget(self) -> None:
        """Removes the data; the server must have ended."""
        shutil.rmtree(self._data)

    async def replicate(self, host: str, port: int | str) -> None:
        """Makes it a replica of that server; of `no` `one`, a primary."""
        async with Redis.from_url(self.url) as redis:
            await redis.execute_command("REPLICAOF", host, port)

    async def configure(self, name: str, value: str) -> None:
        async with Redis.from_url(self.url) as redis:
            await redis.config_set(name, value)
