"""SQL of the quota (the counter of each day, reservations, the ledger): one function a statement.

`settle` alone writes `quota_days.used` and the ledger. Every change of a counter is one statement that locks
one row of `quota_days`; used + reserved can therefore never pass the limit, however many calls come at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from cara.postgres.database import Connection, Record, one_row

_RESERVE = """
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
insert into quota_reservations (user_id, id, day, tokens, request_type, feature_type, expires_at)
select $1, $2, day, tokens, $7, $10, now() + make_interval(secs => $8) from counted, fitting
returning tokens
"""

_SETTLE = """
with deleted as (
    delete from quota_reservations where user_id = $1 and id = $2 returning day, tokens, feature_type
), target as (
    select coalesce((select day from deleted), $3::date) as day,
           coalesce((select tokens from deleted), 0) as reserved,
           (select feature_type from deleted) as feature_type
), entry as (
    insert into quota_usage
        (user_id, id, day, request_type, feature_type, model, tokens_used, input_tokens, output_tokens)
    select $1, $9, day, $4, feature_type, $5::text, $6::integer, $7::integer, $8::integer
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


@dataclass(frozen=True)
class NewReservation:
    """As many tokens of a day as fit under `limit`, from `least` to `most`.

    It expires after `keep_seconds` by PostgreSQL's clock, which all processes share. Unless it is `durable`,
    its transaction does not wait for the disk: should PostgreSQL itself crash within the next instants,
    counter and reservation are lost together; a settlement charges all the same.
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
    )
    return tokens


async def settle(
    connection: Connection,
    user_id: UUID,
    reservation_id: UUID,
    today: date,
    request_type: str,
    charge: tuple[str, int, int, int] | None,
    ledger_id: UUID,
) -> Record:
    """Releases a reservation and writes what the call cost: model, total, input and output tokens.

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
        *(charge or (None, None, None, None)),
        ledger_id,
    )


async def release_expired(connection: Connection) -> int:
    """Releases what crashes left behind; returns the number of reservations."""
    count: int = await connection.fetchval(
        """
        with deleted as (
            delete from quota_reservations where expires_at < now() returning user_id, day, tokens
        ), by_day as (
            select user_id, day, sum(tokens) as tokens, count(*) as reservations
            from deleted
            group by user_id, day
        ), released as (
            update quota_days
            set reserved = quota_days.reserved - by_day.tokens
            from by_day
            where quota_days.user_id = by_day.user_id and quota_days.day = by_day.day
            returning by_day.reservations
        )
        select coalesce(sum(reservations), 0)::int from released
        """
    )
    return count


async def release_expired_of_user(connection: Connection, user_id: UUID, day: date) -> int:
    """Releases what crashes left behind of a learner's day; returns the number of reservations.

    Reservations of live feedback jobs stay: the sweeper may just be late to prolong them. The caller's
    transaction may hold a lock on the day's row; therefore a reservation that another transaction is about to
    settle or release is skipped, not waited for.
    """
    count: int = await connection.fetchval(
        """
        with expired as (
            select id
            from quota_reservations
            where user_id = $1 and day = $2 and expires_at < now()
              and not exists (
                  select
                  from feedback_jobs
                  where feedback_jobs.user_id = $1 and reservation_id = quota_reservations.id
                    and status in ('queued', 'running')
              )
            for update skip locked
        ), deleted as (
            delete from quota_reservations
            using expired
            where quota_reservations.user_id = $1 and quota_reservations.id = expired.id
            returning tokens
        ), released as (
            update quota_days
            set reserved = reserved - (select sum(tokens) from deleted)
            where user_id = $1 and day = $2 and exists (select from deleted)
        )
        select count(*) from deleted
        """,
        user_id,
        day,
    )
    return count


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
