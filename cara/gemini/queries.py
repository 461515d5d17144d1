"""SQL of the quota: the counter of each day, reservations, and the ledger. One function a statement.

Every change of a counter is a single statement that locks one row of `quota_days`; used + reserved can
therefore never pass the limit, however many calls come at once.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from cara.database import Connection, Record

_RESERVE = """
with standing as (
    select used + reserved as taken
    from quota_days
    where user_id = $1 and day = $3
    for update
), fitting as (
    select least($5::bigint, $6::bigint - coalesce((select taken from standing), 0)) as tokens
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
insert into quota_reservations (user_id, id, day, tokens, request_type, expires_at)
select $1, $2, day, tokens, $7, $8 from counted, fitting
returning tokens
"""

_SETTLE = """
with gone as (
    delete from quota_reservations where user_id = $1 and id = $2 returning day, tokens
), target as (
    select coalesce((select day from gone), $3::date) as day,
           coalesce((select tokens from gone), 0) as reserved
), entry as (
    insert into quota_usage
        (user_id, id, day, request_type, model, tokens_used, input_tokens, output_tokens)
    select $1, $2, day, $4, $5::text, $6::integer, $7::integer, $8::integer
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
returning day, used, reserved, exists (select from entry) as new
"""


async def reserve(
    connection: Connection,
    user_id: UUID,
    reservation_id: UUID,
    day: date,
    least: int,
    most: int,
    limit: int,
    request_type: str,
    expires_at: datetime,
    durable: bool,
) -> int | None:
    """Counts as many tokens as reserved as fit under the limit, from `least` to `most`; None if too few do.

    Unless `durable`, the transaction does not wait for the disk. Should PostgreSQL itself crash within the
    next instants, counter and reservation are forgotten together; a settlement charges all the same.

    What the day's row says is read under its lock. Where there is no row yet, of calls that come at the same
    instant the first makes it, and the others are measured against it with what they would have got alone:
    for those that want less than `most` too, asking once more tells the truth.
    """
    reserved: int | None = await connection.fetchval(
        _RESERVE,
        user_id,
        reservation_id,
        day,
        least,
        most,
        limit,
        request_type,
        expires_at,
        durable,
    )
    return reserved


async def settle(
    connection: Connection,
    user_id: UUID,
    reservation_id: UUID,
    today: date,
    request_type: str,
    charge: tuple[str, int, int, int] | None,
) -> Record:
    """Gives a reservation back and writes what the call cost: model, total, input and output tokens.

    The ledger's row has the reservation's id, and counts on the reservation's day; both halves happen at
    most once, however often this is repeated. Without a charge nothing is written into the ledger. Gives
    the day as it stands now, and whether the charge is `new` or was written before.
    """
    return await connection.fetchrow(  # type: ignore[return-value]
        _SETTLE,
        user_id,
        reservation_id,
        today,
        request_type,
        *(charge or (None, None, None, None)),
    )


async def release_expired(connection: Connection) -> int:
    """Gives back what crashes left behind; the number of reservations."""
    count: int = await connection.fetchval(
        """
        with gone as (
            delete from quota_reservations where expires_at < now() returning user_id, day, tokens
        ), by_day as (
            select user_id, day, sum(tokens) as tokens, count(*) as reservations
            from gone
            group by user_id, day
        ), given_back as (
            update quota_days
            set reserved = quota_days.reserved - by_day.tokens
            from by_day
            where quota_days.user_id = by_day.user_id and quota_days.day = by_day.day
            returning by_day.reservations
        )
        select coalesce(sum(reservations), 0)::int from given_back
        """
    )
    return count


async def day_of_user(connection: Connection, user_id: UUID, day: date) -> Record | None:
    """What is used and reserved on a day."""
    return await connection.fetchrow(
        "select used, reserved from quota_days where user_id = $1 and day = $2", user_id, day
    )


async def usage_by_type(connection: Connection, user_id: UUID, day: date) -> list[Record]:
    """Tokens of a day's ledger, by request type."""
    return await connection.fetch(
        """
        select request_type, sum(tokens_used)::int as tokens_used
        from quota_usage
        where user_id = $1 and day = $2
        group by request_type
        order by request_type
        """,
        user_id,
        day,
    )
