"""Cara in production behind a TLS proxy, pages of several hosts, and a Chromium that finds them all here."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cara.app import create_app
from cara.devtools.servers.ports import free_port
from cara.settings import Settings
from tests.browser.chromium import DevTools, Profile, running_chromium
from tests.browser.hosts import APP, OTHER_SITE, pages, self_signed, tls_proxy
from tests.conftest import RunningEmulator, make_settings

Client = TestClient[Any, Any]
Serve = Callable[..., Awaitable[Client]]


@dataclass(frozen=True)
class Ports:
    """Where Chromium finds the hosts: the API, and all others."""

    api: int
    pages: int


@pytest.fixture(scope="session")
def ports() -> Ports:
    return Ports(free_port(), free_port())


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return self_signed(tmp_path_factory.mktemp("tls"))


@contextmanager
def chromium_for(ports: Ports, folder: Path, *, cookies_of_other_sites: bool) -> Iterator[str]:
    rules = f"MAP api.example.test 127.0.0.1:{ports.api}, MAP *.test 127.0.0.1:{ports.pages}"
    switches = f"--host-resolver-rules={rules}", "--ignore-certificate-errors"
    with running_chromium(folder, *switches, cookies_of_other_sites=cookies_of_other_sites) as address:
        yield address


@pytest.fixture(scope="session")
def chromium(ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A browser that blocks cookies of other sites, as most do by default or in private windows."""
    with chromium_for(ports, tmp_path_factory.mktemp("strict"), cookies_of_other_sites=False) as address:
        yield address


@pytest.fixture
async def tools(chromium: str) -> AsyncIterator[DevTools]:
    async with DevTools.connect(chromium) as tools:
        yield tools


@pytest.fixture
async def profile(tools: DevTools) -> Profile:
    """A person whose browser has no cookies yet."""
    return await Profile.new(tools)


@pytest.fixture
async def lenient_profile(ports: Ports, tmp_path: Path) -> AsyncIterator[Profile]:
    """A person whose browser keeps the cookies of other sites."""
    with chromium_for(ports, tmp_path, cookies_of_other_sites=True) as address:
        async with DevTools.connect(address) as tools:
            yield await Profile.new(tools)


@pytest.fixture
def settings(database_url: str, redis_url: str, emulator: RunningEmulator) -> Settings:
    """The settings of production, for front ends on two hosts."""
    return make_settings(
        environment="production",
        database_url=database_url,
        redis_url=redis_url,
        gemini_base_url=emulator.url,
        jwt_secret=secrets.token_urlsafe(48),
        frontend_url=f"{APP},{OTHER_SITE}",
        rate_limits="on",
        rate_limit_sign_in="1000/minute",
        rate_limit_address="1000/minute",
    )


@pytest.fixture
async def serve(
    ports: Ports,
    tls: ssl.SSLContext,
    settings: Settings,
    aiohttp_client: Callable[..., Awaitable[Client]],
    aiohttp_server: Callable[..., Awaitable[TestServer]],
) -> AsyncIterator[Serve]:
    """Starts Cara, with changed settings, and the pages; returns a client of Cara that is no browser."""
    async with AsyncExitStack() as running:

        async def start(**changes: object) -> Client:
            client = await aiohttp_client(create_app(settings.model_copy(update=changes)))
            others = await aiohttp_server(pages())
            for port, server in ((ports.api, client.server), (ports.pages, others)):
                assert server.port
                await running.enter_async_context(tls_proxy(port, tls, server.port))
            return client

        yield start
