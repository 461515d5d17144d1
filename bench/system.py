"""A complete system for a benchmark: real servers, and emulator, web and worker as separate processes."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from aiohttp import ClientSession

from cara.devtools.emulator.server import CONTROL_KEY_FIELD
from cara.devtools.servers.embedded import embedded_postgres_server, embedded_valkey
from cara.devtools.servers.ports import free_port, port_opens
from cara.devtools.servers.unprivileged import discard_data
from cara.postgres.migrations import migrate_up

START_SECONDS = 30
_CONTROL_KEY = secrets.token_urlsafe(24)
CONTROL = {CONTROL_KEY_FIELD: _CONTROL_KEY}
"""The header field that opens the control routes of the emulators."""
EMULATOR_ENVIRONMENT = {"EMULATOR_CONTROL_KEY": _CONTROL_KEY}
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


@dataclass
class Running:
    """One process of the system."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, env={**os.environ, **self.environment}, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.returncode is not None

    async def kill(self) -> None:
        """Kills the process with -9, like a crash."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(15):
                    await self.process.wait()
            except TimeoutError:
                await self.kill()

    def cpu_seconds(self) -> float:
        """Processor time that the process has used (Linux)."""
        return cpu_seconds(self.pid)

    def memory_bytes(self) -> int:
        """Resident memory (Linux)."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class RunningServers(Protocol):
    """PostgreSQL and Valkey, wherever they run, and a folder for the logs of the processes."""

    @property
    def folder(self) -> Path: ...

    @property
    def database_url(self) -> str: ...

    @property
    def redis_url(self) -> str: ...


class Servers:
    """PostgreSQL and Valkey under one folder, each to be stopped and started again."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.folder = folder
        self._durable = durable
        self._postgres, self._valkey = ExitStack(), ExitStack()
        self.database_url = self.redis_url = ""

    def __enter__(self) -> Self:
        self.start_postgres()
        self.start_valkey()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_valkey()
        self.stop_postgres()
        discard_data(self.folder)

    def start_postgres(self) -> None:
        server = embedded_postgres_server(self.folder, durable=self._durable)
        self.database_url = self._postgres.enter_context(server)

    def stop_postgres(self) -> None:
        self._postgres.close()

    def start_valkey(self) -> None:
        self.redis_url = self._valkey.enter_context(embedded_valkey(self.folder, durable=self._durable))

    def stop_valkey(self) -> None:
        self._valkey.close()


@dataclass
class System:
    """The servers, processes and addresses of the running system."""

    servers: RunningServers
    emulator: Running
    emulator_url: str
    environment: dict[str, str]
    stack: AsyncExitStack
    webs: list[Running] = field(default_factory=list)
    web_urls: list[str] = field(default_factory=list)
    workers: list[Running] = field(default_factory=list)

    @property
    def database_url(self) -> str:
        return self.servers.database_url

    @property
    def redis_url(self) -> str:
        return self.servers.redis_url

    async def add_web(self, *, open_files: int | None = None, **environment: str) -> str:
        """Starts a web process, which may have so many open files; its URL."""
        port = free_port()
        limit = ["sh", "-c", f'ulimit -n {open_files} && exec "$@"', "sh"] if open_files else []
        await self._add("web", self.webs, ["serve"], {"PORT": str(port), **environment}, limit)
        await _opens(port)
        self.web_urls.append(f"http://127.0.0.1:{port}")
        return self.web_urls[-1]

    async def add_worker(self, **environment: str) -> Running:
        """Starts a worker process."""
        return await self._add("worker", self.workers, ["worker"], environment)

    async def _add(
        self,
        name: str,
        processes: list[Running],
        command: list[str],
        environment: dict[str, str],
        prefix: Sequence[str] = (),
    ) -> Running:
        running = Running(
            f"{name}{len(processes)}",
            [*prefix, sys.executable, "-m", "cara", *command],
            {**self.environment, **environment},
            self.servers.folder / f"{name}{len(processes)}.log",
        )
        await running.start()
        self.stack.push_async_callback(running.stop)
        processes.append(running)
        return running


@asynccontextmanager
async def running_system(
    *,
    durable: bool = True,
    emulator: tuple[str, ...] = (),
    existing: RunningServers | None = None,
    **settings: str,
) -> AsyncIterator[System]:
    """Servers and emulator; add web and worker processes as the benchmark needs them.

    With `existing` servers, whose database has all migrations, there is only an emulator.
    """
    with (
        tempfile.TemporaryDirectory(prefix="cara-bench-") as folder,
        nullcontext(existing) if existing else Servers(Path(folder), durable=durable) as servers,
    ):
        if not existing:
            await asyncio.to_thread(migrate_up, servers.database_url)
        async with AsyncExitStack() as stack:
            port = free_port()
            environment = {
                "CARA_ENV": "test",
                "DATABASE_URL": servers.database_url,
                "REDIS_URL": servers.redis_url,
                "JWT_SECRET": "the-secret-of-the-benchmarks-32-bytes",
                "GEMINI_API_KEY": "emulator",
                "GEMINI_BASE_URL": f"http://127.0.0.1:{port}",
                "RATE_LIMITS": "off",
                "STORAGE_BYTES_PER_DAY": "1000000000000",
                "DAILY_TOKEN_QUOTA": "1000000000",
                **settings,
            }
            command = [sys.executable, "-m", "cara.devtools.emulator", "--port", str(port), *emulator]
            gemini = Running("emulator", command, EMULATOR_ENVIRONMENT, servers.folder / "emulator.log")
            await gemini.start()
            stack.push_async_callback(gemini.stop)
            await _opens(port)
            url = environment["GEMINI_BASE_URL"]
            yield System(servers, gemini, url, environment, stack)


async def _opens(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        await port_opens(port)


async def register(http: ClientSession, url: str, number: int) -> dict[str, str]:
    """Registers a learner; the headers that authenticate them."""
    account = {
        "email": f"learner{number}@example.com",
        "name": f"Learner {number}",
        "password": "correct horse battery",
    }
    async with http.post(f"{url}/api/auth/register", json=account) as response:
        body: dict[str, Any] = await response.json()
        assert response.status == 201, body
    return {"Authorization": f"Bearer {body['accessToken']}"}


def percentile(values: list[float], percent: float) -> float:
    """The percentile of the values (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(percent / 100 * len(ranked)) - 1))]
