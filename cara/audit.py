"""The audit trail: who did what with an account, from where.

`docs/audit.md` says what each action means and what its entry holds. No entry holds a password, a token, a
value of the profile, or text that somebody typed into a form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

from cara.postgres.database import Connection, Record, new_id
from cara.web.client_info import ClientInfo

OfAccount = Literal[
    "registered",
    "registration_refused",
    "signed_in",
    "sign_in_failed",
    "sign_in_refused",
    "refreshed",
    "refresh_reused",
    "refresh_mixed_owners",
    "family_ended_for_room",
    "signed_out",
    "signed_out_everywhere",
    "reauthenticated",
    "reauthentication_failed",
    "password_changed",
    "password_change_failed",
    "profile_changed",
    "exported",
    "deleted",
    "admin_denied",
]
"""What happens to an account by itself. Of one action a user has `HOURLY_ENTRIES` entries an hour."""

OfAdministration = Literal["made_admin", "removed_admin", "quota_set", "admin_read"]
"""What operators and administrators do: an entry each time, which outlives its account under a pseudonym."""

Action = Literal[OfAccount, OfAdministration]

HOURLY_ENTRIES: Final = 60
"""Further ones are counted in the newest: no client can fill the disk by repeating an action."""

SYSTEM = ClientInfo()
"""The client of what an operator does at a terminal rather than through a request."""

Detail = str | int | bool | list[str]


async def record(
    connection: Connection,
    action: Action,
    client: ClientInfo,
    user_id: UUID | None = None,
    **details: Detail,
) -> None:
    """Writes one entry, in the connection's transaction if there is one; that of an operator says so in `by`.

    An entry that must be kept although the request is refused belongs on a connection of its own. Once the
    user has `HOURLY_ENTRIES` of this action within an hour, the newest of them counts it in `repeated`.
    The statement locks the user against deletion, or finds that the user is gone, and then says neither whose
    entry it is nor from where: no personal data outlives its account.
    """
    await _insert_or_count(
        connection,
        action,
        client,
        user_id,
        {**details, "by": "operator"} if client == SYSTEM else details,
        0 if action in get_args(OfAdministration) else HOURLY_ENTRIES,
    )


async def _insert_or_count(
    connection: Connection,
    action: Action,
    client: ClientInfo,
    user_id: UUID | None,
    details: Mapping[str, Detail],
    hourly_entries: int,
) -> None:
    """Inserts an entry, or counts it in the newest of so many within an hour; 0 always inserts.

    Locks the user before the entry, as a deletion does.
    """
    await connection.execute(
        """
        with owner as (
            select id from users where id = $2 for key share
        ), recent as (
            select id, created_at
            from audit_log
            where user_id = (select id from owner) and action = $3 and created_at > now() - interval '1 hour'
            order by created_at desc, id desc
            limit $8
        ), counted as (
            update audit_log
            set details = details
                || jsonb_build_object('repeated', coalesce((details ->> 'repeated')::integer, 0) + 1)
            where id = (select id from recent order by created_at desc, id desc limit 1)
              and (select count(*) from recent) = $8
            returning id
        )
        insert into audit_log (id, user_id, action, address, user_agent, request_id, details)
        select $1, (select id from owner), $3, case when kept then $4::inet end,
               case when kept then $5::text end, $6, $7
        from (select $2::uuid is null or exists (select from owner) as kept) as client
        where not exists (select from counted)
        """,
        new_id(),
        user_id,
        action,
        client.address,
        client.user_agent,
        client.request_id,
        details,
        hourly_entries,
    )


def pseudonym(user_id: UUID) -> str:
    """Returns what stands for a deleted account in its trail.

    Whoever still has the id finds the trail by it. The other way leads nowhere: an id has more random bits
    than can be tried.
    """
    return hashlib.sha256(f"cara account {user_id}".encode()).hexdigest()[:32]


async def page_of_entries(
    connection: Connection, user_id: UUID, after: UUID | None, limit: int
) -> tuple[list[Record], UUID | None]:
    """Returns a user's entries after the given one, newest first, and the cursor of the next page, if any."""
    rows = await _entries_of_user(connection, user_id, after, limit + 1)
    return rows[:limit], rows[limit - 1]["id"] if len(rows) > limit else None


async def _entries_of_user(
    connection: Connection, user_id: UUID, after: UUID | None, limit: int
) -> list[Record]:
    """Walks the index (user_id, created_at)."""
    return await connection.fetch(
        """
        select id, action, host(address) as address, user_agent, request_id, details, created_at
        from audit_log
        where user_id = $1
          and ($2::uuid is null
               or (created_at, id) < (select created_at, id from audit_log where id = $2 and user_id = $1))
        order by created_at desc, id desc
        limit $3
        """,
        user_id,
        after,
        limit,
    )


async def anonymize(connection: Connection, user_id: UUID) -> None:
    """Deletes the entries of a deleted user, but for those of administration: they get the pseudonym instead.

    An administrator cannot hide what they read by deleting their account.
    """
    await _delete_entries_of_account(connection, user_id)
    await _anonymize_entries(connection, user_id)


async def _delete_entries_of_account(connection: Connection, user_id: UUID) -> None:
    await connection.execute(
        "delete from audit_log where user_id = $1 and action <> all($2::text[])",
        user_id,
        get_args(OfAdministration),
    )


async def _anonymize_entries(connection: Connection, user_id: UUID) -> None:
    await connection.execute(
        """
        update audit_log
        set user_id = null, address = null, user_agent = null,
            details = details || jsonb_build_object('account', $2::text)
        where user_id = $1
        """,
        user_id,
        pseudonym(user_id),
    )


async def delete_entries_before(connection: Connection, moment: datetime, limit: int) -> int:
    """Deletes at most `limit` of the oldest entries; returns how many there were."""
    deleted = await connection.fetch(
        """
        delete from audit_log
        where id = any(array(select id from audit_log where created_at < $1 order by created_at limit $2))
        returning true
        """,
        moment,
        limit,
    )
    return len(deleted)
