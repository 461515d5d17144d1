"""The ways in which Valkey fails."""

from __future__ import annotations

import asyncio

from bench.outages_stage import Scenario, Stage


class Stopped(Scenario):
    name = "Valkey stopped"
    seconds = 20.0

    async def begin(self, stage: Stage) -> None:
        await asyncio.to_thread(stage.valkey.stop)

    async def end(self, stage: Stage) -> None:
        await asyncio.to_thread(stage.valkey.start)


class Hung(Scenario):
    """It is stopped by SIGSTOP: connections open, and nothing is ever answered."""

    name = "Valkey hung"
    seconds = 70.0

    async def begin(self, stage: Stage) -> None:
        stage.valkey.hang()

    async def end(self, stage: Stage) -> None:
        stage.valkey.resume()


class Full(Scenario):
    """It has reached `maxmemory`, and evicts nothing: every write is refused."""

    name = "Valkey full"

    async def begin(self, stage: Stage) -> None:
        await stage.valkey.configure("maxmemory", "1")

    async def end(self, stage: Stage) -> None:
        await stage.valkey.configure("maxmemory", "0")


class Demoted(Scenario):
    """It has become a replica, and its primary is nowhere: it can be read."""

    name = "Valkey read-only"

    async def begin(self, stage: Stage) -> None:
        await stage.valkey.replicate("127.0.0.1", 1)

    async def end(self, stage: Stage) -> None:
        await stage.valkey.replicate("no", "one")


class Emptied(Scenario):
    """It is killed, and comes back without its data."""

    name = "Valkey restarted empty"
    seconds = 2.0
    must_say_not_ready = False

    async def begin(self, stage: Stage) -> None:
        await asyncio.to_thread(stage.valkey.kill)
        stage.valkey.forget()

    async def end(self, stage: Stage) -> None:
        await asyncio.to_thread(stage.valkey.start)


SCENARIOS = (Stopped, Hung, Full, Demoted, Emptied)
