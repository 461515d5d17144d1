"""Tells which files of Cara run while something is done."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import cara

PACKAGE = Path(cara.__file__).parent


@contextmanager
def files_run() -> Iterator[set[str]]:
    """The files, relative to the package, whose functions are called or resumed within the block.

    Threads count that begin within it. What the import of a module runs does not count.
    """
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(PACKAGE):
                found.add(str(path.relative_to(PACKAGE)))

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
