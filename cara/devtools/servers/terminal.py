"""One terminal for several processes: each line begins with the name of its process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TextIO

COLORS = (36, 33, 32, 35, 34, 31)
"""ANSI foreground colors, assigned to names in the order of their first lines."""

LONGEST_LINE_BYTES = 64 * 1024


class Terminal:
    """Writes lines as `name | text`, in color on a terminal unless NO_COLOR is set."""

    def __init__(self, stream: TextIO, *, width: int = 8) -> None:
        self._stream = stream
        self._width = width
        self._colored = stream.isatty() and not os.environ.get("NO_COLOR")
        self._colors: dict[str, int] = {}

    def line(self, name: str, text: str) -> None:
        """Writes one line at once."""
        label = f"{name:<{self._width}} |"
        if self._colored:
            color = self._colors.setdefault(name, COLORS[len(self._colors) % len(COLORS)])
            label = f"\x1b[{color}m{label}\x1b[0m"
        self._stream.write(f"{label} {text}\n")
        self._stream.flush()


async def relay_lines(stream: asyncio.StreamReader, write: Callable[[str], None]) -> None:
    """Calls `write` with each line of the stream until its end; lines are cut at 64 KiB."""
    pending = b""
    while chunk := await stream.read(LONGEST_LINE_BYTES):
        *lines, pending = (pending + chunk).split(b"\n")
        if len(pending) > LONGEST_LINE_BYTES:
            lines, pending = [*lines, pending], b""
        for line in lines:
            write(line.rstrip(b"\r").decode(errors="replace"))
    if pending:
        write(pending.decode(errors="replace"))
