"""Reading server-sent events as a browser would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse

from tests.waiting import time_limit


@dataclass(frozen=True)
class SentEvent:
    """One event as it came."""

    name: str
    data: Any
    number: int | None


async def read_events(response: ClientResponse) -> AsyncIterator[SentEvent]:
    """The events of a stream until the server closes it, within a bounded time."""
    fields: dict[str, str] = {}
    async with time_limit():
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                number = int(fields["id"]) if "id" in fields else None
                yield SentEvent(fields["event"], json.loads(fields["data"]), number)
                fields = {}
            else:
                fields = {}
