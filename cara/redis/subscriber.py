"""One pub/sub connection for a process, and everybody in it who waits for messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from cara.redis.connections import AWAY, connection_pool

logger = logging.getLogger(__name__)

_READ_SECONDS = 2.0
_ALWAYS = "cara:subscriber"  # keeps the connection subscribed while nobody listens


class Subscriber:
    """One pub/sub connection for a whole process: it wakes whoever listens, however many they are.

    Messages carry no truth, they only say "look again". A listener is also woken when its subscription
    is confirmed, at first and after each reconnection, because something may have been missed until then.
    """

    def __init__(self, url: str) -> None:
        pool = connection_pool(url, size=2, retries=0)
        self._pubsub: PubSub = Redis(connection_pool=pool).pubsub()
        self._listeners: dict[str, set[asyncio.Event]] = {}

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever something is published to the channel."""
        wake = asyncio.Event()
        newcomer = channel not in self._listeners
        self._listeners.setdefault(channel, set()).add(wake)
        try:
            if newcomer:
                await self._tell(self._pubsub.subscribe, channel)
            yield wake
        finally:
            self._listeners[channel].discard(wake)
            if not self._listeners[channel]:
                del self._listeners[channel]
                await self._tell(self._pubsub.unsubscribe, channel)

    async def _tell(self, command: Callable[[str], Awaitable[Any]], channel: str) -> None:
        """Best effort: a broken connection is mended, with all subscriptions, by the task that reads."""
        if self._pubsub.connection is not None:
            with suppress(*AWAY):
                await command(channel)

    async def run(self) -> None:
        """Reads messages until cancelled; belongs in a task of its own."""
        try:
            while True:
                try:
                    await self._pubsub.subscribe(_ALWAYS)
                    # Whoever came before the connection stood could not subscribe.
                    if self._listeners:
                        await self._pubsub.subscribe(*self._listeners)
                    await self._read()
                except AWAY as error:
                    logger.warning("redis subscription lost: %s", type(error).__name__)
                    await self._pubsub.aclose()  # type: ignore[no-untyped-call]
                    await asyncio.sleep(0.5)
        finally:
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _read(self) -> None:
        while True:
            message = await self._pubsub.get_message(timeout=_READ_SECONDS)
            if message and message["type"] in ("subscribe", "message"):
                for wake in self._listeners.get(message["channel"].decode(), ()):
                    wake.set()
