"""Hashes and verifies passwords off the event loop, and judges new ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Self, TypeVar

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from cara.errors import FieldProblem, InvalidInput, Unavailable
from cara.settings import Settings
from cara.thread_pool import BoundedThreadPool, QueueFull

MIN_CHARACTERS: Final = 8
MAX_BYTES: Final = 1024
_TELLING_LOCAL_PART_CHARACTERS: Final = 3

Outcome = TypeVar("Outcome")


class WeakPassword(InvalidInput):
    """The password may not be chosen; the reason is for people."""

    def __init__(self, reason: str, *, member: str = "password") -> None:
        super().__init__(reason, fields=(FieldProblem(member, reason),))


class PasswordsBusy(Unavailable):
    """More sign-ins are waiting than the queue takes."""

    code = "sign_in_busy"
    detail = "Too many people are signing in just now. Please try again in a moment."


@dataclass(frozen=True)
class Verified:
    """Whether the password was right and, if its hash should be replaced, the one to store instead."""

    ok: bool
    rehash: str | None = None


class Passwords:
    """argon2id in a few threads of its own, with a queue of bounded length.

    The cost defaults to OWASP's first recommendation (Password Storage Cheat Sheet): 19 MiB, two passes, one
    lane. At most `threads` hashes are computed at a time, so memory is bounded by `threads * memory_kib`.
    """

    def __init__(
        self,
        *,
        threads: int = 2,
        queue_limit: int = 64,
        time_cost: int = 2,
        memory_kib: int = 19_456,
        parallelism: int = 1,
    ) -> None:
        self._hasher = PasswordHasher(time_cost, memory_kib, parallelism, type=Type.ID)
        started = time.perf_counter()
        self._nobodys_hash = self._hasher.hash(os.urandom(16))
        self._seconds_each = time.perf_counter() - started
        self._threads = BoundedThreadPool(
            "passwords", threads=threads, most_waiting=queue_limit, lower_priority=True
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(
            threads=settings.password_threads,
            queue_limit=settings.password_queue,
            time_cost=settings.password_time_cost,
            memory_kib=settings.password_memory_kib,
            parallelism=settings.password_parallelism,
        )

    async def hash(self, password: str) -> str:
        """The argon2id hash to store, with its parameters and salt in it.

        Raises:
            PasswordsBusy: the queue is full.
        """
        return await self._run(lambda: self._hasher.hash(_bytes_of(password)))

    async def verify(self, stored: str | None, password: str) -> Verified:
        """Whether the password is the stored one. Without a stored hash the same work is done, to say no.

        A right password whose hash was made with other parameters is hashed anew. A wrong one costs no less
        than today's work though its hash was made for less: else the time would tell which emails exist. It
        costs a little more where it is memory that was raised.

        Raises:
            PasswordsBusy: the queue is full.
        """
        return await self._run(lambda: self._verify(stored, _bytes_of(password)))

    def close(self) -> None:
        """Ends the threads; what is still queued is cancelled, what is being computed is waited for."""
        self._threads.close()

    def _verify(self, stored: str | None, password: bytes) -> Verified:
        try:
            self._hasher.verify(stored or self._nobodys_hash, password)
        except VerifyMismatchError:
            self._spend(self._passes_saved(stored or self._nobodys_hash), password)
            return Verified(ok=False)
        except (VerificationError, InvalidHashError):
            self._spend(self._hasher.time_cost, password)
            return Verified(ok=False)
        if not stored:
            return Verified(ok=False)
        outdated = self._hasher.check_needs_rehash(stored)
        return Verified(ok=True, rehash=self._hasher.hash(password) if outdated else None)

    def _passes_saved(self, stored: str) -> int:
        """How many of today's passes a stored hash spares; all of them if its own cost less each."""
        made, today = extract_parameters(stored), self._hasher
        as_dear = made.memory_cost >= today.memory_cost and made.parallelism <= today.parallelism
        return max(0, today.time_cost - (made.time_cost if as_dear else 0))

    def _spend(self, passes: int, password: bytes) -> None:
        if passes:
            today = self._hasher
            PasswordHasher(passes, today.memory_cost, today.parallelism, type=Type.ID).hash(password)

    async def _run(self, work: Callable[[], Outcome]) -> Outcome:
        try:
            return await self._threads.run(work)
        except QueueFull as full:
            raise PasswordsBusy(retry_after_seconds=full.rounds * self._seconds_each) from None


def check_new_password(password: str, *, email: str, name: str, member: str = "password") -> None:
    """Judges a password that somebody wants to have; `member` is what the request calls it.

    Raises:
        WeakPassword: shorter than 8 characters, longer than 1,024 bytes, one of the most common ones, the
            person's own name, or with the part of the email before the @ in it, if that has 3 characters or
            more: shorter ones stand in too many words by chance.
    """
    folded = password.casefold()
    local_part = email.partition("@")[0].casefold()
    refusals = {
        f"Use at least {MIN_CHARACTERS} characters.": len(password) < MIN_CHARACTERS,
        f"Use at most {MAX_BYTES:,} bytes.": len(_bytes_of(password)) > MAX_BYTES,
        "This password is one of the most common ones.": folded in _common_passwords(),
        "Leave the name in your email address out of your password.": (
            len(local_part) >= _TELLING_LOCAL_PART_CHARACTERS and local_part in folded
        ),
        "Your password must not be just your name.": folded == name.casefold(),
    }
    for reason, refused in refusals.items():
        if refused:
            raise WeakPassword(reason, member=member)


@cache
def _common_passwords() -> frozenset[str]:
    listed = resources.files("cara.accounts").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if not line.startswith("#"))


def _bytes_of(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
