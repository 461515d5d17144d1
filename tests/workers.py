"""A worker for tests: the real one, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cara.settings import Settings
from worker.main import connected
from worker.queues import create_workers, run_workers


@asynccontextmanager
async def running_worker(settings: Settings) -> AsyncIterator[None]:
    """A worker on all queues of the settings, drained at the end of the block."""
    stop = asyncio.Event()
    async with connected(settings) as context:
        running = asyncio.create_task(
            run_workers(stop, create_workers(context), settings.worker_drain_seconds)
        )
        try:
            yield
        finally:
            stop.set()
            await running
