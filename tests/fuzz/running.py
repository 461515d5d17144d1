"""A web process, a worker and the Gemini emulator as processes on free ports."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from cara.devtools.servers.ports import free_port
from cara.devtools.servers.watchdog import watchdog_command
from tests.waiting import TIMEOUT_SECONDS

JWT_SECRET = "the-secret-of-the-fuzzer-is-32-bytes-long"


@contextmanager
def running_cara(database_url: str, redis_url: str, log: Path) -> Iterator[str]:
    """Runs Cara until the end of the block; yields the URL of the web process. Output goes to the log."""
    web_port, emulator_port = free_port(), free_port()
    environment = {
        **os.environ,
        "CARA_ENV": "test",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWT_SECRET": JWT_SECRET,
        "GEMINI_API_KEY": "emulator",
        "GEMINI_BASE_URL": f"http://127.0.0.1:{emulator_port}",
        "DAILY_TOKEN_QUOTA": "1000000000",
        "RATE_LIMITS": "off",
        "STORAGE_BYTES_PER_DAY": "1000000000000",
        "PORT": str(web_port),
    }
    emulator = ["cara.devtools.emulator", "--port", str(emulator_port), "--chunk-delay-seconds", "0"]
    with ExitStack() as running, log.open("wb") as output:
        for command in (emulator, ["cara", "worker"], ["cara", "serve"]):
            running.enter_context(_process(command, environment, output.fileno()))
        url = f"http://127.0.0.1:{web_port}"
        _wait_for(url, log)
        yield url


@contextmanager
def _process(command: list[str], environment: dict[str, str], output: int) -> Iterator[None]:
    process = subprocess.Popen(
        watchdog_command([sys.executable, "-m", *command]),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        start_new_session=True,
        env=environment,
    )
    try:
        yield
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(TIMEOUT_SECONDS)


def _wait_for(url: str, log: Path) -> None:
    until = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < until:
        try:
            requests.get(f"{url}/ready", timeout=TIMEOUT_SECONDS).raise_for_status()
            return
        except requests.RequestException:
            time.sleep(0.05)
    raise TimeoutError(f"not ready within {TIMEOUT_SECONDS} s:\n{log.read_text()}")
