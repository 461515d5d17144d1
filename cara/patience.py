"""Trying again what the database could not do just now."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from cara.errors import Unavailable

TRYING_SECONDS = 10.0

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


async def patiently(what: str, work: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
    """Does some work with the database, again and again for `TRYING_SECONDS` while that is away or busy.

    The work has to be safe to repeat, also when it was done and only the acknowledgement was lost.

    Raises:
        Unavailable: the database was away all the while.
    """
    trying = AsyncRetrying(
        retry=retry_if_exception_type(Unavailable),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(TRYING_SECONDS),
        before_sleep=lambda _: logger.warning("%s waits for the database", what),
        reraise=True,
    )
    return await trying(work, *arguments)
