"""The lock-out: whoever fails to sign in again and again waits longer and longer.

Failures count for the account and address together, so that a stranger locks out themselves and not the
owner; and, against guesses from many addresses, for the account alone: with more patience, and never for more
than a minute. Whoever signed in from an address lately is spared the latter. Whether there is such an account
makes no difference: the email that was typed is what counts.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass

from cara.accounts.failure_counts import FailureCounts
from cara.errors import LimitReached
from cara.web.client_info import UNKNOWN, limited_network


class AccountLocked(LimitReached):
    code = "account_locked"
    detail = "Too many failed sign-ins. Please wait a while before you try again."


@dataclass(frozen=True)
class Patience:
    """How many failures lead to the first lock, and how the locks grow: each is twice as long."""

    failures: int
    first_seconds: float
    longest_seconds: float
    forget_after_seconds: float

    def lock_seconds(self, failures: int) -> float:
        """How long to lock after so many failures in a row."""
        beyond = failures - self.failures
        if beyond < 0:
            return 0
        return min(self.first_seconds * 2.0 ** min(beyond, 32), self.longest_seconds)


WITH_A_PAIR = Patience(failures=5, first_seconds=10, longest_seconds=900, forget_after_seconds=86_400)
WITH_AN_ACCOUNT = Patience(failures=50, first_seconds=5, longest_seconds=60, forget_after_seconds=3_600)


class Lockout:
    """Judges whether an attempt to sign in may be made at all."""

    def __init__(
        self,
        counts: FailureCounts,
        with_a_pair: Patience = WITH_A_PAIR,
        with_an_account: Patience = WITH_AN_ACCOUNT,
    ) -> None:
        self._counts = counts
        self._with_a_pair = with_a_pair
        self._with_an_account = with_an_account

    async def check(self, email: str, address: str | None, *, familiar: bool) -> None:
        """`familiar`: the owner of the account signed in from this address lately.

        Raises:
            AccountLocked: too many attempts have failed; says when to try again.
        """
        pair, account = await self._counts.locked_seconds([_pair(email, address), _account(email)])
        seconds = pair if familiar else max(pair, account)
        if seconds > 0:
            raise AccountLocked(retry_after_seconds=seconds)

    async def failed(self, email: str, address: str | None) -> float:
        """Counts a failure; for how many seconds it locks, 0 when it does not."""
        return max(
            await self._count(_pair(email, address), self._with_a_pair),
            await self._count(_account(email), self._with_an_account),
        )

    async def succeeded(self, email: str, address: str | None) -> None:
        """Forgets the failures from this address. Those of strangers stay counted."""
        await self._counts.forget(_pair(email, address))

    async def _count(self, name: str, patience: Patience) -> float:
        failures = await self._counts.add(name, patience.forget_after_seconds)
        seconds = patience.lock_seconds(failures)
        if seconds:
            await self._counts.lock(name, seconds)
        return seconds


def _account(email: str) -> str:
    """Coarser than the database compares, so that no spelling of an email gets more attempts."""
    return _digest(unicodedata.normalize("NFKC", email).casefold())


def _pair(email: str, address: str | None) -> str:
    return _digest(f"{_account(email)} {limited_network(address or UNKNOWN)}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
