"""The quota of tokens: reserve an upper estimate before a call, settle to the true usage after it.

A day's quota is settled by `Quota.settle` and its statement `queries.settle`; nothing else charges tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, ClassVar, Self
from uuid import UUID

from cara.errors import LimitReached, Unprocessable
from cara.gemini.calls import GeminiUsage
from cara.postgres.database import Connection, new_id
from cara.quota import queries

Clock = Callable[[], datetime]
UTC_CLOCK: Clock = partial(datetime.now, UTC)


def midnight_after(moment: datetime) -> datetime:
    """Returns the next midnight UTC: when the quota begins anew."""
    return datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


class QuotaExceeded(LimitReached):
    """The day's tokens do not suffice; says until when."""

    code = "quota_exceeded"
    further_member_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "resetAt": {
            "type": "string",
            "format": "date-time",
            "description": "With `quota_exceeded`: when the day's quota begins anew.",
        }
    }

    def __init__(self, resets_at: datetime, now: datetime) -> None:
        super().__init__(
            f"Today's tokens are used up. The quota begins anew at {resets_at:%Y-%m-%dT%H:%M:%SZ}.",
            retry_after_seconds=(resets_at - now).total_seconds(),
        )
        self.resets_at = resets_at

    def further_members(self) -> Mapping[str, str]:
        return {"resetAt": f"{self.resets_at:%Y-%m-%dT%H:%M:%SZ}"}


class TooLongForQuota(Unprocessable):
    """One call alone is estimated at more tokens than a learner has on a whole day: waiting does not help."""

    code = "too_long_for_quota"
    detail = "This could take more tokens than you have on a whole day."

    def __init__(self, estimated_tokens: int, daily_tokens: int) -> None:
        super().__init__(
            f"This could take {estimated_tokens:,} tokens, more than the {daily_tokens:,} that you have on a "
            "whole day. Make it shorter, or ask for a higher limit."
        )


@dataclass(frozen=True)
class Reservation:
    """Tokens that are kept for one call."""

    id: UUID
    tokens: int


@dataclass(frozen=True)
class Charge:
    """What one call to Gemini cost, by Gemini's own count."""

    model: str
    input_tokens: int
    output_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, model: str, usage: GeminiUsage) -> Self | None:
        """Returns the charge for what Gemini counted, thinking as output; None when it counted nothing."""
        if not usage.total_tokens:
            return None
        output = usage.output_tokens + usage.thinking_tokens
        return cls(model, usage.prompt_tokens, output, usage.total_tokens)


@dataclass(frozen=True)
class SettledDay:
    """The day that a call was settled on, as it is afterwards; `is_new` unless it was settled before."""

    day: date
    used: int
    reserved: int
    is_new: bool


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


class Quota:
    """The quota of every learner; days are days in UTC, by `clock`. Reservations expire by PostgreSQL's.

    `own_limit` is a learner's own limit; None stands for the default.

    Used and reserved together never pass the limit by a reservation. What a call really cost is charged in
    full, also when it is more than was reserved for it: the reservation has to be an upper estimate.
    """

    def __init__(self, default_limit: int, clock: Clock = UTC_CLOCK) -> None:
        self._default_limit = default_limit
        self._clock = clock

    async def reserve(
        self,
        connection: Connection,
        user_id: UUID,
        least: int,
        most: int,
        request_type: str,
        *,
        own_limit: int | None,
        keep_seconds: float,
        feature_type: str | None = None,
        reservation_id: UUID | None = None,
        durable: bool = True,
    ) -> Reservation:
        """Reserves as many tokens as fit under today's limit, from `least` to `most`.

        They stay reserved for `keep_seconds` unless they are settled before; the ledger will record the
        `feature_type`. A reservation that is a transaction of its own, for a call of seconds, need not be
        `durable`. Before a refusal, what crashes left behind of the learner's day is released, and the
        reservation is tried once more.

        Raises:
            QuotaExceeded: not even the least fit under today's limit.
            TooLongForQuota: nor would they on any other day.
        """
        now = self._clock()
        limit = self._limit(own_limit)
        if least > limit:
            raise TooLongForQuota(least, limit)
        wanted = queries.NewReservation(
            user_id=user_id,
            id=reservation_id or new_id(),
            day=_day(now),
            least=least,
            most=most,
            limit=limit,
            request_type=request_type,
            keep_seconds=keep_seconds,
            durable=durable,
            feature_type=feature_type,
        )
        tokens = await queries.reserve(connection, wanted)
        if tokens is None:
            released = await queries.release_expired_of_user(connection, user_id, wanted.day)
            if released or least < most:
                tokens = await queries.reserve(connection, wanted)
        if tokens is None:
            raise QuotaExceeded(midnight_after(now), now)
        return Reservation(wanted.id, tokens)

    async def settle(
        self,
        connection: Connection,
        user_id: UUID,
        reservation_id: UUID,
        request_type: str,
        charge: Charge | None,
        *,
        ledger_id: UUID | None = None,
    ) -> SettledDay:
        """Releases the reservation and writes the true charge, if there is one: safe to repeat.

        The ledger's row has the reservation's id, or `ledger_id` where that names the call better. Belongs in
        one transaction with what the call was made for.
        """
        row = (
            (charge.model, charge.total_tokens, charge.input_tokens, charge.output_tokens) if charge else None
        )
        today = _day(self._clock())
        day = await queries.settle(
            connection, user_id, reservation_id, today, request_type, row, ledger_id or reservation_id
        )
        return SettledDay(**day)

    async def remaining_after(
        self, connection: Connection, user_id: UUID, own_limit: int | None, settled: SettledDay
    ) -> int:
        """Returns the tokens that are left today, after a call was settled."""
        today = _day(self._clock())
        used, reserved = settled.used, settled.reserved
        if settled.day != today:
            day = await queries.day_of_user(connection, user_id, today)
            used, reserved = (day["used"], day["reserved"]) if day else (0, 0)
        return max(0, self._limit(own_limit) - used - reserved)

    async def status(self, connection: Connection, user_id: UUID, own_limit: int | None) -> QuotaStatus:
        """Returns the learner's day so far."""
        now = self._clock()
        today = await queries.status_of_user(connection, user_id, _day(now))
        return QuotaStatus(**today, limit=self._limit(own_limit), resets_at=midnight_after(now))

    def _limit(self, own_limit: int | None) -> int:
        return self._default_limit if own_limit is None else own_limit


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
