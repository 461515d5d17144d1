"""Signing out, here or everywhere.

A refresh family ends for good: when it is signed out, when a spent token is used, with a new password, as
the least recently used one of too many, and `SIGN_IN_DAYS` after the sign-in. With it end its access tokens,
its tickets and its event streams. A request that is under way is answered all the same, for it may be paid
for: except one that waits for a job, which is answered 401 at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from cara import audit
from cara.accounts import queries, refresh_queries
from cara.accounts.refresh_tokens import hash_token, owner_of
from cara.accounts.sign_out_notifier import SignOutNotifier
from cara.postgres.database import Connection, Database
from cara.web.client_info import ClientInfo


async def sign_out(
    database: Database, sign_out_notifier: SignOutNotifier, presented: Iterable[str], client: ClientInfo
) -> None:
    """Ends the families of the tokens, spent ones too; ignores what is not a refresh token."""
    for token in presented:
        owner = owner_of(token)
        if owner and await _end_family_of(database, owner, token, client):
            await sign_out_notifier.notify(owner)


async def _end_family_of(database: Database, owner: UUID, token: str, client: ClientInfo) -> bool:
    async with database.transaction() as connection:
        if await queries.lock_user(connection, owner) is None:
            return False
        family_id = await refresh_queries.family_of_token(connection, owner, hash_token(token))
        if family_id is None or not await refresh_queries.end_family(connection, owner, family_id):
            return False
        await audit.record(connection, "signed_out", client, owner, family=str(family_id))
        return True


async def sign_out_everywhere(connection: Connection, user_id: UUID, client: ClientInfo) -> None:
    """Ends every family of the user, inside the caller's transaction.

    The caller calls `SignOutNotifier.notify` after the commit; without it open event streams end some seconds
    later.
    """
    await queries.lock_user(connection, user_id)
    await refresh_queries.end_all_families(connection, user_id)
    await audit.record(connection, "signed_out_everywhere", client, user_id)
