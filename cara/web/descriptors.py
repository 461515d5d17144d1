"""How many files the process may have open: as many as it can get, shared out so that it never runs out."""

from __future__ import annotations

import logging
import resource
from typing import Final

from cara.observability.logging import OncePerSecond
from cara.settings import Settings

logger = logging.getLogger(__name__)

MOST_DESCRIPTORS: Final = 65_536
BACKLOG: Final = 128
"""Connections that the system keeps until they are accepted."""
ACCEPTED_AT_ONCE: Final = 3 * BACKLOG
"""asyncio accepts up to `BACKLOG` in a turn of the loop, and a refused one is closed two turns later."""
OWN_DESCRIPTORS: Final = 64
"""Of the interpreter, the logs, the listening sockets and the metrics."""
ACCEPT_FAILED: Final = "socket.accept() out of system resource"


class _AcceptFailures(logging.Filter):
    """Makes one line a second at most, without a traceback, of asyncio's many when it has no descriptor left.

    CPython 3.11 writes `backlog` of them each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._may_log = OncePerSecond()

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether the line is written."""
        if not record.getMessage().startswith(ACCEPT_FAILED):
            return True
        record.msg, record.args, record.exc_info = f"{ACCEPT_FAILED}: clients have to wait", None, None
        return self._may_log()


logging.getLogger("asyncio").addFilter(_AcceptFailures())


def raise_descriptor_limit() -> int:
    """Raises the soft limit of open files to the hard one, at most `MOST_DESCRIPTORS`; returns what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS has a lower limit of its own
        return soft
    logger.info("raised the limit of open files from %d to %d", soft, wanted)
    return wanted


def room_for_connections(settings: Settings, descriptors: int) -> int:
    """Returns how many connections leave room for what else the process opens; a quarter of all at least."""
    others = settings.database_pool_size + settings.redis_pool_size + settings.gemini_max_in_flight
    return max(descriptors // 4, descriptors - others - OWN_DESCRIPTORS - ACCEPTED_AT_ONCE)
