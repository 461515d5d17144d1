"""A host is cut off from PostgreSQL and Valkey: its link goes down, and no connection is closed.

To meet the transaction in the middle, we hold a row that it needs for its last step, cut the host off while
it waits for that row, and let go of the row.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from bench.outages_load import Learner
from bench.outages_network import HOST_ADDRESS, OUR_ADDRESS, SIDE_ADDRESS, Host, on_host
from bench.outages_stage import POSTGRES_PORT, VALKEY_PORT, Parts, Scenario, Stage
from bench.outages_watch import Watch
from bench.system import START_SECONDS, Running, System
from cara.devtools.servers.ports import port_opens

EMULATOR_PORT, WEB_PORT = 8080, 3001
HOST_URL = f"http://{SIDE_ADDRESS}:{WEB_PORT}"
WAITS = """
    select count(*)
    from pg_stat_activity
    where client_addr = $1::inet and wait_event_type = 'Lock' and query like $2
"""
IN_TRANSACTION = """
    select count(*) from pg_stat_activity where client_addr = $1::inet and xact_start is not null
"""
UNFOLDED = "select count(*) from pending_event_batches where created_at < $1"
POLL_SECONDS = 0.02
FREE_SECONDS = 15.0
"""How long rows of a host that has vanished may stay locked."""

PATIENCE_SECONDS = 60.0
EMAIL = "somebody@example.com"


class OnHost(Scenario):
    """Some of the processes run on a host of their own."""

    async def prepare(self, parts: Parts, stack: AsyncExitStack) -> None:
        self.host = stack.enter_context(Host())

    async def end(self, stage: Stage) -> None:
        self.host.mend()

    async def start_on_host(self, system: System, *commands: str) -> None:
        """Starts an emulator and `cara serve` or `cara worker` on the host."""
        settings = {
            **system.environment,
            "DATABASE_URL": f"postgresql://cara@{OUR_ADDRESS}:{POSTGRES_PORT}/cara",
            "REDIS_URL": f"redis://{OUR_ADDRESS}:{VALKEY_PORT}",
            "GEMINI_BASE_URL": f"http://127.0.0.1:{EMULATOR_PORT}",
            "HOST": SIDE_ADDRESS,
            "PORT": str(WEB_PORT),
        }
        emulator = [sys.executable, "-m", "cara.devtools.emulator", "--port", str(EMULATOR_PORT)]
        await self._start(system, "host-emulator", emulator, {})
        for command in commands:
            processes = system.webs if command == "serve" else system.workers
            module = [sys.executable, "-m", "cara", command]
            processes.append(await self._start(system, f"host-{command}", module, settings))
        if "serve" in commands:
            async with asyncio.timeout(START_SECONDS):
                await port_opens(WEB_PORT, SIDE_ADDRESS)

    async def _start(
        self, system: System, name: str, command: list[str], environment: dict[str, str]
    ) -> Running:
        log = system.servers.folder / f"{name}.log"
        running = Running(name, on_host(command), environment, log)
        await running.start()
        system.stack.push_async_callback(running.stop)
        return running


class OutOfReach(OnHost):
    """All servers vanish for the only host: what it sends to them is lost, and nobody refuses it."""

    name = "Network to the servers cut"
    seconds = 20.0

    async def serve(self, system: System) -> str:
        await self.start_on_host(system, "serve", "worker")
        return HOST_URL

    async def begin(self, stage: Stage) -> None:
        self.host.cut()


class CutOff(OnHost):
    """The host vanishes in the middle of a transaction, while others are served."""

    must_say_not_ready = False
    seconds = 2.0
    waiting: str
    """What the statement looks like that waits for the row."""

    @asynccontextmanager
    async def cut_in_the_middle(self, stage: Stage) -> AsyncIterator[None]:
        """Cuts the host off in the middle of a transaction that the block begins, and that needs our row.

        The transaction goes on when the row is free, and tells so to nobody.
        """
        connection = await asyncpg.connect(stage.postgres.url)
        try:
            await connection.execute("begin")
            await connection.execute("select from users where email = $1 for update", EMAIL)
            yield
            async with asyncio.timeout(START_SECONDS):
                # Not on this connection: in a transaction the view shows the same as before.
                while not await stage.postgres.count(WAITS, HOST_ADDRESS, self.waiting):
                    await asyncio.sleep(POLL_SECONDS)
            self.host.cut()
            stage.down = time.monotonic()
        finally:
            await connection.close()

    def problems(self) -> list[str]:
        assert self.recovery_seconds is not None
        late = self.recovery_seconds > FREE_SECONDS
        return [f"locked for {self.recovery_seconds:.1f} s"] if late else []


class CutOffWeb(CutOff):
    """A web process vanishes while it completes a session; its learner goes on at another one."""

    name = "Web host cut off"
    waiting = "%users%"

    async def serve(self, system: System) -> str:
        url = await super().serve(system)
        await self.start_on_host(system, "serve")
        return url

    async def begin(self, stage: Stage) -> None:
        async with stage.load.beside(stage.load.url) as here, stage.load.beside(HOST_URL) as there:
            learner, at_host = Learner(here, EMAIL), Learner(there, EMAIL)
            await learner.register()
            at_host.headers = learner.headers
            session = await learner.open_session()
            async with self.cut_in_the_middle(stage):
                completing = asyncio.create_task(at_host.complete(session))
            patience = stage.down + PATIENCE_SECONDS
            while not await learner.rename(session) and time.monotonic() < patience:
                pass
            self.recovery_seconds = time.monotonic() - stage.down
            await completing
            self._refusals = sum(answer.failed for answer in here.answers)
            self._answer = there.answers[-1]

    async def end(self, stage: Stage) -> None:
        await super().end(stage)
        mended = time.monotonic()
        async with Watch(HOST_URL) as watch, asyncio.timeout(PATIENCE_SECONDS):
            while not watch.ready:
                await asyncio.sleep(POLL_SECONDS)
        self._back_seconds = time.monotonic() - mended

    def seen(self) -> list[str]:
        return [
            f"the host answered its learner {self._answer.status} after {self._answer.seconds:.1f} s",
            f"elsewhere the session could be changed after {self._refusals} refusals",
            f"the host was ready {self._back_seconds:.1f} s after its link was up",
        ]


class CutOffWorker(CutOff):
    """The only worker vanishes while it folds the roll-ups; a new one is started, and goes on with them."""

    name = "Worker host cut off"
    waiting = "%learner_days%"

    async def serve(self, system: System) -> str:
        await self.start_on_host(system, "worker")
        return await system.add_web()

    async def begin(self, stage: Stage) -> None:
        async with stage.load.beside(stage.load.url) as load:
            learner = Learner(load, EMAIL)
            await learner.register()
            async with self.cut_in_the_middle(stage):
                await learner.post_event()
        cut_at = datetime.now(UTC)
        await stage.system.add_worker()
        self.recovery_seconds = await self._none_within(stage, IN_TRANSACTION, HOST_ADDRESS)
        self._folded_seconds = await self._none_within(stage, UNFOLDED, cut_at)

    async def _none_within(self, stage: Stage, statement: str, argument: Any) -> float:
        """Returns how long after the cut the statement counts nothing any more."""
        while (away := time.monotonic() - stage.down) < PATIENCE_SECONDS:
            if not await stage.postgres.count(statement, argument):
                break
            await asyncio.sleep(POLL_SECONDS)
        return away

    def seen(self) -> list[str]:
        return [f"another worker had folded what it held after {self._folded_seconds:.1f} s"]


SCENARIOS = (OutOfReach, CutOffWeb, CutOffWorker)
