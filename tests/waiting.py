"""Waiting for what other tasks and processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

PATIENCE_SECONDS: Final = 60
"""Only ends a test that hangs: what a test waits for comes long before, on a slow machine too."""


def patience() -> asyncio.Timeout:
    """`async with patience():` bounds a block that waits for something which may never come."""
    return asyncio.timeout(PATIENCE_SECONDS)


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What a look gives as soon as it gives something."""
    async with patience():
        while not (found := await look()):
            await asyncio.sleep(0.02)
    return found
