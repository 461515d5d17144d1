"""Hashes and verifies passwords off the event loop."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import argon2
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from cara.errors import Unavailable
from cara.settings import Settings, UnsafeSettings
from cara.thread_pool import BoundedThreadPool, QueueFull

MAX_BYTES: Final = 1024
_MOST_NORMALIZED: Final = 2 * MAX_BYTES
"""More characters than any accepted password has in whatever form: two bytes may stand for three of them. The
work of normalizing grows with the square of the length."""

Outcome = TypeVar("Outcome")


class PasswordsBusy(Unavailable):
    """More passwords are waiting than the queue holds."""

    code = "sign_in_busy"
    detail = "Too many people are signing in just now. Please try again in a moment."


@dataclass(frozen=True)
class PasswordCheck:
    """Whether the password was correct and, if its hash is outdated, the one to store instead."""

    is_correct: bool
    rehash: str | None = None


class PasswordHasher:
    """Runs argon2id in a few threads of its own, with a queue of bounded length.

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
        self._hasher = argon2.PasswordHasher(time_cost, memory_kib, parallelism, type=argon2.Type.ID)
        started = time.perf_counter()
        self._dummy_hash = self._hasher.hash(os.urandom(16))
        self._seconds_each = time.perf_counter() - started
        self._threads = BoundedThreadPool(
            "passwords", threads=threads, most_waiting=queue_limit, lower_priority=True
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Returns a hasher with the threads and the cost of the settings.

        Raises:
            UnsafeSettings: this machine cannot compute a hash of that cost.
        """
        try:
            return cls(
                threads=settings.password_threads,
                queue_limit=settings.password_queue,
                time_cost=settings.password_time_cost,
                memory_kib=settings.password_memory_kib,
                parallelism=settings.password_parallelism,
            )
        except HashingError as error:
            raise UnsafeSettings([f"PASSWORD_MEMORY_KIB: cannot be had on this machine: {error}"]) from None

    async def hash(self, password: str) -> str:
        """Returns the argon2id hash to store, which includes its parameters and salt.

        Raises:
            PasswordsBusy: the queue is full.
        """
        return await self._run(lambda: self._hasher.hash(password_bytes(password)))

    async def verify(self, stored: str | None, password: str) -> PasswordCheck:
        """Checks a password against the stored hash. Without one, the same work is done and the check fails.

        A correct password whose hash has other parameters than the current ones is hashed again. A wrong one
        costs at least the work of the current parameters even if its hash was made with cheaper ones, since
        the time would otherwise reveal which emails exist. It costs a little more if the memory was raised.

        Raises:
            PasswordsBusy: the queue is full.
        """
        return await self._run(lambda: self._verify(stored, password_bytes(password)))

    def close(self) -> None:
        """Stops the threads: cancels what is queued, and waits for what is being computed."""
        self._threads.close()

    def _verify(self, stored: str | None, password: bytes) -> PasswordCheck:
        try:
            self._hasher.verify(stored or self._dummy_hash, password)
        except VerifyMismatchError:
            self._spend_passes(self._passes_saved(stored or self._dummy_hash), password)
            return PasswordCheck(is_correct=False)
        except (VerificationError, InvalidHashError):
            self._spend_passes(self._hasher.time_cost, password)
            return PasswordCheck(is_correct=False)
        if not stored:
            return PasswordCheck(is_correct=False)
        outdated = self._hasher.check_needs_rehash(stored)
        return PasswordCheck(is_correct=True, rehash=self._hasher.hash(password) if outdated else None)

    def _passes_saved(self, stored: str) -> int:
        """Returns how many passes fewer than today a stored hash takes; all if each of its own costs less."""
        made, today = argon2.extract_parameters(stored), self._hasher
        as_costly = made.memory_cost >= today.memory_cost and made.parallelism <= today.parallelism
        return max(0, today.time_cost - (made.time_cost if as_costly else 0))

    def _spend_passes(self, passes: int, password: bytes) -> None:
        if passes:
            today = self._hasher
            argon2.PasswordHasher(passes, today.memory_cost, today.parallelism, type=argon2.Type.ID).hash(
                password
            )

    async def _run(self, work: Callable[[], Outcome]) -> Outcome:
        try:
            return await self._threads.run(work)
        except QueueFull as full:
            raise PasswordsBusy(retry_after_seconds=full.rounds * self._seconds_each) from None


def normalize_password(password: str) -> str:
    """Returns the password in Unicode's form NFC, in which it is counted, hashed and verified.

    Keyboards and systems differ in whether they send `é` as one character or as two.
    """
    return password if len(password) > _MOST_NORMALIZED else unicodedata.normalize("NFC", password)


def password_bytes(password: str) -> bytes:
    """Returns the bytes that are hashed."""
    return normalize_password(password).encode("utf-8", "surrogatepass")
