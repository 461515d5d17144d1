"""SQL of refresh tokens: one function a statement. Who changes a family holds the lock on the user's row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from cara.postgres.database import Connection, Record


async def insert_token(
    connection: Connection, user_id: UUID, token_hash: bytes, family: UUID, expires_at: datetime
) -> None:
    await connection.execute(
        """
        insert into refresh_tokens (user_id, token_hash, family, expires_at)
        values ($1, $2, $3, $4)
        """,
        user_id,
        token_hash,
        family,
        expires_at,
    )


async def living_tokens(
    connection: Connection, owners: Sequence[UUID], token_hashes: Sequence[bytes], grace: timedelta
) -> list[Record]:
    """Those of the tokens whose family lives, and whether they count still; one look-up a token, no lock."""
    return await connection.fetch(
        """
        select token_hash, user_id, token_generation,
               replaced_at is null or replaced_at > now() - $3::interval as counts
        from unnest($1::uuid[], $2::bytea[]) as offered (user_id, token_hash)
        join refresh_tokens using (user_id, token_hash)
        join users on users.id = user_id
        where revoked_at is null and expires_at > now()
        """,
        owners,
        token_hashes,
        grace,
    )


async def spend_token(
    connection: Connection, user_id: UUID, token_hash: bytes, successor_hash: bytes, grace: timedelta
) -> UUID | None:
    """The family of a token that still counts, which is marked as spent.

    One that was spent less than `grace` ago counts, however often, and keeps its first successor and hour.
    """
    family: UUID | None = await connection.fetchval(
        """
        update refresh_tokens
        set replaced_by = coalesce(replaced_by, $3), replaced_at = coalesce(replaced_at, now())
        where user_id = $1 and token_hash = $2
          and revoked_at is null and expires_at > now()
          and (replaced_at is null or replaced_at > now() - $4::interval)
        returning family
        """,
        user_id,
        token_hash,
        successor_hash,
        grace,
    )
    return family


async def revoke_family_of_spent_token(connection: Connection, user_id: UUID, token_hash: bytes) -> int:
    """Ends the family whose token this is, if it was spent and its family lives; returns the tokens ended."""
    revoked = await connection.fetch(
        """
        update refresh_tokens
        set revoked_at = now()
        where user_id = $1 and revoked_at is null
          and family = (
              select family
              from refresh_tokens
              where user_id = $1 and token_hash = $2
                and replaced_at is not null and revoked_at is null and expires_at > now()
          )
        returning true
        """,
        user_id,
        token_hash,
    )
    return len(revoked)


async def revoke_family_of_token(connection: Connection, user_id: UUID, token_hash: bytes) -> int:
    """Ends the family of a token, in whatever state that is; returns how many tokens it ended."""
    revoked = await connection.fetch(
        """
        update refresh_tokens
        set revoked_at = now()
        where user_id = $1 and revoked_at is null
          and family = (select family from refresh_tokens where user_id = $1 and token_hash = $2)
        returning true
        """,
        user_id,
        token_hash,
    )
    return len(revoked)


async def revoke_all_families(connection: Connection, user_id: UUID) -> None:
    await connection.execute(
        "update refresh_tokens set revoked_at = now() where user_id = $1 and revoked_at is null", user_id
    )


async def delete_expired_tokens(connection: Connection, moment: datetime, limit: int) -> int:
    """Deletes tokens that expired before the moment, so many at a time; returns how many there were."""
    deleted = await connection.fetch(
        """
        delete from refresh_tokens
        where (user_id, token_hash) in (
            select user_id, token_hash
            from refresh_tokens
            where expires_at < $1
            order by expires_at
            limit $2
        )
        returning true
        """,
        moment,
        limit,
    )
    return len(deleted)
