"""One pub/sub connection for a process, shared by all tasks that wait for messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from cara.redis.connections import AWAY, OUTAGE, connection_pool

_READ_SECONDS = 2.0
_IDLE_CHANNEL = "cara:subscriber"
"""Keeps the connection subscribed while there are no listeners."""


class Wake(asyncio.Event):
    """Is set by every message on the channels of a listener; the listener clears it."""

    def __init__(self) -> None:
        super().__init__()
        self._channels: set[str] = set()

    def hear(self, channel: str) -> None:
        self._channels.add(channel)
        self.set()

    def take(self) -> set[str]:
        """Clears it; returns the channels that it was set by."""
        channels, self._channels = self._channels, set()
        self.clear()
        return channels


class Subscriber:
    """Wakes the listeners of a process, however many there are, through one pub/sub connection.

    Messages carry no state: they only mean that a listener should query again. A listener is also woken when
    its subscription is confirmed, at first and after each reconnection, because it may have missed messages.
    """

    def __init__(self, url: str) -> None:
        pool = connection_pool(url, size=2, retries=0)
        self._pubsub: PubSub = Redis(connection_pool=pool).pubsub()
        self._listeners: dict[str, set[Wake]] = {}

    @asynccontextmanager
    async def listen(self, *channels: str) -> AsyncIterator[Wake]:
        """Yields an event that is set for every message on the channels; the listener clears it."""
        wake = Wake()
        new = [channel for channel in channels if channel not in self._listeners]
        for channel in channels:
            self._listeners.setdefault(channel, set()).add(wake)
        try:
            if new:
                await self._subscribe(*new)
            yield wake
        finally:
            for channel in channels:
                self._listeners[channel].discard(wake)
            empty = [channel for channel in channels if not self._listeners[channel]]
            for channel in empty:
                del self._listeners[channel]
            if empty:
                await self._unsubscribe(*empty)

    async def _subscribe(self, *channels: str) -> None:
        """Best effort: after an error `run` reconnects and subscribes to all channels."""
        if self._pubsub.connection is not None:
            with suppress(*AWAY):
                await self._pubsub.subscribe(*channels)

    async def _unsubscribe(self, *channels: str) -> None:
        """Best effort, like `_subscribe`."""
        if self._pubsub.connection is not None:
            with suppress(*AWAY):
                await self._pubsub.unsubscribe(*channels)

    async def run(self) -> None:
        """Reads messages until cancelled, and reconnects after errors; runs in a task of its own."""
        try:
            while True:
                try:
                    await self._pubsub.subscribe(_IDLE_CHANNEL)
                    # Listeners that came before the connection was open are not subscribed yet.
                    if self._listeners:
                        await self._pubsub.subscribe(*self._listeners)
                    await self._read()
                except AWAY as error:
                    OUTAGE.failed("listeners poll", type(error).__name__)
                    await self._pubsub.aclose()
                    await asyncio.sleep(0.5)
        finally:
            await self._pubsub.aclose()

    async def _read(self) -> None:
        while True:
            message = await self._pubsub.get_message(timeout=_READ_SECONDS)
            if message:
                OUTAGE.answered()
            if message and message["type"] in ("subscribe", "message"):
                channel = message["channel"].decode()
                for wake in self._listeners.get(channel, ()):
                    wake.hear(channel)
