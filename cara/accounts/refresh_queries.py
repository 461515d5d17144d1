"""SQL of refresh families and their tokens: one function a statement.

Transactions that start, continue or end a family lock its user first (`queries.lock_user`). A family is live
until it is ended or expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from cara.postgres.database import Connection, Record, one_row


async def insert_family(connection: Connection, user_id: UUID, family_id: UUID, lifetime: timedelta) -> None:
    await connection.execute(
        "insert into refresh_families (user_id, id, expires_at) values ($1, $2, now() + $3::interval)",
        user_id,
        family_id,
        lifetime,
    )


async def caller_of_family(connection: Connection, user_id: UUID, family_id: UUID) -> Record | None:
    """Returns what requests need to know of their caller; None unless the family is live.

    The profile is read with it, because here that costs no further round trip.
    """
    return await connection.fetchrow(
        """
        select users.id, email, name, role, timezone, level, xp, streak, longest_streak, last_practice_at,
               users.created_at, is_admin, daily_token_quota,
               extract(epoch from now() - authenticated_at)::float8 as authenticated_seconds_ago
        from refresh_families
        join users on users.id = refresh_families.user_id
        where refresh_families.user_id = $1 and refresh_families.id = $2
          and ended_at is null and expires_at > now()
        """,
        user_id,
        family_id,
    )


async def renew_authentication(connection: Connection, user_id: UUID, family_id: UUID) -> datetime | None:
    """Notes that the password was typed just now; returns when, or None unless the family is live."""
    authenticated_at: datetime | None = await connection.fetchval(
        """
        update refresh_families
        set authenticated_at = now()
        where user_id = $1 and id = $2 and ended_at is null and expires_at > now()
        returning authenticated_at
        """,
        user_id,
        family_id,
    )
    return authenticated_at


async def note_refresh(connection: Connection, user_id: UUID, family_id: UUID) -> int:
    """Returns how often the family was refreshed, this time included."""
    row = await one_row(
        connection,
        """
        update refresh_families
        set last_used_at = now(), refreshes = refreshes + 1
        where user_id = $1 and id = $2
        returning refreshes
        """,
        user_id,
        family_id,
    )
    return int(row["refreshes"])


async def end_family(connection: Connection, user_id: UUID, family_id: UUID) -> bool:
    """Ends a family; returns False if it is not live."""
    ended = await connection.fetchval(
        """
        update refresh_families
        set ended_at = now()
        where user_id = $1 and id = $2 and ended_at is null and expires_at > now()
        returning true
        """,
        user_id,
        family_id,
    )
    return ended is not None


async def end_all_families(connection: Connection, user_id: UUID) -> None:
    await connection.execute(
        "update refresh_families set ended_at = now() where user_id = $1 and ended_at is null", user_id
    )


async def end_families_beyond(connection: Connection, user_id: UUID, kept: int) -> list[UUID]:
    """Ends the live families of a user except for the `kept` most recently used; returns which."""
    ended = await connection.fetch(
        """
        update refresh_families
        set ended_at = now()
        where user_id = $1 and id in (
            select id
            from refresh_families
            where user_id = $1 and ended_at is null and expires_at > now()
            order by coalesce(last_used_at, created_at) desc, id desc
            offset $2
        )
        returning id
        """,
        user_id,
        kept,
    )
    return [row["id"] for row in ended]


async def insert_token(
    connection: Connection, user_id: UUID, family_id: UUID, token_hash: bytes, lifetime: timedelta
) -> int:
    """Stores a token that expires after its lifetime, or with its family; returns the seconds until then."""
    row = await one_row(
        connection,
        """
        insert into refresh_tokens (user_id, token_hash, family_id, expires_at)
        select user_id, $3, id, least(expires_at, now() + $4::interval)
        from refresh_families
        where user_id = $1 and id = $2
        returning ceil(extract(epoch from expires_at - now()))::integer as seconds_left
        """,
        user_id,
        family_id,
        token_hash,
        lifetime,
    )
    return int(row["seconds_left"])


async def live_tokens(
    connection: Connection, owners: Sequence[UUID], token_hashes: Sequence[bytes], grace: timedelta
) -> list[Record]:
    """Returns those of the tokens whose family is live, and whether each is usable; takes no lock.

    A token is usable if it is not spent, or was spent less than `grace` ago.
    """
    return await connection.fetch(
        """
        select tokens.user_id, tokens.token_hash, tokens.family_id, replaced_at is not null as is_spent,
               replaced_at is null or replaced_at > now() - $3::interval as is_usable
        from unnest($1::uuid[], $2::bytea[]) as presented (user_id, token_hash)
        join refresh_tokens as tokens using (user_id, token_hash)
        join refresh_families as families on families.user_id = tokens.user_id and families.id = family_id
        where ended_at is null and families.expires_at > now() and tokens.expires_at > now()
        """,
        owners,
        token_hashes,
        grace,
    )


async def owners_of_tokens(
    connection: Connection, owners: Sequence[UUID], token_hashes: Sequence[bytes]
) -> list[Record]:
    """Returns the users whom tokens name as their owners, and whether each token was issued to them.

    Owners that do not exist are left out; tokens that were spent or have ended are genuine too.
    """
    return await connection.fetch(
        """
        select id as user_id,
               exists (
                   select
                   from refresh_tokens
                   where refresh_tokens.user_id = id and refresh_tokens.token_hash = presented.token_hash
               ) as is_genuine
        from unnest($1::uuid[], $2::bytea[]) as presented (user_id, token_hash)
        join users on users.id = presented.user_id
        """,
        owners,
        token_hashes,
    )


async def family_of_token(connection: Connection, user_id: UUID, token_hash: bytes) -> UUID | None:
    """Returns the family of a token, spent or not, live or not."""
    family_id: UUID | None = await connection.fetchval(
        "select family_id from refresh_tokens where user_id = $1 and token_hash = $2", user_id, token_hash
    )
    return family_id


async def spend_token(
    connection: Connection, user_id: UUID, token_hash: bytes, successor_hash: bytes, salt: bytes
) -> None:
    """Marks a token that is not spent as replaced by its successor."""
    await connection.execute(
        """
        update refresh_tokens
        set replaced_by = $3, replaced_at = now(), successor_salt = $4
        where user_id = $1 and token_hash = $2 and replaced_at is null
        """,
        user_id,
        token_hash,
        successor_hash,
        salt,
    )


async def delete_spent_tokens_beyond(
    connection: Connection, user_id: UUID, family_id: UUID, kept: int
) -> None:
    """Deletes the tokens of a family that were spent before the `kept` last ones."""
    await connection.execute(
        """
        delete from refresh_tokens
        where user_id = $1 and token_hash in (
            select token_hash
            from refresh_tokens
            where user_id = $1 and family_id = $2 and replaced_at is not null
            order by replaced_at desc
            offset $3
        )
        """,
        user_id,
        family_id,
        kept,
    )


async def successors(connection: Connection, user_id: UUID, token_hash: bytes) -> list[Record]:
    """Returns the token and its successors in their order; the last of them is not spent."""
    return await connection.fetch(
        """
        with recursive chain as (
            select token_hash, replaced_by, successor_salt, expires_at, 0 as position
            from refresh_tokens
            where user_id = $1 and token_hash = $2
            union all
            select next.token_hash, next.replaced_by, next.successor_salt, next.expires_at, position + 1
            from chain
            join refresh_tokens as next on next.user_id = $1 and next.token_hash = chain.replaced_by
        )
        select successor_salt, ceil(extract(epoch from expires_at - now()))::integer as seconds_left
        from chain
        order by position
        """,
        user_id,
        token_hash,
    )


async def delete_expired_tokens(connection: Connection, moment: datetime, limit: int) -> int:
    """Deletes at most `limit` of the tokens that expired before the moment; returns how many there were."""
    deleted = await connection.fetch(
        """
        delete from refresh_tokens
        where ctid = any(array(
            select ctid from refresh_tokens where expires_at < $1 order by expires_at limit $2
        ))
        returning true
        """,
        moment,
        limit,
    )
    return len(deleted)


async def delete_expired_families(connection: Connection, moment: datetime, limit: int) -> int:
    """Deletes at most `limit` of the families that expired before the moment and have no tokens left."""
    deleted = await connection.fetch(
        """
        delete from refresh_families
        where ctid = any(array(
            select ctid
            from refresh_families as families
            where expires_at < $1
              -- not `not exists`, which can become a join with all tokens
              and (
                  select true from refresh_tokens as tokens
                  where tokens.user_id = families.user_id and family_id = families.id
                  limit 1
              ) is null
            order by expires_at
            limit $2
        ))
        returning true
        """,
        moment,
        limit,
    )
    return len(deleted)
