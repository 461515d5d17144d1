"""SQL of users: one function a statement."""

from __future__ import annotations

from uuid import UUID

from cara.postgres.database import Connection, Record


async def insert_user(
    connection: Connection, user_id: UUID, email: str, name: str, role: str | None, password_hash: str
) -> Record | None:
    """The new user; None when the email, in whatever case, is taken."""
    return await connection.fetchrow(
        """
        insert into users (id, email, name, role, password_hash)
        values ($1, $2, $3, $4, $5)
        on conflict (lower(email)) do nothing
        returning *
        """,
        user_id,
        email,
        name,
        role,
        password_hash,
    )


async def user_for_sign_in(connection: Connection, email: str, network: str | None) -> Record | None:
    """The user with this email; `familiar` says whether they got in from the network within 30 days."""
    return await connection.fetchrow(
        """
        select users.*,
               exists (
                   select
                   from audit_log
                   where audit_log.user_id = users.id and action in ('signed_in', 'registered')
                     and address <<= $2::inet and audit_log.created_at > now() - interval '30 days'
               ) as familiar
        from users
        where lower(email) = lower($1)
        """,
        email,
        network,
    )


async def user_by_id(connection: Connection, user_id: UUID) -> Record | None:
    return await connection.fetchrow("select * from users where id = $1", user_id)


async def lock_user(connection: Connection, user_id: UUID) -> Record | None:
    """The user, held against changes until the transaction ends.

    Whoever begins, goes on with or ends a refresh family holds this lock: none begins or grows behind the
    back of a change that ends them.
    """
    return await connection.fetchrow("select * from users where id = $1 for no key update", user_id)


async def rehash_password(connection: Connection, user_id: UUID, old: str, new: str) -> None:
    """Stores another hash of the same password unless it was changed meanwhile."""
    await connection.execute(
        "update users set password_hash = $3 where id = $1 and password_hash = $2", user_id, old, new
    )


async def change_password(connection: Connection, user_id: UUID, old: str, new: str) -> bool:
    """Stores the new hash and ends all access tokens; False when the password was changed meanwhile."""
    changed = await connection.fetchval(
        """
        update users
        set password_hash = $3, token_generation = token_generation + 1, updated_at = now()
        where id = $1 and password_hash = $2
        returning true
        """,
        user_id,
        old,
        new,
    )
    return changed is not None


async def end_access_tokens(connection: Connection, user_id: UUID) -> None:
    """Those that were signed so far; locks the user."""
    await connection.execute(
        "update users set token_generation = token_generation + 1 where id = $1", user_id
    )


async def change_profile(
    connection: Connection,
    user_id: UUID,
    name: str | None,
    role: str | None,
    timezone: str | None,
    *,
    change_role: bool,
) -> Record | None:
    """The changed user. None leaves name and time zone as they are; the role can be emptied."""
    return await connection.fetchrow(
        """
        update users
        set name = coalesce($2, name), role = case when $5 then $3 else role end,
            timezone = coalesce($4, timezone), updated_at = now()
        where id = $1
        returning *
        """,
        user_id,
        name,
        role,
        timezone,
        change_role,
    )


async def lock_work_of_user(connection: Connection, user_id: UUID) -> None:
    """Waits for whoever works for the user, and holds sessions, jobs and quota in this order."""
    for table in ("sessions", "feedback_jobs", "quota_days"):
        await connection.execute(
            f"select from {table} where user_id = $1 for update",
            user_id,
        )


async def recent_jobs_of_user(connection: Connection, user_id: UUID) -> list[UUID]:
    """Feedback jobs that live or ended within two hours: longer nothing is told of a job."""
    rows = await connection.fetch(
        """
        select id
        from feedback_jobs
        where user_id = $1 and (finished_at is null or finished_at > now() - interval '2 hours')
        """,
        user_id,
    )
    return [row["id"] for row in rows]


async def delete_user(connection: Connection, user_id: UUID) -> bool:
    """True when there was one. What refers to the user goes too, and their events by a trigger."""
    deleted = await connection.fetchval("delete from users where id = $1 returning true", user_id)
    return deleted is not None


async def make_admin(connection: Connection, email: str) -> UUID | None:
    """The id of the user with this email, who is an administrator now."""
    user_id: UUID | None = await connection.fetchval(
        "update users set is_admin = true, updated_at = now() where lower(email) = lower($1) returning id",
        email,
    )
    return user_id


async def set_daily_quota(connection: Connection, email: str, tokens: int | None) -> UUID | None:
    """The id of the user with this email, who may use so many tokens a day now; None: as the settings say."""
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
