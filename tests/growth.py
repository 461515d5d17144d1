"""How the time of some work grows with its text, measured as a ratio, which is the same on every machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from timeit import Timer

TIMES_LONGER = 8
MOST_TIMES_SLOWER = 24
"""Linear work takes 8 times as long for a text that is 8 times longer, quadratic work 64 times."""

ROUNDS = 5


def grows_linearly(work: Callable[[str], object], text: str) -> bool:
    """Whether the work takes about eight times as long for the text as for its first eighth.

    The quickest of some rounds count, for whatever else the machine does only ever adds. One round is enough
    when it says yes: a machine makes linear work look quadratic now and then, but not the reverse.
    """
    part = text[: len(text) // TIMES_LONGER]
    work(part)  # loads what it needs only once
    quickest = {part: float("inf"), text: float("inf")}
    for _ in range(ROUNDS):
        for each in quickest:
            quickest[each] = min(quickest[each], _processor_seconds(work, each))
        if quickest[text] < MOST_TIMES_SLOWER * quickest[part]:
            return True
    return False


def _processor_seconds(work: Callable[[str], object], text: str) -> float:
    """Without garbage collection, which depends on what other tests have left."""
    return Timer(lambda: work(text), timer=time.thread_time).timeit(1)
