"""Signing out: of one sign-in, or of all."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from cara import audit
from cara.accounts import queries, refresh_queries
from cara.accounts.refresh_tokens import hash_of, owner_of
from cara.postgres.database import Connection, Database
from cara.web.client_info import ClientInfo


async def sign_out(database: Database, offered: Iterable[str], client: ClientInfo) -> None:
    """Ends the families of the tokens, spent ones too; what is no token of ours is let pass.

    An access token of the same sign-in goes on until it expires.
    """
    for token in offered:
        owner = owner_of(token)
        if owner is None:
            continue
        async with database.transaction() as connection:
            if await queries.lock_user(connection, owner) is None:
                continue
            if await refresh_queries.revoke_family_of_token(connection, owner, hash_of(token)):
                await audit.record(connection, "signed_out", client, owner)


async def sign_out_everywhere(connection: Connection, user_id: UUID, client: ClientInfo) -> None:
    """Ends every refresh family and every access token of the user, inside the caller's transaction."""
    await queries.end_access_tokens(connection, user_id)
    await refresh_queries.revoke_all_families(connection, user_id)
    await audit.record(connection, "signed_out_everywhere", client, user_id)
