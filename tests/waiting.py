"""Waiting for what other tasks and processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from cara.postgres.database import Database

TIMEOUT_SECONDS: Final = 60
"""Only ends a test that hangs: what a test waits for comes long before, on a slow machine too."""


def time_limit() -> asyncio.Timeout:
    """`async with time_limit():` bounds a block that waits for something which may never come."""
    return asyncio.timeout(TIMEOUT_SECONDS)


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What a look gives as soon as it gives something."""
    async with time_limit():
        while not (found := await look()):
            await asyncio.sleep(0.02)
    return found


async def until_blocked(database: Database, task: asyncio.Task[Any]) -> None:
    """Returns once the task waits for a lock in PostgreSQL that another transaction holds."""
    blocked = """
        select exists (
            select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        )
    """

    async def looks() -> bool:
        async with database.acquire() as connection:
            return task.done() or bool(await connection.fetchval(blocked))

    await until(looks)
    assert not task.done()
