"""Workers for tests: the real thing, in this process or in one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cara.settings import Settings
from worker.main import resources, work_until
from worker.queues import workers


@asynccontextmanager
async def running_worker(settings: Settings) -> AsyncIterator[None]:
    """A worker on the settings' queues, drained at the end of the block."""
    stop = asyncio.Event()
    async with resources(settings) as context:
        running = asyncio.create_task(
            work_until(stop, workers(settings, context), settings.worker_drain_seconds)
        )
        try:
            yield
        finally:
            stop.set()
            await running
