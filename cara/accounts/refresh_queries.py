"""SQL of refresh tokens: one function a statement. Transactions that change a family lock its user first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from cara.postgres.database import Connection, Record


async def live_tokens(
    connection: Connection, owners: Sequence[UUID], token_hashes: Sequence[bytes], grace: timedelta
) -> list[Record]:
    """Returns those of the tokens whose family is live, and whether each is usable; takes no lock."""
    return await connection.fetch(
        """
        select token_hash, user_id, token_generation,
               replaced_at is null or replaced_at > now() - $3::interval as is_usable
        from unnest($1::uuid[], $2::bytea[]) as presented (user_id, token_hash)
        join refresh_tokens using (user_id, token_hash)
        join users on users.id = user_id
        where revoked_at is null and expires_at > now()
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


async def spend_token(
    connection: Connection, user_id: UUID, token_hash: bytes, successor_hash: bytes, grace: timedelta
) -> UUID | None:
    """Marks a usable token as spent; returns its family, or None if the token is not usable.

    A token that was spent less than `grace` ago is usable, any number of times. It keeps its first successor.
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
    """Ends the live family of a token that was spent; returns how many tokens that ended."""
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
    """Ends the family of a token, spent or not; returns how many tokens that ended."""
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
    """Deletes at most `limit` of the tokens that expired before the moment; returns how many there were."""
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
