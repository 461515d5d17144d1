"""How other commands on the same data folder find the servers of the `cara dev` that runs there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

RUNNING_FILE = "running.json"


@contextmanager
def running_file(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Tells, for as long as the block runs, what our processes were given to reach the servers."""
    path = folder / RUNNING_FILE
    write_privately(path, json.dumps({"pid": os.getpid(), "environment": dict(environment)}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_environment(folder: Path) -> dict[str, str]:
    """The environment of the `cara dev` that runs on this data folder; empty when none does."""
    try:
        running = json.loads((folder / RUNNING_FILE).read_text())
        os.kill(running["pid"], 0)
    except (OSError, ValueError):
        return {}
    environment: dict[str, str] = running["environment"]
    return environment


def write_privately(path: Path, text: str) -> None:
    """Writes the whole file or nothing; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
