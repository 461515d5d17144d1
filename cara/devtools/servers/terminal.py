"""One terminal for several processes: each line bears the name of who said it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 31)
"""ANSI foreground colours, one a name in the order of their first line."""

LONGEST_LINE_BYTES = 64 * 1024


class Terminal:
    """Writes lines as `name | text`, in colour on a terminal unless NO_COLOR is set."""

    def __init__(self, stream: TextIO, *, width: int = 8) -> None:
        self._stream = stream
        self._width = width
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR")
        self._colours: dict[str, int] = {}

    def line(self, name: str, text: str) -> None:
        label = f"{name:<{self._width}} |"
        if self._coloured:
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            label = f"\x1b[{colour}m{label}\x1b[0m"
        self._stream.write(f"{label} {text}\n")
        self._stream.flush()


async def relay_lines(stream: asyncio.StreamReader, write: Callable[[str], None]) -> None:
    """Pass on each line of the stream until its end; a line without end is cut at 64 KiB."""
    pending = b""
    while chunk := await stream.read(LONGEST_LINE_BYTES):
        *lines, pending = (pending + chunk).split(b"\n")
        if len(pending) > LONGEST_LINE_BYTES:
            lines, pending = [*lines, pending], b""
        for line in lines:
            write(line.rstrip(b"\r").decode(errors="replace"))
    if pending:
        write(pending.decode(errors="replace"))
