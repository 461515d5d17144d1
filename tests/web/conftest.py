"""A web process as `cara serve` runs it, with settings that a test changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from cara.app import create_app
from cara.settings import Settings
from cara.web.protocol import ProblemRunner
from cara.web.request_log import AccessLogger
from tests.redis.restartable_valkey import RestartableValkey
from tests.servers import Servers

Served = Callable[..., Awaitable[TestClient[Any, Any]]]


class FrontDoor(TestServer):
    """Runs the application by the same runner, and with the same access log, as `cara serve`."""

    async def _make_runner(self, **options: Any) -> ProblemRunner:
        return ProblemRunner(self.app, access_log_class=AccessLogger, **options)


@pytest.fixture
def served(settings: Settings, aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]]) -> Served:
    """Starts a web process with changed settings and speaks to it."""

    async def serve(**changes: Any) -> TestClient[Any, Any]:
        return await aiohttp_client(FrontDoor(create_app(settings.model_copy(update=changes))))

    return serve


@pytest.fixture
def spoiled_database_url(servers: Servers) -> Iterator[SecretStr]:
    """A database in which sessions have lost their title: whatever reads one fails as nobody foresaw."""
    with servers.database(f"spoiled_{uuid4().hex}") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter table sessions drop column title")
        yield SecretStr(url)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[RestartableValkey]:
    server = RestartableValkey(tmp_path)
    yield server
    server.stop()
