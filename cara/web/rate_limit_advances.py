"""What Redis has counted in advance, so that not every request of a busy client asks it.

A client who comes back within a second is given room for a few more requests of the same cost at once, a
hundredth of the limit at most. It is counted before it is used, so that all processes together never admit
more than the limit but by how far the window has moved meanwhile: `ADVANCE_PART` of it, for a hundredth of
the limit in each process. What is not used in that time is lost, and near the limit nothing is taken.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeAlias

from limits import RateLimitItem

SHARE: Final = 100
"""A hundredth of a limit is taken at once: of one below two hundred nothing is taken in advance."""

MOST: Final = 50
"""For so many requests room is taken at once, the present one included."""

BUSY_SECONDS: Final = 1.0
"""A client is busy who asks again within this time."""

ADVANCE_PART: Final = 1 / 12
"""The part of a window in which an advance must be used: 5 s of a minute."""

NEAR_ITS_LIMIT: Final = 5
"""A client is near its limit who has less than a fifth of it left."""

Key: TypeAlias = tuple[str, str]

MAX_CLIENTS: Final = 10_000


@dataclass(slots=True)
class _Advance:
    """What Redis said when it was asked last, and what is left of the room that it counted in advance."""

    asked_at: float = 0.0
    busy_until: float = float("-inf")
    remaining: int = 0
    reset_seconds: float = 0.0
    left: int = 0
    use_until: float = 0.0


class Advances:
    """The advances of this process by the names of limits and clients."""

    def __init__(self) -> None:
        self._advances: OrderedDict[Key, _Advance] = OrderedDict()

    def use(self, key: Key, cost: int) -> tuple[int, float] | None:
        """Uses room for the cost: how much remains, and the seconds until the window ends; None without."""
        advance = self._advances.get(key)
        if advance is None or not advance.left:
            return None
        now = time.monotonic()
        if now > advance.use_until:
            advance.left = 0
        if advance.left < cost:
            return None
        advance.left -= cost
        return advance.remaining + advance.left, advance.reset_seconds - (now - advance.asked_at)

    def wanted(self, key: Key, amount: int, cost: int) -> int:
        """Returns how much Redis shall count now under a limit of that amount: the cost, or a multiple."""
        advance = self._advances.get(key)
        if advance is None or advance.remaining < amount // NEAR_ITS_LIMIT:
            return cost
        if time.monotonic() > advance.busy_until:
            return cost
        advance.busy_until = float("-inf")  # who asks at the same time asks for one
        return cost * max(1, min(MOST, amount // SHARE // cost))

    def note(self, key: Key, limit: RateLimitItem, spare: int, remaining: int, reset_seconds: float) -> int:
        """Notes what Redis said after it counted so much in advance; returns how much remains."""
        if limit.amount < 2 * SHARE:
            return remaining
        advance = self._advances.setdefault(key, _Advance())
        self._advances.move_to_end(key)
        if len(self._advances) > MAX_CLIENTS:
            self._advances.popitem(last=False)
        now = time.monotonic()
        advance.asked_at, advance.busy_until = now, now + BUSY_SECONDS
        advance.remaining, advance.reset_seconds = remaining, reset_seconds
        if spare:
            advance.left += spare
            advance.use_until = now + min(limit.get_expiry() * ADVANCE_PART, reset_seconds)
        return remaining + advance.left
