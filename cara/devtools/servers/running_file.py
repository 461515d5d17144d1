"""The file by which other commands on a data folder find the servers of a running `cara dev`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

RUNNING_FILE = "running.json"


@contextmanager
def running_file(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Keeps the environment of our processes in the file while the block runs."""
    path = folder / RUNNING_FILE
    write_privately(path, json.dumps({"pid": os.getpid(), "environment": dict(environment)}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_environment(folder: Path) -> dict[str, str]:
    """Returns the environment of the `cara dev` that runs on the data folder; empty if none runs."""
    try:
        running = json.loads((folder / RUNNING_FILE).read_text())
        os.kill(running["pid"], 0)
    except (OSError, ValueError):
        return {}
    environment: dict[str, str] = running["environment"]
    return environment


def write_privately(path: Path, text: str) -> None:
    """Writes the file atomically, readable for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
