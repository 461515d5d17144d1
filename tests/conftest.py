"""The servers of the run, and what nearly every test needs."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cara.app import create_app
from cara.devtools.emulator.emulator import Emulator
from cara.devtools.emulator.server import EMULATOR, EmulatorSettings, create_emulator
from cara.devtools.servers.unprivileged import discard_data
from cara.event_loop import new_event_loop
from cara.outages import Outage
from cara.postgres.database import Database
from cara.redis.connections import OUTAGE
from cara.settings import Settings
from tests.learners import Learner
from tests.servers import CleanDatabase, Servers, running_servers
from tests.workers import running_worker


@dataclass(frozen=True)
class RunningEmulator:
    """Where an emulator listens, and the emulator itself."""

    url: str
    emulator: Emulator


# Examples are many, and the machine may be busy: none of them is timed.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

CHEAP_PASSWORDS = {"password_time_cost": 1, "password_memory_kib": 64}
POSTGRES, REDIS = "CARA_TEST_POSTGRES_URL", "CARA_TEST_REDIS_URL"
SERVERS = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Starts the servers once: under xdist in the controller, which the workers inherit them from."""
    if POSTGRES in os.environ or config.getoption("collectonly", default=False):
        return
    stack = config.stash[SERVERS] = ExitStack()
    servers = stack.enter_context(running_servers())
    os.environ[POSTGRES], os.environ[REDIS] = servers.postgres_url, servers.redis_url
    stack.callback(lambda: [os.environ.pop(name) for name in (POSTGRES, REDIS)])


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Runs the tests on the event loop of the processes that ship."""
    return {"uvloop": new_event_loop}


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVERS in config.stash:
        config.stash[SERVERS].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says why tests were skipped, which pytest keeps to itself unless it is asked."""
    skipped = terminalreporter.getreports("skipped")
    for reason in dict.fromkeys(report.longrepr[2] for report in skipped):
        terminalreporter.write_line(reason)


@pytest.fixture(scope="session", autouse=True)
def _no_data_are_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Root's PostgreSQL may keep data elsewhere than in the temporary folders, which pytest clears away."""
    yield
    for data in tmp_path_factory.getbasetemp().glob("**/postgres/data"):
        discard_data(data.parents[1])


@pytest.fixture(scope="session")
def servers() -> Servers:
    return Servers(os.environ[POSTGRES], os.environ[REDIS])


@pytest.fixture(scope="session")
def clean_database(servers: Servers) -> Iterator[CleanDatabase]:
    """The migrated database of this test process."""
    with servers.database(f"test_{uuid4().hex}") as url:
        yield CleanDatabase(url)


@pytest.fixture
def database_url(clean_database: CleanDatabase) -> Iterator[str]:
    """A migrated database that only this test uses, and that is clean."""
    yield clean_database.url
    clean_database.clean()


@pytest.fixture
def redis_url(servers: Servers) -> Iterator[str]:
    """A numbered database of Valkey for this process, emptied for every test.

    Channels of publish and subscribe know no databases; they carry ids that are unique to a test.
    """
    import redis

    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    url = f"{servers.redis_url}?db={number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
async def emulator(aiohttp_server: Callable[..., Awaitable[TestServer]]) -> RunningEmulator:
    """A Gemini that answers quickly, fails as tests plan, and records what it served."""
    app = create_emulator(EmulatorSettings(chunk_delay_seconds=0.001))
    server = await aiohttp_server(app)
    return RunningEmulator(str(server.make_url("/")), app[EMULATOR])


@pytest.fixture
def settings(database_url: str, redis_url: str, emulator: RunningEmulator) -> Settings:
    """The settings of a test; change them with `settings.model_copy(update={…})`."""
    return make_settings(database_url=database_url, redis_url=redis_url, gemini_base_url=emulator.url)


def make_settings(**overrides: Any) -> Settings:
    defaults: dict[str, Any] = {
        "environment": "test",
        "jwt_secret": "the-secret-of-the-tests-32-bytes-long",
        "gemini_api_key": "emulator",
        "rate_limits": "off",
        **({} if overrides.get("environment") == "production" else CHEAP_PASSWORDS),
        "database_seconds": 30,
        "database_acquire_seconds": 10,
        "sweep_seconds": 1,
        "job_lease_seconds": 9,
        "worker_drain_seconds": 30,
    }
    return Settings(_env_file=None, **{**defaults, **overrides})


@pytest.fixture
def redis_outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    """The outage of Redis that this process logs, of which nothing is known yet."""
    monkeypatch.setattr(OUTAGE, "failures", Counter())
    monkeypatch.setattr(OUTAGE, "lasts", False)
    return OUTAGE


@pytest.fixture
async def app(settings: Settings) -> web.Application:
    return create_app(settings)


@pytest.fixture
async def client(
    app: web.Application, aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]]
) -> TestClient[Any, Any]:
    """Speaks to a running web process."""
    return await aiohttp_client(app)


@pytest.fixture
async def learner(client: TestClient[Any, Any]) -> Learner:
    """A learner who has just registered."""
    return await Learner.registers(client)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A look into the tables, which may take as long as a busy machine needs."""
    patient = {"database_seconds": 60.0, "database_lock_seconds": 30.0}
    database = await Database.connect(settings.model_copy(update=patient))
    yield database
    await database.close()


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[None]:
    """A worker at work on the queues of this test."""
    async with running_worker(settings):
        yield
