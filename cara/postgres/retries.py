"""The one retry rule: what must be done although the database is away or busy for a while."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from cara.postgres.errors import DatabaseTrouble

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

RETRY_SECONDS = 10.0
"""How long `retry_database` repeats an operation while the database is away or busy."""

SAVE_SECONDS = 120.0
"""The same for `retry_saving`: longer than PostgreSQL takes to start again or to fail over."""


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
        return await _attempts(RETRY_SECONDS)(operation, *args, **kwargs)

    return retried


def retry_saving(
    operation: Callable[Arguments, Awaitable[Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Decorates as `retry_database` does, for `SAVE_SECONDS`: for what is paid for and would be lost."""

    @functools.wraps(operation)
    async def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await _attempts(SAVE_SECONDS)(operation, *args, **kwargs)

    return retried


def _attempts(seconds: float) -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type(DatabaseTrouble),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(seconds),
        reraise=True,
    )
