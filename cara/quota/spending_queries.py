"""SQL of what calls under way have cost so far, recorded in their reservations: one function a statement.

A process that dies leaves these records behind. Whoever closes such a reservation charges what it says. The
records do not wait for the disk: PostgreSQL may lose the last of them if it crashes itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from cara.postgres.database import Connection

_CLOSE: Final = """
with chosen as (
    select quota_reservations.user_id, quota_reservations.id
    from quota_reservations
    join unnest($1::uuid[], $2::uuid[]) as given (user_id, id) using (user_id, id)
    where expires_at < now() or not $3
    for update of quota_reservations skip locked
), deleted as (
    delete from quota_reservations
    using chosen
    where quota_reservations.user_id = chosen.user_id and quota_reservations.id = chosen.id
    returning quota_reservations.user_id, quota_reservations.id, day, tokens, request_type, feature_type,
              model, input_tokens, output_tokens
), entries as (
    insert into quota_usage
        (user_id, id, day, request_type, feature_type, model, tokens_used, input_tokens, output_tokens)
    select user_id, id, day, request_type, feature_type, model,
           least(input_tokens::bigint + output_tokens, 2147483647), input_tokens, output_tokens
    from deleted
    where model is not null
    on conflict (user_id, id) do nothing
    returning user_id, id, tokens_used
), by_day as (
    select user_id, day, sum(tokens) as tokens, coalesce(sum(tokens_used), 0) as used,
           count(*) as reservations
    from deleted
    left join entries using (user_id, id)
    group by user_id, day
), locked as (
    select user_id, day, tokens, by_day.used, reservations
    from by_day
    join quota_days using (user_id, day)
    order by user_id, day
    for update of quota_days
), closed as (
    update quota_days
    set reserved = quota_days.reserved - locked.tokens, used = quota_days.used + locked.used
    from locked
    where quota_days.user_id = locked.user_id and quota_days.day = locked.day
    returning locked.reservations
)
select coalesce(sum(reservations), 0)::int from closed
"""


@dataclass(frozen=True)
class Sent:
    """A call that is sent: its model, and the tokens of its prompt by an estimate."""

    model: str
    input_tokens: int


async def record_sending(connection: Connection, user_id: UUID, reservation_id: UUID, sent: Sent) -> bool:
    """Records that the call of a reservation is sent; returns whether the reservation exists."""
    found: bool | None = await connection.fetchval(
        """
        update quota_reservations
        set model = $3, input_tokens = $4, output_tokens = 0
        from set_config('synchronous_commit', 'off', true)
        where user_id = $1 and id = $2
        returning true
        """,
        user_id,
        reservation_id,
        sent.model,
        sent.input_tokens,
    )
    return bool(found)


async def withdraw_sending(connection: Connection, user_id: UUID, reservation_id: UUID) -> None:
    """Records that what was sent for a reservation, if anything, is not billed."""
    await connection.execute(
        """
        update quota_reservations
        set model = null, input_tokens = null, output_tokens = null
        from set_config('synchronous_commit', 'off', true)
        where user_id = $1 and id = $2 and model is not null
        """,
        user_id,
        reservation_id,
    )


async def record_spending(connection: Connection, spent: list[tuple[UUID, UUID, int, int]]) -> None:
    """Records what calls under way have cost so far: user, reservation, input and output tokens of each."""
    await connection.execute(
        """
        update quota_reservations
        set input_tokens = spent.input_tokens, output_tokens = spent.output_tokens
        from set_config('synchronous_commit', 'off', true),
             unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[])
                 as spent (user_id, id, input_tokens, output_tokens)
        where quota_reservations.user_id = spent.user_id and quota_reservations.id = spent.id
          and model is not null
        """,
        *(list(column) for column in zip(*spent, strict=True)),
    )


async def expired_reservations(connection: Connection) -> list[tuple[UUID, UUID]]:
    """Returns user and id of what crashes left behind."""
    rows = await connection.fetch("select user_id, id from quota_reservations where expires_at < now()")
    return [tuple(row) for row in rows]


async def expired_reservations_of_user(
    connection: Connection, user_id: UUID, day: date
) -> list[tuple[UUID, UUID]]:
    """Returns user and id of what crashes left behind of a learner's day.

    Reservations of live feedback jobs are left out: the sweeper may just be late to prolong them.
    """
    rows = await connection.fetch(
        """
        select user_id, id
        from quota_reservations
        where user_id = $1 and day = $2 and expires_at < now()
          and not exists (
              select
              from feedback_jobs
              where feedback_jobs.user_id = $1 and reservation_id = quota_reservations.id
                and status in ('queued', 'running')
          )
        """,
        user_id,
        day,
    )
    return [tuple(row) for row in rows]


async def close(
    connection: Connection, reservations: Sequence[tuple[UUID, UUID]], *, only_expired: bool = True
) -> int:
    """Closes reservations, given by user and id, charged as recorded; returns their number.

    With `only_expired` those are left that were prolonged meanwhile. A reservation that another transaction
    is about to settle or close is skipped, not waited for: the caller may hold a lock on the day's row that
    the other one waits for. Days are locked in one order, so that two of these never wait for each other.
    """
    if not reservations:
        return 0
    users, ids = map(list, zip(*reservations, strict=True))
    count: int = await connection.fetchval(_CLOSE, users, ids, only_expired)
    return count
