"""A web process with settings that a test changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from cara.app import create_app
from cara.settings import Settings
from tests.redis.restartable_valkey import RestartableValkey
from tests.servers import Servers

Served = Callable[..., Awaitable[TestClient[Any, Any]]]


@pytest.fixture
def served(settings: Settings, aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]]) -> Served:
    """Starts a web process with changed settings and returns its client."""

    async def serve(**changes: Any) -> TestClient[Any, Any]:
        return await aiohttp_client(create_app(settings.model_copy(update=changes)))

    return serve


@pytest.fixture
def broken_database_url(servers: Servers) -> Iterator[SecretStr]:
    """A database whose table of sessions has lost a column: reading a session fails in an unforeseen way."""
    with servers.database(f"broken_{uuid4().hex}") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter table sessions drop column title")
        yield SecretStr(url)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[RestartableValkey]:
    server = RestartableValkey(tmp_path)
    yield server
    server.stop()
