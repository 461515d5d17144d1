"""SQL of the quota (the counter of each day, reservations, the ledger): one function a statement.

Every change of a counter is one statement that locks one row of `quota_days`; used + reserved can therefore
never pass the limit by a reservation, however many calls come at once. The ledger's row of a call has the id
of its reservation: whoever charges the call, and however often, it is charged once.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import date
from typing import Final, Self
from uuid import UUID

from cara.gemini.calls import GeminiUsage
from cara.postgres.database import Connection, Record, one_row
from cara.quota.spending_queries import Sent

_RESERVE: Final = """
with today as (
    select used + reserved as taken
    from quota_days
    where user_id = $1 and day = $3
    for update
), fitting as (
    select least($5::bigint, $6::bigint - coalesce((select taken from today), 0)) as tokens
    from set_config(
        'synchronous_commit',
        case when $9 then current_setting('synchronous_commit') else 'off' end,
        true
    )
), counted as (
    insert into quota_days as days (user_id, day, reserved)
    select $1, $3, tokens from fitting where tokens >= $4::bigint
    on conflict (user_id, day) do update
    set reserved = days.reserved + excluded.reserved
    where days.used + days.reserved + excluded.reserved <= $6
    returning day
)
insert into quota_reservations
    (user_id, id, day, tokens, request_type, feature_type, expires_at, model, input_tokens, output_tokens)
select $1, $2, day, tokens, $7, $10, now() + make_interval(secs => $8), $11::text, $12::integer,
       case when $11 is not null then 0 end
from counted, fitting
returning tokens
"""

_SETTLE: Final = """
with deleted as (
    delete from quota_reservations where user_id = $1 and id = $2 returning day, tokens, feature_type
), target as (
    select coalesce((select day from deleted), $3::date) as day,
           coalesce((select tokens from deleted), 0) as reserved
), entry as (
    insert into quota_usage
        (user_id, id, day, request_type, feature_type, model, tokens_used, input_tokens, output_tokens)
    select $1, $2, day, $4, (select feature_type from deleted),
           $5::text, $8::integer, $6::integer, $7::integer
    from target
    where $5::text is not null
    on conflict (user_id, id) do nothing
    returning tokens_used
)
insert into quota_days as days (user_id, day, used)
select $1, day, coalesce((select tokens_used from entry), 0) from target
on conflict (user_id, day) do update
set used = days.used + excluded.used,
    reserved = days.reserved - (select reserved from target)
returning day, used, reserved, exists (select from entry) as is_new
"""

_RAISE: Final = """
with entry as (
    select day from quota_usage where user_id = $1 and id = $2
), locked as (
    select days.day
    from quota_days as days
    join entry using (day)
    where user_id = $1
    for update of days
), before as (
    select usage.id, usage.tokens_used
    from quota_usage as usage
    join locked using (day)
    where usage.user_id = $1 and usage.id = $2
    for update of usage
), raised as (
    update quota_usage as usage
    set tokens_used = $3, input_tokens = $4, output_tokens = $5
    from before
    where usage.user_id = $1 and usage.id = before.id and before.tokens_used < $3::integer
    returning usage.day, $3::integer - before.tokens_used as growth
)
update quota_days as days
set used = days.used + raised.growth
from raised
where days.user_id = $1 and days.day = raised.day
returning days.day, days.used, days.reserved
"""


@dataclass(frozen=True)
class Charge:
    """What one call to Gemini cost: as Gemini counted, or by an estimate where it told nothing."""

    model: str
    input_tokens: int
    output_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, model: str, usage: GeminiUsage) -> Self | None:
        """Returns the charge for a call's usage, thinking as output; None when it cost nothing."""
        if not usage.total_tokens:
            return None
        output = usage.output_tokens + usage.thinking_tokens
        return cls(model, usage.prompt_tokens, output, usage.total_tokens)


@dataclass(frozen=True)
class NewReservation:
    """As many tokens of a day as fit under `limit`, from `least` to `most`.

    It expires after `keep_seconds` by PostgreSQL's clock, which all processes share. Unless it is `durable`,
    its transaction does not wait for the disk: should PostgreSQL itself crash within the next instants,
    counter and reservation are lost together; a settlement charges all the same. `sent` records the call in
    advance, if it is sent right after.
    """

    user_id: UUID
    id: UUID
    day: date
    least: int
    most: int
    limit: int
    request_type: str
    keep_seconds: float
    durable: bool
    feature_type: str | None
    sent: Sent | None


async def reserve(connection: Connection, wanted: NewReservation) -> int | None:
    """Counts the tokens as reserved and returns how many; None if too few fit.

    The statement reads the day's row under its lock. Where there is no row yet, of calls that come at the
    same instant the first one inserts it, and the others are measured against it with what they would have
    got alone: for those that want less than `most` too, asking once more gives the true answer.
    """
    tokens: int | None = await connection.fetchval(
        _RESERVE,
        wanted.user_id,
        wanted.id,
        wanted.day,
        wanted.least,
        wanted.most,
        wanted.limit,
        wanted.request_type,
        wanted.keep_seconds,
        wanted.durable,
        wanted.feature_type,
        wanted.sent.model if wanted.sent else None,
        wanted.sent.input_tokens if wanted.sent else None,
    )
    return tokens


async def settle(
    connection: Connection,
    user_id: UUID,
    reservation_id: UUID,
    today: date,
    request_type: str,
    charge: Charge | None,
) -> Record:
    """Releases a reservation and writes what the call cost.

    The ledger's row counts on the reservation's day, if the reservation still exists, else on `today`; both
    halves happen at most once, however often this is repeated. Without a charge nothing is written into the
    ledger. Returns the day as it is now, and whether the charge `is_new` or was written before.
    """
    return await one_row(
        connection,
        _SETTLE,
        user_id,
        reservation_id,
        today,
        request_type,
        *(astuple(charge) if charge else (None, None, None, None)),
    )


async def raise_charge(
    connection: Connection, user_id: UUID, reservation_id: UUID, charge: Charge
) -> Record | None:
    """Raises a charge in the ledger, and its day's counter by the difference; None unless it was lower.

    The locks make the difference true also for two that raise the same charge at the same instant. The day is
    locked first: a transaction that settles before it raises has locked it already.
    """
    return await connection.fetchrow(
        _RAISE, user_id, reservation_id, charge.total_tokens, charge.input_tokens, charge.output_tokens
    )


async def day_of_user(connection: Connection, user_id: UUID, day: date) -> Record | None:
    """Returns what is used and reserved on a day."""
    return await connection.fetchrow(
        "select used, reserved from quota_days where user_id = $1 and day = $2", user_id, day
    )


async def status_of_user(connection: Connection, user_id: UUID, day: date) -> Record:
    """Returns what is used and reserved on a day, and its ledger by request type: as of one moment."""
    return await one_row(
        connection,
        """
        with counted as (
            select used, reserved from quota_days where user_id = $1 and day = $2
        ), by_type as (
            select request_type, sum(tokens_used) as tokens
            from quota_usage
            where user_id = $1 and day = $2
            group by request_type
        )
        select coalesce((select used from counted), 0) as used,
               coalesce((select reserved from counted), 0) as reserved,
               (select coalesce(jsonb_object_agg(request_type, tokens), '{}') from by_type) as by_type
        """,
        user_id,
        day,
    )
