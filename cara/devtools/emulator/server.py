"""Runs the emulator inside a running loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from cara.devtools.emulator.app import EMULATOR, create_emulator
from cara.devtools.emulator.emulator import Emulator, EmulatorSettings

SHUTDOWN_SECONDS = 0.5


@dataclass(frozen=True)
class RunningEmulator:
    """Where it listens, and its faults and ledger."""

    url: str
    emulator: Emulator


@asynccontextmanager
async def running_emulator(
    settings: EmulatorSettings | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[RunningEmulator]:
    """Serves while the block runs; port 0 takes a free one. Open streams end with the block."""
    app = create_emulator(settings)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield RunningEmulator("http://{}:{}".format(*runner.addresses[0][:2]), app[EMULATOR])
    finally:
        await runner.cleanup()
