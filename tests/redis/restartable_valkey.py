"""A Valkey of a test's own, that can be stopped and started again at the same address."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from cara.devtools.servers.embedded import embedded_valkey


class RestartableValkey:
    """Runs from the beginning until it is stopped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()
        self.start()

    def start(self) -> None:
        self.url = self._running.enter_context(embedded_valkey(self._folder, durable=False))

    def stop(self) -> None:
        self._running.close()
