"""What the tests of local processes share."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable, Iterator

import psutil
import pytest

from cara.devtools.servers.watchdog import watchdog_command
from tests.waiting import TIMEOUT_SECONDS

StartUnderWatchdog = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def watched() -> Iterator[StartUnderWatchdog]:
    """Starts shell scripts under a watchdog with pipes to both ends, and stops what is left of them."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, **options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            watchdog_command(["sh", "-c", script], **options),
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
    """Waits until processes, children of ours or not, have ended; fails after a timeout."""

    def wait(processes: list[psutil.Process]) -> None:
        for process in processes:
            assert has_ended(process, within_seconds=TIMEOUT_SECONDS), f"still there: {process}"

    return wait


def has_ended(process: psutil.Process, within_seconds: float) -> bool:
    try:
        # A pid alone proves nothing: init may reap an orphan late.
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], within_seconds)[0])
    finally:
        os.close(descriptor)
