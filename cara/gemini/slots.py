"""The bound on calls in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cara.gemini.errors import GeminiBusy

BUSY_RETRY_SECONDS = 1.0


class GeminiSlots:
    """At most `most` calls at once; who waits longer than `wait_seconds` for a place is refused."""

    def __init__(self, most: int, wait_seconds: float) -> None:
        self._free = asyncio.Semaphore(most)
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def one(self, deadline: float) -> AsyncIterator[None]:
        """Holds a place; first come, first served. `deadline` is a time of the loop's clock.

        Raises:
            GeminiBusy: none became free in time.
        """
        longest_wait = asyncio.get_running_loop().time() + self._wait_seconds
        try:
            async with asyncio.timeout_at(min(longest_wait, deadline)):
                await self._free.acquire()
        except TimeoutError:
            raise GeminiBusy(retry_after_seconds=BUSY_RETRY_SECONDS) from None
        try:
            yield
        finally:
            self._free.release()
