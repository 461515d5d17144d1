"""SQL of users as they register and sign in, and of failed sign-ins: one function a statement.

Refresh families and their tokens are in `refresh_queries`.
"""

from __future__ import annotations

from uuid import UUID

from cara.postgres.database import Connection, Record, one_row


async def insert_user(
    connection: Connection, user_id: UUID, email: str, name: str, role: str | None, password_hash: str
) -> Record | None:
    """Returns the new user; None if the email, in whatever case, is taken."""
    return await connection.fetchrow(
        """
        insert into users (id, email, name, role, password_hash)
        values ($1, $2, $3, $4, $5)
        on conflict (lower(email)) do nothing
        returning id, email, name, role, password_hash, timezone, level, xp, streak,
                  last_practice_at, created_at
        """,
        user_id,
        email,
        name,
        role,
        password_hash,
    )


async def user_for_sign_in(
    connection: Connection, email: str, network: str | None, address_key: bytes, account_key: bytes
) -> Record:
    """Returns what an attempt to sign in is judged by, in one row even if no user has the email.

    `id` and `password_hash` are null if there is no such user. `familiar` says whether the user signed in
    from the network within 30 days. The failures are those of `recent_failures`.
    """
    return await one_row(
        connection,
        """
        select users.id, users.password_hash,
               exists (
                   select
                   from audit_log
                   where audit_log.user_id = users.id and action in ('signed_in', 'registered')
                     and address <<= $2::inet and audit_log.created_at > now() - interval '30 days'
               ) as familiar,
               by_address.failures as address_failures,
               extract(epoch from now() - by_address.last_failed_at)::float8 as address_seconds_ago,
               by_account.failures as account_failures,
               extract(epoch from now() - by_account.last_failed_at)::float8 as account_seconds_ago
        from (select) as attempt
        left join users on lower(users.email) = lower($1)
        left join sign_in_failures as by_address on by_address.key = $3 and by_address.expires_at > now()
        left join sign_in_failures as by_account on by_account.key = $4 and by_account.expires_at > now()
        """,
        email,
        network,
        address_key,
        account_key,
    )


async def recent_failures(connection: Connection, address_key: bytes, account_key: bytes) -> Record:
    """Returns the failures of both keys and the seconds since the last of each; null if there are none."""
    return await one_row(
        connection,
        """
        select by_address.failures as address_failures,
               extract(epoch from now() - by_address.last_failed_at)::float8 as address_seconds_ago,
               by_account.failures as account_failures,
               extract(epoch from now() - by_account.last_failed_at)::float8 as account_seconds_ago
        from (select) as attempt
        left join sign_in_failures as by_address on by_address.key = $1 and by_address.expires_at > now()
        left join sign_in_failures as by_account on by_account.key = $2 and by_account.expires_at > now()
        """,
        address_key,
        account_key,
    )


async def count_failure(
    connection: Connection,
    address_key: bytes,
    keep_address_seconds: float,
    account_key: bytes,
    keep_account_seconds: float,
) -> dict[bytes, int]:
    """Adds one failure to each key, kept for so many seconds after it; returns the failures by key.

    To be run outside of a transaction: then the account's row, which attempts from all addresses share, is
    locked for one statement. All statements lock the address's row first, so none deadlock.
    """
    rows = await connection.fetch(
        """
        insert into sign_in_failures as stored (key, failures, last_failed_at, expires_at)
        values ($1, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => $2)),
               ($3, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => $4))
        on conflict (key) do update
        set failures = case when stored.expires_at > clock_timestamp() then stored.failures + 1 else 1 end,
            last_failed_at = clock_timestamp(), expires_at = excluded.expires_at
        returning key, failures
        """,
        address_key,
        keep_address_seconds,
        account_key,
        keep_account_seconds,
    )
    return {row["key"]: row["failures"] for row in rows}


