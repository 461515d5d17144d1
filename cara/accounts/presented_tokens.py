"""The refresh tokens that a request presents, and the rule that they have one owner.

Tokens of two accounts in one request mean that somebody mixes them up, or slipped one of them in. Choosing
either would sign a learner into an account that may not be theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from cara import audit
from cara.accounts import refresh_queries
from cara.accounts.cookies import tokens_in_cookies
from cara.accounts.refresh_tokens import RefreshTokenInvalid, hash_token, owner_of
from cara.accounts.schemas import PresentedRefreshToken
from cara.postgres.database import Database
from cara.settings import Settings
from cara.web.client_info import ClientInfo


class MixedOwners(RefreshTokenInvalid):
    code = "refresh_tokens_mixed"
    detail = "The cookie and the body hold refresh tokens of different accounts. Please sign in again."


def presented_tokens(
    request: web.Request, body: PresentedRefreshToken | None, settings: Settings
) -> list[str]:
    """Returns the refresh tokens of a request, those of cookies before that of the body."""
    presented = [*tokens_in_cookies(request, settings), body.refresh_token if body else None]
    return [token for token in dict.fromkeys(presented) if token]


async def require_one_owner(database: Database, presented: Sequence[str], client: ClientInfo) -> None:
    """Lets through tokens that are all of one account; what names no account is not looked at.

    A token may name an account without being genuine: that costs this request, and nothing of the account's.
    Only accounts whose genuine token was presented find it in their audit trail.

    Raises:
        MixedOwners: the tokens name several accounts. None of them is used or ended.
    """
    claimed = {hash_token(token): owner for token in presented if (owner := owner_of(token))}
    if len(set(claimed.values())) < 2:
        return
    async with database.acquire() as connection:
        rows = await refresh_queries.owners_of_tokens(connection, list(claimed.values()), list(claimed))
        if len({row["user_id"] for row in rows}) < 2:
            return
        for owner in {row["user_id"] for row in rows if row["is_genuine"]}:
            await audit.record(connection, "refresh_mixed_owners", client, owner)
    raise MixedOwners
