"""Why a job fails, in words that are kept with it, and how long an attempt that failed is waited for."""

from __future__ import annotations

import math
import random

from cara.errors import CaraError

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0


class WriteFailed(CaraError):
    code = "internal_error"
    detail = "Something went wrong while the feedback was written."


class GeminiAwayForLong(CaraError):
    """Gemini can be asked again, but not soon."""

    code = "gemini_unavailable"

    def __init__(self, seconds: float) -> None:
        minutes = math.ceil(seconds / 60)
        wait = f"{minutes} minutes" if minutes < 120 else f"{math.ceil(minutes / 60)} hours"
        super().__init__(
            f"Gemini is taking no more requests for now. Please ask for feedback again in {wait}.",
            retry_after_seconds=seconds,
        )


def backoff_seconds(failures: int, retry_after_seconds: float | None) -> float:
    """Exponential back-off with jitter (half to whole of 1, 2, 4 … 60 s), never sooner than was asked for."""
    delay = min(math.ldexp(FIRST_DELAY_SECONDS, failures - 1), LONGEST_DELAY_SECONDS)
    return max(delay * random.uniform(0.5, 1), retry_after_seconds or 0)


def problem_of(error: CaraError) -> dict[str, str]:
    """How an error is kept with the job."""
    return {"code": error.code, "detail": error.detail}
