"""The lines of an event stream: Gemini's own, and those of gateways that speak its dialect."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from cara.devtools.emulator.faults import Switch, WireDeviation

LINE_END = "\r\n"
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ESCAPING = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER, on, for no seconds: closing sends RST in place of FIN."""


@dataclass(frozen=True)
class EventLines:
    """Writes chunks as server-sent events, as the switches want it."""

    switches: Collection[Switch]

    def opening(self) -> bytes:
        """Returns what comes before the first event."""
        return self._comment("connected")

    def event(self, body: dict[str, Any], number: int) -> bytes:
        """Returns an event; halves of surrogate pairs in it are written as escapes."""
        escaped = WireDeviation.SPLIT_SURROGATES in self.switches
        data = (_ESCAPING if escaped else _PLAIN).encode(body)
        space = "" if WireDeviation.NO_SPACE in self.switches else " "
        lines = [*self._fields(number), f"data:{space}{data}", "", ""]
        return LINE_END.join(lines).encode() + self._comment("keep-alive")

    def closing(self) -> bytes:
        """Returns what comes after the last event."""
        if WireDeviation.DONE_LINE not in self.switches:
            return b""
        space = "" if WireDeviation.NO_SPACE in self.switches else " "
        return f"data:{space}[DONE]{LINE_END}{LINE_END}".encode()

    def _fields(self, number: int) -> list[str]:
        if WireDeviation.EVENT_FIELDS not in self.switches:
            return []
        return ["event: message", f"id: {number}", "retry: 3000"]

    def _comment(self, text: str) -> bytes:
        if WireDeviation.COMMENTS not in self.switches:
            return b""
        return f": {text}{LINE_END}{LINE_END}".encode()


def drop(request: web.Request) -> None:
    """Closes the connection at once."""
    if request.transport is not None:
        request.transport.abort()


def reset(request: web.Request) -> None:
    """Closes the connection at once and tells the client so by a reset."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        request.transport.abort()
