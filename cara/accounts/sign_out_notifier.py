"""Wakes the event streams of a user, in all web processes, because a sign-in of theirs has ended."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from redis.asyncio import Redis

from cara.redis.connections import AWAY
from cara.web.guard import sign_out_channel

logger = logging.getLogger(__name__)

_NOTIFY_SECONDS = 1.0


class SignOutNotifier:
    """Notifies of sign-ins that have ended; call it after the commit."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def notify(self, user_id: UUID) -> None:
        """Best effort, within a second: while Redis is away, streams notice it some seconds later."""
        try:
            async with asyncio.timeout(_NOTIFY_SECONDS):
                await self._redis.publish(sign_out_channel(user_id), b"")
        except AWAY as error:
            logger.warning("event streams end some seconds late: redis is away (%s)", type(error).__name__)
