"""How much of large bodies may be on its way at once: memory is bounded however slowly they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

from cara.thread_pool import QueueFull, ShareUsed

MOST_BYTES: Final = 64 * 1024 * 1024
SHARE_BYTES: Final = 8 * 1024 * 1024
"""Of one caller."""


class ReceivingRoom:
    """The bytes that large bodies take until they have arrived, counted by the length that they announce.

    When there is no more room, a fourth remains for callers from whom nothing is on its way.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES, share_bytes: int = SHARE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._share_bytes = share_bytes
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def take(self, caller: Hashable, size: int) -> Iterator[None]:
        """Takes room for a body for the length of the block.

        Raises:
            ShareUsed: the caller has used its share.
            QueueFull: there is no room.
        """
        mine, taken = self._taken[caller], self._taken.total()
        if mine + size > self._share_bytes:
            raise ShareUsed
        if taken + size > self._most_bytes + (0 if mine else self._most_bytes // 4):
            raise QueueFull(1)
        self._taken[caller] += size
        try:
            yield
        finally:
            self._taken[caller] -= size
            if not self._taken[caller]:
                del self._taken[caller]
