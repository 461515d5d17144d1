"""Helpers of tests: the answers of Gemini in `recorded`, see the README there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "recorded"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".txt", ".json"))


def read_recording(name: str) -> bytes:
    """Returns the bytes of a recorded body."""
    return (FOLDER / name).read_bytes()


def recorded_bodies(name: str) -> list[dict[str, Any]]:
    """Returns the JSON of a whole body, or of each event of a stream."""
    recorded = read_recording(name)
    if not name.endswith(".txt"):
        return [json.loads(recorded)]
    lines = recorded.split(b"\r\n")
    return [json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: ")]
