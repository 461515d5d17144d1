"""The places of the pool while PostgreSQL has no connection left for those that are empty."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg

from cara.postgres.connections import PoolConnection
from cara.postgres.errors import CONNECTION_ERRORS

_LOOK_SECONDS, _PAUSE_SECONDS = 0.05, 0.005
"""How long one look at the places takes at most, and the pause after one that found nothing."""


class Places:
    """The places of a pool, with a connection or empty: asyncpg takes the one that was given back last.

    An empty one is given back at once when PostgreSQL has no connection left (SQLSTATE 53300). From then on
    it would lie above those that have one, and be taken again and again.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._turn = asyncio.Lock()

    async def released(self, end: float) -> PoolConnection | None:
        """Returns a connection of the pool when one is free.

        Returns None if none is until `end`, a time of the loop, or the pool has lost all that it had.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end), self._turn:
                while self._pool.get_size():
                    if connection := await self._found():
                        return connection
                    await asyncio.sleep(_PAUSE_SECONDS)
        return None

    async def _found(self) -> PoolConnection | None:
        """Takes as many places as are empty and one more, at the same time, until one has a connection.

        The empty ones stay taken meanwhile, so that one whose connection is given back comes next.
        """
        found: list[PoolConnection] = []
        taking: list[asyncio.Task[None]] = []

        async def take() -> None:
            with suppress(*CONNECTION_ERRORS):
                found.append(await self._pool.acquire(timeout=_LOOK_SECONDS))
                for other in taking:
                    other.cancel()

        empty = self._pool.get_max_size() - self._pool.get_size()
        try:
            async with asyncio.TaskGroup() as group:
                taking += (group.create_task(take()) for _ in range(empty + 1))
            return found.pop() if found else None
        finally:
            for spare in found:
                await self._pool.release(spare)
