"""Fixtures: a server that sends exact bytes, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from cara.gemini.client import GeminiClient
from tests.gemini.clients import NO_TIMEOUTS, open_client
from tests.gemini.spending import Journal
from tests.gemini.wire_server import WireServer, wire_server


@pytest.fixture
async def server(unused_tcp_port: int) -> AsyncIterator[WireServer]:
    async with wire_server(unused_tcp_port) as server:
        yield server


@pytest.fixture
async def wire_client(server: WireServer) -> AsyncIterator[GeminiClient]:
    async with open_client(server.url, replace(NO_TIMEOUTS, attempts=1)) as client:
        yield client


@pytest.fixture
def journal(server: WireServer) -> Journal:
    return Journal(server)
