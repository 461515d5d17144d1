"""Running the `cara` command like at a terminal."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

import cara
from cara.local_settings import LocalSettings
from cara.settings import Settings
from tests.waiting import TIMEOUT_SECONDS

REPOSITORY = Path(cara.__file__).parents[1]
COMMAND_SECONDS = 3 * TIMEOUT_SECONDS
"""Commands start servers and processes of their own."""


def request(
    url: str, json_body: dict[str, Any] | None = None, token: str = "", fields: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and JSON of a GET, or of a POST when there is a body; `fields` go into the header."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **(fields or {})}
    data = None if json_body is None else json.dumps(json_body).encode()
    try:
        with urlopen(Request(url, data, headers), timeout=TIMEOUT_SECONDS) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def environment(**changes: str) -> dict[str, str]:
    """Our environment without settings of Cara, plus the changes."""
    known = {name.upper() for model in (Settings, LocalSettings) for name in model.model_fields} | {
        "CARA_ENV"
    }
    kept = {name: value for name, value in os.environ.items() if name not in known}
    return {"PYTHONPATH": str(REPOSITORY), **kept, **changes}


def cara_command(
    *arguments: str, folder: Path, seconds: float = COMMAND_SECONDS, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command and waits for its end."""
    return subprocess.run(
        [sys.executable, "-m", "cara", *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=seconds,
    )


class Running:
    """A started command, and its lines so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._pending = b""

    def until(self, text: str, *, times: int = 1, seconds: float = COMMAND_SECONDS) -> None:
        """Waits until that many lines contain the text; fails after a timeout."""
        deadline = time.monotonic() + seconds
        while sum(text in line for line in self.lines) < times:
            line = self._line(deadline)
            assert line is not None, f"{text!r} is not among:\n{chr(10).join(self.lines)}"
            self.lines.append(line)

    def _line(self, deadline: float) -> str | None:
        """The next line; None if there is none before the deadline."""
        assert self.process.stdout is not None
        output = self.process.stdout.fileno()
        while b"\n" not in self._pending:
            if not select.select([output], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            if not (chunk := os.read(output, 65_536)):
                return None
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def children(self) -> list[psutil.Process]:
        """The processes below it, at any depth."""
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def running(*command: str, folder: Path, **settings: str) -> Iterator[Running]:
    """Starts a command in a session of its own; kills it at the end of the block if it still runs."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment(PYTHONUNBUFFERED="1", **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_SECONDS)


def assert_all_end(processes: Iterable[psutil.Process], seconds: float = TIMEOUT_SECONDS) -> None:
    """Waits until the processes have ended. A zombie that init has yet to reap has ended."""
    for process in processes:
        assert _has_ended(process.pid, seconds), f"still there: {process}"


def _has_ended(pid: int, seconds: float) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)
