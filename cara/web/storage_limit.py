"""How many bytes a learner may have Cara store within a day, whatever they are.

What is stored counts as it is written: text that replaces other text counts anew, and what is deleted is not
given back. Counted like requests are, by a sliding window in Redis, or in each process while Redis is away: a
counter that is lost costs some disk at worst, and one in PostgreSQL would itself write a row for each write.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from limits import RateLimitItemPerDay
from redis.asyncio import Redis

from cara.errors import LimitReached
from cara.observability.metrics import REQUESTS_REFUSED
from cara.web.rate_limit_counter import RequestCounter

ROW_BYTES: Final = 1_024
"""What a row costs beside its text, with its indexes: so many small requests are bounded as well."""

_NAME: Final = "storage"


class StorageLimitReached(LimitReached):
    code = "storage_limit_reached"
    detail = "You have stored as much as you may within 24 hours. Please go on later."


class StorageLimit:
    """Counts what learners store, and refuses what is too much."""

    def __init__(self, redis: Redis, bytes_per_day: int) -> None:
        self._limit = RateLimitItemPerDay(bytes_per_day)
        self._counter = RequestCounter(redis)

    async def count(self, user_id: UUID, stored_bytes: int, *, rows: int = 1) -> None:
        """Counts rows that are about to be stored with so many bytes in all, as they were sent.

        What is refused is not counted: of requests at the same moment as many pass as there is room for.

        Raises:
            StorageLimitReached: the learner would have stored more than they may within 24 hours.
        """
        cost = stored_bytes + rows * ROW_BYTES
        state = await self._counter.count(self._limit, _NAME, str(user_id), cost)
        if not state.admitted:
            REQUESTS_REFUSED.labels(_NAME).inc()
            raise StorageLimitReached(retry_after_seconds=state.retry_after_seconds)
