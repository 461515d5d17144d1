"""Start a server's program under a leash and wait until it is ready."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cara.devtools.servers.errors import ServerDidNotStart
from cara.devtools.servers.watchdog import leash_command

GRACE_SECONDS = 20.0
READY_SECONDS = 60.0
"""Long enough for PostgreSQL to recover from a crash, or Valkey to load its file."""


@contextmanager
def leashed(
    command: Sequence[str],
    *,
    log: Path,
    lock: int,
    stop_signal: signal.Signals,
    user: str | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` under a leash, its output in `log`; on leaving, stop it and wait for its end."""
    line = leash_command(
        command,
        stop_signal=stop_signal,
        orphan_signal=stop_signal,
        grace_seconds=GRACE_SECONDS,
        user=user,
        held_descriptor=lock,
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            line,
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
    """Our environment without what would change a server's or its tools' behaviour."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C"}


def run_to_end(command: Sequence[str], *, log: Path, lock: int, user: str | None) -> None:
    """Run a command that ends by itself. Raises ServerDidNotStart when it fails."""
    with leashed(command, log=log, lock=lock, stop_signal=signal.SIGTERM, user=user) as process:
        if process.wait(READY_SECONDS) != 0:
            raise ServerDidNotStart(f"{Path(command[0]).name} failed", tail(log))


def wait_until_ready(
    process: subprocess.Popen[bytes], is_ready: Callable[[], bool], *, name: str, log: Path
) -> None:
    """Return when `is_ready` says so. Raises ServerDidNotStart when the process ends or time is up."""
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        if process.poll() is not None:
            raise ServerDidNotStart(f"{name} ended with code {process.returncode}", tail(log))
        if time.monotonic() > deadline:
            raise ServerDidNotStart(f"{name} was not ready after {READY_SECONDS:.0f} s", tail(log))
        time.sleep(0.005)


def tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