async def note_refusal(connection: Connection, key: bytes) -> bool:
    """Notes that an attempt was refused; returns whether it is the first one since the last failure."""
    noted = await connection.fetchval(
        """
        update sign_in_failures
        set refused_at = clock_timestamp()
        where key = $1 and (refused_at is null or refused_at < last_failed_at)
        returning true
        """,
        key,
    )
    return noted is not None


async def clear_failures(connection: Connection, key: bytes) -> None:
    await connection.execute("delete from sign_in_failures where key = $1", key)


async def delete_expired_failures(connection: Connection, limit: int) -> int:
    """Deletes at most `limit` expired rows, without waiting for any; returns how many there were."""
    deleted = await connection.fetch(
        """
        delete from sign_in_failures
        where key = any(array(
            select key
            from sign_in_failures
            where expires_at <= now()
            order by expires_at
            limit $1
            for update skip locked
        ))
        returning true
        """,
        limit,
    )
    return len(deleted)


async def user_by_id(connection: Connection, user_id: UUID) -> Record | None:
    """Returns what a change of the password is judged by."""
    return await connection.fetchrow(
        "select id, email, name, password_hash from users where id = $1", user_id
    )


async def is_familiar(connection: Connection, user_id: UUID, network: str | None) -> bool:
    """Returns whether the user signed in from the network within 30 days, as `user_for_sign_in` does."""
    row = await one_row(
        connection,
        """
        select exists (
            select
            from audit_log
            where user_id = $1 and action in ('signed_in', 'registered')
              and address <<= $2::inet and created_at > now() - interval '30 days'
        ) as familiar
        """,
        user_id,
        network,
    )
    return bool(row["familiar"])


async def user_id_by_email(connection: Connection, email: str) -> UUID | None:
    """Returns the user with this email, in whatever case."""
    user_id: UUID | None = await connection.fetchval(
        "select id from users where lower(email) = lower($1)", email
    )
    return user_id


async def lock_user(connection: Connection, user_id: UUID) -> Record | None:
    """Returns the user and locks the row against changes until the transaction ends.

    A transaction that starts, continues or ends a refresh family holds this lock. So no family starts or
    grows unseen by a transaction that ends all of them.
    """
    return await connection.fetchrow(
        """
        select id, email, name, role, password_hash, timezone, level, xp, streak,
               last_practice_at, created_at
        from users
        where id = $1
        for no key update
        """,
        user_id,
    )


async def rehash_password(connection: Connection, user_id: UUID, old: str, new: str) -> None:
    """Stores another hash of the same password unless the password has changed since."""
    await connection.execute(
        "update users set password_hash = $3 where id = $1 and password_hash = $2", user_id, old, new
    )


async def change_password(connection: Connection, user_id: UUID, old: str, new: str) -> bool:
    """Stores the new hash; returns False if the hash is no longer `old`."""
    changed = await connection.fetchval(
        """
        update users
        set password_hash = $3, updated_at = now()
        where id = $1 and password_hash = $2
        returning true
        """,
        user_id,
        old,
        new,
    )
    return changed is not None


async def account_by_email(connection: Connection, email: str) -> Record | None:
    """Returns what an operator is shown of the user with this email."""
    return await connection.fetchrow(
        """
        select id, email, name, created_at, is_admin,
               is_admin and not exists (
                   select from users as other where other.is_admin and other.id <> users.id
               ) as is_last_admin
        from users
        where lower(email) = lower($1)
        """,
        email,
    )


async def set_admin(connection: Connection, user_id: UUID, *, is_admin: bool) -> bool:
    """Makes the user an administrator, or a learner like any other; returns False if the user is gone."""
    changed = await connection.fetchval(
        "update users set is_admin = $2, updated_at = now() where id = $1 returning true", user_id, is_admin
    )
    return changed is not None


async def set_daily_quota(connection: Connection, email: str, tokens: int | None) -> UUID | None:
    """Sets the daily quota of the user with this email, or None for the default; returns their id."""
    user_id: UUID | None = await connection.fetchval(
        """
        update users
        set daily_token_quota = $2, updated_at = now()
        where lower(email) = lower($1)
        returning id
        """,
        email,
        tokens,
    )
    return user_id
