"""The one retry rule for the database."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from cara.errors import Unavailable

RETRY_SECONDS = 10.0

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def retry_database(
    operation: Callable[Arguments, Awaitable[Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Decorates an operation to be repeated for `RETRY_SECONDS` while the database is away or busy.

    The operation has to be safe to repeat, also when it was committed and only the acknowledgement was lost.

    Raises:
        Unavailable: the database was away all the while.
    """

    @functools.wraps(operation)
    async def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            stop=stop_after_delay(RETRY_SECONDS),
            before_sleep=lambda _: logger.warning("%s waits for the database", operation.__qualname__),
            reraise=True,
        )
        return await attempts(operation, *args, **kwargs)

    return retried
