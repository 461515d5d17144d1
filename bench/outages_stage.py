"""The system on which an outage is played: servers, web process, worker, emulator and learners."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.outages_load import Load
from bench.outages_network import mount, unmount
from bench.outages_servers import PostgresServer, ValkeyServer
from bench.outages_watch import Watch
from bench.system import System, running_system
from cara.postgres.migrations import migrate_up

POSTGRES_PORT, STANDBY_PORT, VALKEY_PORT = 5432, 5433, 6379
VOLUME = "128m"
EMULATOR = ("--chunk-delay-seconds", "0.02")
SETTINGS = {
    "DRAIN_SECONDS": "0",
    "RATE_LIMITS": "on",
    "RATE_LIMIT_ADDRESS": "100000/minute",
    "RATE_LIMIT_SIGN_IN": "100000/minute",
    "RATE_LIMIT_USER": "100000/minute",
    "RATE_LIMIT_GEMINI": "100000/minute",
}
"""Requests are counted, as they are in production, and none is refused."""


@dataclass
class Parts:
    """The servers of a scenario; `postgres` is the one that takes writes, or should."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    database_url: str
    standby: PostgresServer | None = None

    @property
    def redis_url(self) -> str:
        return self.valkey.url


@dataclass
class Stage:
    """The running system, its learners, and who watches it."""

    parts: Parts
    system: System
    load: Load
    watch: Watch
    down: float = 0.0
    """When the part went away, on the monotonic clock."""

    @property
    def postgres(self) -> PostgresServer:
        return self.parts.postgres

    @property
    def valkey(self) -> ValkeyServer:
        return self.parts.valkey


class Scenario:
    """One way in which a part fails."""

    name: str
    """As docs/operations.md names it."""

    seconds: float = 10.0
    """How long the part is away."""

    must_say_not_ready = True
    """Whether `/ready` has to say no: not if the service can do all that it should."""

    volume: str | None = None
    """`data` or `wal`: what of PostgreSQL lies on a small file system of its own."""

    recovery_seconds: float | None = None
    """How long something took to be as before, where failed answers do not tell."""

    async def prepare(self, parts: Parts, stack: AsyncExitStack) -> None:
        """Completes the servers, before there are processes."""

    async def serve(self, system: System) -> str:
        """Starts the processes; returns the URL at which the learners practise."""
        await system.add_worker()
        return await system.add_web()

    async def begin(self, stage: Stage) -> None:
        """Takes the part away."""
        raise NotImplementedError

    async def end(self, stage: Stage) -> None:
        """Brings the part back."""
        raise NotImplementedError

    def seen(self) -> list[str]:
        """Returns in words what else was seen."""
        return []

    def problems(self) -> list[str]:
        """Returns in words what else should not have been."""
        return []


@asynccontextmanager
async def staged(scenario: Scenario) -> AsyncIterator[Stage]:
    """Yields the running system, and ends all of it."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(open_folder())
        parts = await start_parts(scenario, folder, stack)
        await asyncio.to_thread(migrate_up, parts.postgres.url)
        await scenario.prepare(parts, stack)
        system = await stack.enter_async_context(
            running_system(existing=parts, emulator=EMULATOR, **SETTINGS)
        )
        url = await scenario.serve(system)
        watch = await stack.enter_async_context(Watch(url))
        while not watch.ready:
            await asyncio.sleep(0.05)
        load = await stack.enter_async_context(Load(url))
        yield Stage(parts, system, load, watch)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yields a folder that the account of PostgreSQL can enter, too; removes it afterwards."""
    with tempfile.TemporaryDirectory(prefix="cara-outages-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def start_parts(scenario: Scenario, folder: Path, stack: AsyncExitStack) -> Parts:
    """Starts PostgreSQL and Valkey."""
    volumes = {}
    if scenario.volume:
        volumes = {scenario.volume: add_volume(folder / "volume", stack)}
    postgres = PostgresServer(folder / "postgres", POSTGRES_PORT, **volumes)
    stack.callback(postgres.stop)
    await postgres.create()
    valkey = ValkeyServer(folder / "valkey", VALKEY_PORT)
    stack.callback(valkey.stop)
    valkey.start()
    return Parts(folder, postgres, valkey, postgres.url)


def add_volume(folder: Path, stack: AsyncExitStack) -> Path:
    """Mounts a small file system; returns the folder in it for PostgreSQL's files."""
    mount(folder, VOLUME)
    stack.callback(unmount, folder)
    return folder / "files"
