"""A learner's day of the quota, and the refusals that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from cara.errors import LimitReached, Unprocessable

RESERVED_RETRY_SECONDS = 5.0
"""When to ask again if only reservations stand in the way: most calls end within this time."""


@dataclass(frozen=True)
class QuotaStatus:
    """A learner's day: tokens used, reserved for calls under way, the limit, and when it resets."""

    used: int
    reserved: int
    limit: int
    resets_at: datetime
    by_type: dict[str, int]

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used - self.reserved)


def _member(meaning: str, example: int | str, **schema: str) -> Mapping[str, Any]:
    """Returns the schema of a member of the refusal."""
    described = {"type": "integer", "description": f"With `quota_exceeded`: {meaning}."}
    return described | schema | {"examples": [example]}


def _refusal(needed: int, day: QuotaStatus, only_reserved: bool) -> str:
    anew = f"The quota begins anew at {day.resets_at:%Y-%m-%dT%H:%M:%SZ}."
    if only_reserved:
        return (
            f"This needs about {needed:,} tokens. {day.remaining:,} are left today, and {day.reserved:,} are "
            "reserved for requests under way. Please try again in a few seconds."
        )
    if day.used >= day.limit:
        return f"Today's tokens are used up. {anew}"
    return f"This needs about {needed:,} tokens, and {day.limit - day.used:,} are left today. {anew}"


class QuotaExceeded(LimitReached):
    """The day's tokens do not suffice; says what is needed, what is left, and when asking again can help.

    `needed` is the least that the call needs by an estimate. If it would fit but for what calls under way
    have reserved, asking again helps within seconds, otherwise when the day's quota begins anew.
    """

    code = "quota_exceeded"
    further_member_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "needed": _member("the tokens that this needs, by an estimate", 2_350),
        "remaining": _member("the tokens that are neither used nor reserved today", 1_180),
        "reserved": _member("the tokens that are reserved for requests under way", 0),
        "resetAt": _member(
            "when the day's quota begins anew", "2026-02-01T00:00:00Z", type="string", format="date-time"
        ),
    }

    def __init__(self, needed: int, day: QuotaStatus, now: datetime) -> None:
        only_reserved = day.used + needed <= day.limit
        wait = RESERVED_RETRY_SECONDS if only_reserved else (day.resets_at - now).total_seconds()
        super().__init__(_refusal(needed, day, only_reserved), retry_after_seconds=wait)
        self.needed = needed
        self.day = day

    @property
    def missing(self) -> int:
        """The tokens that are missing."""
        return self.needed - self.day.remaining

    def further_members(self) -> Mapping[str, int | str]:
        return {
            "needed": self.needed,
            "remaining": self.day.remaining,
            "reserved": self.day.reserved,
            "resetAt": f"{self.day.resets_at:%Y-%m-%dT%H:%M:%SZ}",
        }


class TooLongForQuota(Unprocessable):
    """One call alone is estimated at more tokens than a learner has on a whole day: waiting does not help."""

    code = "too_long_for_quota"
    detail = "This could take more tokens than you have on a whole day."

    def __init__(self, needed: int, daily_tokens: int) -> None:
        self.needed = needed
        self.limit = daily_tokens
        super().__init__(
            f"This could take {needed:,} tokens, more than the {daily_tokens:,} that you have on a "
            "whole day. Make it shorter, or ask for a higher limit."
        )

    @property
    def missing(self) -> int:
        """The tokens that are missing on any day."""
        return self.needed - self.limit
