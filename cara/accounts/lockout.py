"""The lock-out: repeated failures to sign in lock further attempts, for longer and longer.

Failures count per account and address together, so that attackers lock themselves out and not the owner; and
per account alone against guesses from many addresses, with a higher limit and locks of at most a minute, from
which an address where the user signed in recently is exempt. Only the email as it was typed counts, so an
account that does not exist is locked like any other.

The counts are rows of `sign_in_failures`, whose keys are digests: neither emails nor addresses are stored. A
count is committed by itself, although the request that failed is refused. Times are those of PostgreSQL.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from cara import audit
from cara.accounts import queries
from cara.errors import LimitReached
from cara.postgres.database import Connection, Record
from cara.web.client_info import UNKNOWN, ClientInfo, limited_network


class AccountLocked(LimitReached):
    """`for_all` says that it is the account that is locked, for every address that is not familiar."""

    code = "account_locked"
    detail = "Too many failed sign-ins. Please wait a while before you try again."

    def __init__(self, *, retry_after_seconds: float, for_all: bool) -> None:
        super().__init__(retry_after_seconds=retry_after_seconds)
        self.for_all = for_all


@dataclass(frozen=True)
class LockoutPolicy:
    """How many failures in a row cause the first lock. Each further one doubles it, up to the longest."""

    failures: int
    first_seconds: float
    longest_seconds: float
    expire_after_seconds: float

    def lock_seconds(self, failures: int) -> float:
        """Returns how long so many failures in a row lock, from the last of them on."""
        beyond = failures - self.failures
        if beyond < 0:
            return 0
        return min(self.first_seconds * 2.0 ** min(beyond, 32), self.longest_seconds)

    def remaining_seconds(self, failures: int | None, seconds_ago: float | None) -> float:
        """Returns how long the lock still holds, given how long ago the last of the failures was.

        That can be a little less than zero, for statements see rows that are newer than their own time.
        """
        locked = self.lock_seconds(failures or 0)
        return min(locked, max(0.0, locked - (seconds_ago or 0)))


PER_ADDRESS = LockoutPolicy(failures=5, first_seconds=10, longest_seconds=900, expire_after_seconds=86_400)
PER_ACCOUNT = LockoutPolicy(failures=50, first_seconds=5, longest_seconds=60, expire_after_seconds=3_600)


@dataclass(frozen=True)
class FailureKeys:
    """The keys under which an attempt to sign in counts if it fails."""

    address: bytes
    account: bytes

    @classmethod
    def of(cls, email: str, address: str | None) -> Self:
        """Returns the keys of an email, from an address or the IPv6 network around it.

        Emails are compared more coarsely than the database does, so that no spelling gets more attempts.
        """
        account = _digest(unicodedata.normalize("NFKC", email).casefold())
        return cls(_digest(f"{account.hex()} {limited_network(address or UNKNOWN)}"), account)


def require_unlocked(failures: Record, *, familiar: bool) -> None:
    """Checks a row with the members of `queries.recent_failures`.

    `familiar` says that the user signed in from this address recently.

    Raises:
        AccountLocked: too many attempts have failed; says when to try again.
    """
    here = PER_ADDRESS.remaining_seconds(failures["address_failures"], failures["address_seconds_ago"])
    for_all = PER_ACCOUNT.remaining_seconds(failures["account_failures"], failures["account_seconds_ago"])
    seconds = here if familiar else max(here, for_all)
    if seconds > 0:
        raise AccountLocked(retry_after_seconds=seconds, for_all=not here)


async def check(connection: Connection, keys: FailureKeys, *, familiar: bool) -> None:
    """Raises AccountLocked if too many attempts have failed; see `require_unlocked`."""
    failures = await queries.recent_failures(connection, keys.address, keys.account)
    require_unlocked(failures, familiar=familiar)


@asynccontextmanager
async def audited_refusal(
    connection: Connection, keys: FailureKeys, user_id: UUID | None, client: ClientInfo
) -> AsyncIterator[None]:
    """Audits that a lock makes the block refuse an attempt: once for each lock, not for each attempt."""
    try:
        yield
    except AccountLocked as locked:
        if await queries.note_refusal(connection, keys.account if locked.for_all else keys.address):
            await audit.record(connection, "sign_in_refused", client, user_id)
        raise


async def count_failure(connection: Connection, keys: FailureKeys) -> float:
    """Counts a failure, outside of a transaction; returns for how many seconds it locks, 0 if it does not."""
    failures = await queries.count_failure(
        connection,
        keys.address,
        PER_ADDRESS.expire_after_seconds,
        keys.account,
        PER_ACCOUNT.expire_after_seconds,
    )
    return max(
        PER_ADDRESS.lock_seconds(failures[keys.address]), PER_ACCOUNT.lock_seconds(failures[keys.account])
    )


async def clear_failures(connection: Connection, keys: FailureKeys) -> None:
    """Deletes the failures from this address after a success. Those from other addresses stay counted."""
    await queries.clear_failures(connection, keys.address)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:16]
