"""Fixtures of the tests of analytics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from cara.analytics.event_writer import EventWriter
from cara.postgres.database import Database, new_id
from cara.redis.rollup_notifier import RollupNotifier
from tests.servers import Servers

NewUser = Callable[[], Awaitable[UUID]]
StartWriter = Callable[[EventWriter], EventWriter]


class CountingNotifier(RollupNotifier):
    """Counts the calls of `wake`, without Redis."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """A database of its own for each test, because partitions are created and dropped."""
    with servers.database(f"analytics_{uuid4().hex}") as url:
        yield url


@pytest.fixture
async def new_user(database: Database) -> NewUser:
    """Inserts accounts directly."""

    async def insert() -> UUID:
        user_id = new_id()
        async with database.acquire() as connection:
            await connection.execute(
                "insert into users (id, email, name, password_hash) values ($1, $2, 'A Learner', '')",
                user_id,
                f"{user_id}@example.com",
            )
        return user_id

    return insert


@pytest.fixture
async def start_writer() -> AsyncIterator[StartWriter]:
    """Runs writers of events until the test ends."""
    tasks: list[asyncio.Task[None]] = []

    def start(writer: EventWriter) -> EventWriter:
        tasks.append(asyncio.create_task(writer.run()))
        return writer

    yield start
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
