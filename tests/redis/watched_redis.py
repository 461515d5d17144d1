"""A client of Redis that counts how often something is asked of it."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline


class WatchedRedis(Redis):
    """Counts the trips that carry several commands; a test that hangs it knows thus who waited for it."""

    trips = 0

    def pipeline(self, *arguments: Any, **options: Any) -> Pipeline:
        self.trips += 1
        return super().pipeline(*arguments, **options)

    async def hang(self) -> None:
        """From now on nothing is answered, for longer than any test lasts."""
        await self.execute_command("CLIENT", "PAUSE", "3600000", "ALL")
