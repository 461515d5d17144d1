"""A client of Redis that counts its pipelines."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline


class WatchedRedis(Redis):
    """Counts pipelines, so that a test that hangs Redis can check how many requests waited for it."""

    pipelines = 0

    def pipeline(self, *arguments: Any, **options: Any) -> Pipeline:
        self.pipelines += 1
        return super().pipeline(*arguments, **options)

    async def hang(self) -> None:
        """From now on nothing is answered, for longer than any test lasts."""
        await self.execute_command("CLIENT", "PAUSE", "3600000", "ALL")
