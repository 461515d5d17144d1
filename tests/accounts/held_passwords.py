"""Passwords whose verification a test holds back, so that something else happens in between."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from argon2 import PasswordHasher

from tests.waiting import TIMEOUT_SECONDS


class Gate:
    """Where attempts with one password wait."""

    def __init__(self) -> None:
        self._arrivals = threading.Semaphore(0)
        self._open = threading.Event()

    async def reached(self, times: int = 1) -> None:
        """Returns once so many more attempts wait here."""
        for _ in range(times):
            assert await asyncio.to_thread(self._arrivals.acquire, timeout=TIMEOUT_SECONDS)

    def open(self) -> None:
        self._open.set()

    def pass_through(self) -> None:
        self._arrivals.release()
        assert self._open.wait(TIMEOUT_SECONDS)


class HeldPasswords:
    """Wraps argon2 in the threads where passwords are verified."""

    def __init__(self) -> None:
        self._gates: dict[bytes, Gate] = {}

    def hold(self, password: str) -> Gate:
        """From now on this password is verified only once its gate is open."""
        return self._gates.setdefault(password.encode(), Gate())

    @contextmanager
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldPasswords]:
        verify = PasswordHasher.verify

        def verify_later(hasher: PasswordHasher, stored: str, password: bytes) -> bool:
            if gate := self._gates.get(password):
                gate.pass_through()
            return verify(hasher, stored, password)

        monkeypatch.setattr(PasswordHasher, "verify", verify_later)
        yield self
        for gate in self._gates.values():
            gate.open()
