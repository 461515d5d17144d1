"""What the tests of local processes share."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable, Iterator

import psutil
import pytest

from cara.devtools.servers.watchdog import leash_command
from tests.waiting import TIMEOUT_SECONDS

Leash = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def leash() -> Iterator[Leash]:
    """Starts a shell script under a leash, with pipes to both ends; stops what is left of it."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, **options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            leash_command(["sh", "-c", script], **options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.stdin.close()
        process.wait(TIMEOUT_SECONDS)
        process.stdout.close()


@pytest.fixture
def assert_all_end() -> Callable[[list[psutil.Process]], None]:
    """Waits until processes, children of ours or not, have ended; fails after ten seconds."""

    def wait(processes: list[psutil.Process]) -> None:
        for process in processes:
            assert has_ended(process, within_seconds=TIMEOUT_SECONDS), f"still there: {process}"

    return wait


def has_ended(process: psutil.Process, within_seconds: float) -> bool:
    try:
        # Not by asking for the number: init may be late to bury an orphan.
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], within_seconds)[0])
    finally:
        os.close(descriptor)
