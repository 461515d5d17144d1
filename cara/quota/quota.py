"""The quota of tokens: reserve what a call may cost before it is sent, settle to the true usage after it.

A day's quota is settled by `Quota.settle`. What a process that died could not settle is closed as it was
recorded (`cara/quota/spending_queries.py`); nothing else charges tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from uuid import UUID

from cara.postgres.database import Connection, new_id
from cara.quota import queries, spending_queries
from cara.quota.errors import QuotaExceeded, QuotaStatus, TooLongForQuota
from cara.quota.queries import Charge
from cara.quota.spending_queries import Sent

Clock = Callable[[], datetime]
UTC_CLOCK: Clock = partial(datetime.now, UTC)


def midnight_after(moment: datetime) -> datetime:
    """Returns the next midnight UTC: when the quota begins anew."""
    return datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


@dataclass(frozen=True)
class Reservation:
    """Tokens that are kept for one call."""

    id: UUID
    tokens: int


@dataclass(frozen=True)
class SettledDay:
    """The day that a call was settled on, as it is afterwards; `is_new` unless it was settled before."""

    day: date
    used: int
    reserved: int
    is_new: bool


class Quota:
    """The quota of every learner; days are days in UTC, by `clock`. Reservations expire by PostgreSQL's.

    `own_limit` is a learner's own limit; None stands for the default.

    Used and reserved together never pass the limit by a reservation. What a call really cost is charged in
    full, also when it is more than was reserved for it: whoever reserves has to leave a margin.
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
        sent: Sent | None = None,
    ) -> Reservation:
        """Reserves as many tokens as fit under today's limit, from `least` to `most`.

        They stay reserved for `keep_seconds` unless they are settled before; the ledger will record the
        `feature_type`. A reservation that is a transaction of its own, for a call of seconds, need not be
        `durable`. With `sent` the call is recorded as sent already.

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
            sent=sent,
        )
        tokens = await _reserve(connection, wanted)
        if tokens is None:
            raise QuotaExceeded(least, await self._status(connection, user_id, limit, now), now)
        return Reservation(wanted.id, tokens)

    async def settle(
        self,
        connection: Connection,
        user_id: UUID,
        reservation_id: UUID,
        request_type: str,
        charge: Charge | None,
    ) -> SettledDay:
        """Releases the reservation and writes the true charge, if there is one: safe to repeat.

        A call that is charged again, because its process was only thought to be dead, is charged the higher
        of the two. Belongs in one transaction with what the call was made for.
        """
        today = _day(self._clock())
        row = await queries.settle(connection, user_id, reservation_id, today, request_type, charge)
        day = SettledDay(**row)
        if charge is None or day.is_new:
            return day
        raised = await queries.raise_charge(connection, user_id, reservation_id, charge)
        return SettledDay(**raised, is_new=False) if raised else day

    async def close_as_recorded(self, connection: Connection, user_id: UUID, reservation_id: UUID) -> None:
        """Closes the reservation of a call whose process died: charged as it was recorded."""
        await spending_queries.close(connection, [(user_id, reservation_id)], only_expired=False)

    async def close_expired(self, connection: Connection) -> int:
        """Closes what crashes left behind, as it was recorded; returns the number of reservations."""
        expired = await spending_queries.expired_reservations(connection)
        return await spending_queries.close(connection, expired)

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
        return await self._status(connection, user_id, self._limit(own_limit), self._clock())

    async def _status(self, connection: Connection, user_id: UUID, limit: int, now: datetime) -> QuotaStatus:
        today = await queries.status_of_user(connection, user_id, _day(now))
        return QuotaStatus(**today, limit=limit, resets_at=midnight_after(now))

    def _limit(self, own_limit: int | None) -> int:
        return self._default_limit if own_limit is None else own_limit


async def _reserve(connection: Connection, wanted: queries.NewReservation) -> int | None:
    """Returns the reserved tokens; before a refusal, closes what crashes left behind and tries once more."""
    tokens = await queries.reserve(connection, wanted)
    if tokens is None:
        expired = await spending_queries.expired_reservations_of_user(connection, wanted.user_id, wanted.day)
        closed = await spending_queries.close(connection, expired)
        if closed or wanted.least < wanted.most:
            tokens = await queries.reserve(connection, wanted)
    return tokens


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
