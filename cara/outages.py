"""The outage of a service: one line in the log when it begins, and one when it is over."""

from __future__ import annotations

import logging
import time
from collections import Counter

logger = logging.getLogger(__name__)

QUIET_SECONDS = 2.0
"""An outage is over at the first success after so long without a failure: in between they may alternate."""


class Outage:
    """What is known of the outage of one service, as this process sees it.

    Whoever uses the service calls `failed` and `answered`. However many requests fail, the log has one line
    at ERROR (which Sentry reports) with the first reason, and one at WARNING when the service is back.
    """

    def __init__(self, service: str, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self.lasts = False
        self.failures: Counter[str] = Counter()
        """How often it failed since the outage began, by kind."""
        self._service = service
        self._quiet_seconds = quiet_seconds
        self._since = 0.0
        self._answered_at: float | None = None
        self._failed_at: dict[str, float] = {}
        self._reads_succeed = False

    def failed(self, kind: str, reason: str, *, reads_succeed: bool = False) -> None:
        """Counts a failure of this kind; the first one begins the outage.

        With `reads_succeed` only a success that wrote something ends it.
        """
        now = self._failed_at[kind] = time.monotonic()
        self._answered_at = None
        self.failures[kind] += 1
        self._reads_succeed |= reads_succeed
        if not self.lasts:
            self.lasts, self._since = True, now
            logger.error("%s fails: %s (%s)", self._service, kind, reason, stacklevel=2)

    def answered(self, *, wrote: bool = True) -> None:
        """Ends the outage, unless something failed just now.

        It lasted from its first failure to the first success after its last one.
        """
        if not self.lasts or (self._reads_succeed and not wrote):
            return
        now = time.monotonic()
        self._answered_at = self._answered_at or now
        if now - max(self._failed_at.values()) < self._quiet_seconds:
            return
        kinds = ", ".join(f"{count} x {kind}" for kind, count in self.failures.most_common())
        seconds = self._answered_at - self._since
        logger.warning(
            "%s serves again: it failed for %.1f s, %s", self._service, seconds, kinds, stacklevel=2
        )
        self.lasts = self._reads_succeed = False
        self.failures.clear()
        self._failed_at.clear()

    def failed_within(self, kind: str, seconds: float) -> bool:
        """Returns whether something failed in this way within the last seconds, and the outage lasts."""
        return time.monotonic() - self._failed_at.get(kind, float("-inf")) < seconds
