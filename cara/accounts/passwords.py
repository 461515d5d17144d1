"""Hashes and verifies passwords off the event loop, and checks new ones."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Self, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from cara.errors import FieldProblem, InvalidInput, Unavailable
from cara.predictable import is_sequence, repeated_part
from cara.settings import Settings
from cara.thread_pool import BoundedThreadPool, QueueFull

MIN_CHARACTERS: Final = 8
MAX_BYTES: Final = 1024
_MIN_LOCAL_PART_CHARACTERS: Final = 3
_MOST_NORMALIZED: Final = 2 * MAX_BYTES
"""More characters than any accepted password has in whatever form: two bytes may stand for three of them. The
work of normalizing grows with the square of the length."""
_OWN_WORDS: Final = re.compile("cara|coach(?:ing)?|communications?|speech|practice|feedback")
_FILLERS: Final = re.compile(r"(?<![^\W\d_])(?:my|the|your|our|ai|app|is|and|for|login|password)(?![^\W\d_])")

Outcome = TypeVar("Outcome")


class WeakPassword(InvalidInput):
    """The password is refused; the reason is for people."""

    def __init__(self, reason: str, *, member: str = "password") -> None:
        super().__init__(reason, fields=(FieldProblem(member, reason),))


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
        """Returns a hasher with the threads and the cost of the settings."""
        return cls(
            threads=settings.password_threads,
            queue_limit=settings.password_queue,
            time_cost=settings.password_time_cost,
            memory_kib=settings.password_memory_kib,
            parallelism=settings.password_parallelism,
        )

    async def hash(self, password: str) -> str:
        """Returns the argon2id hash to store, which includes its parameters and salt.

        Raises:
            PasswordsBusy: the queue is full.
        """
        return await self._run(lambda: self._hasher.hash(_bytes_of(password)))

    async def verify(self, stored: str | None, password: str) -> PasswordCheck:
        """Checks a password against the stored hash. Without one, the same work is done and the check fails.

        A correct password whose hash has other parameters than the current ones is hashed again. A wrong one
        costs at least the work of the current parameters even if its hash was made with cheaper ones, since
        the time would otherwise reveal which emails exist. It costs a little more if the memory was raised.

        Raises:
            PasswordsBusy: the queue is full.
        """
        return await self._run(lambda: self._verify(stored, _bytes_of(password)))

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


def check_new_password(password: str, *, email: str, name: str, member: str = "password") -> None:
    """Checks a password that a user wants to have; `member` is its name in the request.

    Upper and lower case make no difference, and neither does how the characters are composed.

    Raises:
        WeakPassword: it is shorter than 8 characters or longer than 1,024 bytes, or a guess that comes early:
            one of the most common ones, as a whole one run or one part over and over, the words of this
            service, the user's name, or anything with the part of the email before the @, if that has 3
            characters or more: shorter ones occur in too many words by chance.
    """
    password = normalize_password(password)
    refusal = _length_refusal(password) or _guess_refusal(
        password.casefold(), _folded(email.partition("@")[0]), _folded(name)
    )
    if refusal:
        raise WeakPassword(refusal, member=member)


def _length_refusal(password: str) -> str | None:
    if len(password) < MIN_CHARACTERS:
        return f"Use at least {MIN_CHARACTERS} characters."
    return f"Use at most {MAX_BYTES:,} bytes." if len(_bytes_of(password)) > MAX_BYTES else None


def _guess_refusal(password: str, local_part: str, name: str) -> str | None:
    """Returns why the password would be guessed early, if it would; all of it is in lower case."""
    part = repeated_part(password)
    refusals = {
        "This password is one of the most common ones.": not _common_passwords().isdisjoint({password, part}),
        "This password is one short part over and over.": len(part) < MIN_CHARACTERS,
        "This password is one run of neighbouring characters.": _is_run(password),
        "This password is made of the words of this service.": _is_of_own_words(password),
        "Leave the name in your email address out of your password.": (
            len(local_part) >= _MIN_LOCAL_PART_CHARACTERS and local_part in password
        ),
        "Your password must not be just your name.": name in (password, part),
    }
    return next((reason for reason, refused in refusals.items() if refused), None)


def _folded(text: str) -> str:
    return normalize_password(text).casefold()


def _is_run(password: str) -> bool:
    """Returns whether the password, or what stands between its spaces and signs, is a sequence."""
    between = "".join(filter(str.isalnum, password))
    return is_sequence(password) or (2 * len(between) >= len(password) and is_sequence(between))


def _is_of_own_words(password: str) -> bool:
    """Returns whether the letters of the password are words of this service, with or without fillers."""
    others, own_words = _OWN_WORDS.subn("", password)
    return own_words > 0 and not any(map(str.isalpha, _FILLERS.sub("", others)))


@cache
def _common_passwords() -> frozenset[str]:
    listed = resources.files("cara.accounts").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if not line.startswith("#"))


def _bytes_of(password: str) -> bytes:
    return normalize_password(password).encode("utf-8", "surrogatepass")
