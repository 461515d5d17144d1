"""An emulator that answers quickly, and a session that calls it over plain HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.server import RunningEmulator, running_emulator
from tests.devtools.emulator.talking import http_session


@pytest.fixture
async def running() -> AsyncIterator[RunningEmulator]:
    async with running_emulator(EmulatorSettings(chunk_delay_seconds=0.001)) as running:
        yield running


@pytest.fixture
async def session(running: RunningEmulator) -> AsyncIterator[ClientSession]:
    async with http_session(running.url) as session:
        yield session
