"""What the processes write to their logs: one line an event, to standard error."""

from __future__ import annotations

import logging
import sys


def set_up_logs(level: int = logging.INFO) -> None:
    """Sends log lines to standard error; the access log's lines are JSON and stay as they are."""
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[plain])
    access = logging.getLogger("aiohttp.access")
    access.propagate = False
    as_it_is = logging.StreamHandler(sys.stdout)
    as_it_is.setFormatter(logging.Formatter("%(message)s"))
    access.handlers = [as_it_is]
    for chatty in ("httpx", "google_genai", "google.genai", "yoyo"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
