"""The ways in which PostgreSQL fails."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg

from bench.outages_servers import PostgresServer
from bench.outages_stage import STANDBY_PORT, Parts, Scenario, Stage

TERMINATE = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'cara'"


class Stopped(Scenario):
    name = "PostgreSQL stopped"
    seconds = 20.0

    async def begin(self, stage: Stage) -> None:
        await asyncio.to_thread(stage.postgres.stop)

    async def end(self, stage: Stage) -> None:
        await asyncio.to_thread(stage.postgres.start)


class Hung(Scenario):
    """All its processes are stopped by SIGSTOP: connections open, and nothing is ever answered."""

    name = "PostgreSQL hung"
    seconds = 70.0

    async def begin(self, stage: Stage) -> None:
        stage.postgres.hang()

    async def end(self, stage: Stage) -> None:
        stage.postgres.resume()


class ReadOnly(Scenario):
    name = "PostgreSQL read-only"

    async def begin(self, stage: Stage) -> None:
        await stage.postgres.execute("alter system set default_transaction_read_only = on")
        await stage.postgres.execute("select pg_reload_conf()")

    async def end(self, stage: Stage) -> None:
        await stage.postgres.execute("alter system reset default_transaction_read_only")
        await stage.postgres.execute("select pg_reload_conf()")


class Demoted(Scenario):
    """It comes back as a standby, at the same address."""

    name = "PostgreSQL demoted"

    async def begin(self, stage: Stage) -> None:
        await asyncio.to_thread(stage.postgres.stop)
        stage.postgres.become_standby()
        await asyncio.to_thread(stage.postgres.start)

    async def end(self, stage: Stage) -> None:
        await stage.postgres.execute("select pg_promote()")


class DiskFull(Scenario):
    """No page can be added to a table; the write-ahead log lies elsewhere."""

    name = "PostgreSQL disk full"
    volume = "data"

    async def begin(self, stage: Stage) -> None:
        fill(stage.parts.folder / "volume")

    async def end(self, stage: Stage) -> None:
        (stage.parts.folder / "volume/ballast").unlink()


class WalFull(Scenario):
    """The write-ahead log cannot grow: PostgreSQL panics, and gives up when it cannot start again."""

    name = "PostgreSQL log full"
    volume = "wal"

    async def begin(self, stage: Stage) -> None:
        fill(stage.parts.folder / "volume")
        with suppress(asyncpg.PostgresError, OSError):
            while True:  # what is left of the segments that were made before
                await stage.postgres.execute("select pg_logical_emit_message(true, '', repeat('x', 100000))")
        stage.down = time.monotonic()

    async def end(self, stage: Stage) -> None:
        (stage.parts.folder / "volume/ballast").unlink()
        await asyncio.to_thread(stage.postgres.stop)
        await asyncio.to_thread(stage.postgres.start)


class Terminated(Scenario):
    """Its connections are terminated five times a second."""

    name = "PostgreSQL connections terminated"
    must_say_not_ready = False

    async def begin(self, stage: Stage) -> None:
        self._terminating = asyncio.create_task(self._terminate(stage.postgres))

    async def _terminate(self, postgres: PostgresServer) -> None:
        while True:
            await postgres.execute(TERMINATE)
            await asyncio.sleep(0.2)

    async def end(self, stage: Stage) -> None:
        self._terminating.cancel()
        await asyncio.wait([self._terminating])


class Crowded(Scenario):
    """Every new connection is one too many."""

    name = "PostgreSQL out of connections"

    async def begin(self, stage: Stage) -> None:
        await stage.postgres.execute("alter role cara connection limit 0")
        await stage.postgres.execute(TERMINATE)

    async def end(self, stage: Stage) -> None:
        await stage.postgres.execute("alter role cara connection limit -1")


class Locked(Scenario):
    """Somebody has locked a table, and thinks."""

    name = "PostgreSQL table locked"
    must_say_not_ready = False

    async def begin(self, stage: Stage) -> None:
        self._connection = await asyncpg.connect(stage.postgres.url)
        await self._connection.execute("begin")
        await self._connection.execute("lock table sessions in access exclusive mode")

    async def end(self, stage: Stage) -> None:
        await self._connection.close()


class FailedOver(Scenario):
    """The primary's machine is lost, and its synchronous standby takes over; DATABASE_URL names both."""

    name = "PostgreSQL failed over"
    seconds = 5.0

    async def prepare(self, parts: Parts, stack: AsyncExitStack) -> None:
        parts.standby = PostgresServer(parts.folder / "standby", STANDBY_PORT)
        stack.callback(parts.standby.stop)
        await asyncio.to_thread(parts.standby.clone, parts.postgres)
        await parts.postgres.execute("alter system set synchronous_standby_names = '*'")
        await parts.postgres.execute("select pg_reload_conf()")
        hosts = f"{parts.postgres.host},{parts.standby.host}"
        parts.database_url = f"postgresql://cara@{hosts}/cara?target_session_attrs=read-write"

    async def begin(self, stage: Stage) -> None:
        await asyncio.to_thread(stage.postgres.kill)

    async def end(self, stage: Stage) -> None:
        await promote_standby(stage.parts)


class SwitchedOver(FailedOver):
    """Primary and standby change places; DATABASE_URL names both, and does not say which is wanted."""

    name = "PostgreSQL switched over"
    must_say_not_ready = False

    async def prepare(self, parts: Parts, stack: AsyncExitStack) -> None:
        await super().prepare(parts, stack)
        parts.database_url = parts.database_url.partition("?")[0]

    async def begin(self, stage: Stage) -> None:
        former = stage.postgres
        await asyncio.to_thread(former.stop)
        await promote_standby(stage.parts)
        former.become_standby(stage.postgres)
        await asyncio.to_thread(former.start)
        await stage.postgres.execute(TERMINATE)  # so that connections are opened now that both are there

    async def end(self, stage: Stage) -> None:
        """Nothing comes back: the standby is the primary from now on."""


async def promote_standby(parts: Parts) -> None:
    """Makes the standby the primary."""
    assert parts.standby is not None
    await parts.standby.execute("select pg_promote()")
    parts.postgres, parts.standby = parts.standby, parts.postgres


def fill(volume: Path) -> None:
    """Writes a file that leaves no page free."""
    with (volume / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(4096))


SCENARIOS = (
    Stopped,
    Hung,
    ReadOnly,
    Demoted,
    DiskFull,
    WalFull,
    Terminated,
    Crowded,
    Locked,
    FailedOver,
    SwitchedOver,
)
