"""Server-sent events as Gemini and gateways in front of it write them, read as JSON objects.

Nothing here imports the SDK or does I/O. google-genai 3.4 accepts lines `data: {json}` alone, takes any other
line for raw JSON, and spends half of a call's processor time on turning events into its models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cara.gemini.json_objects import read_json

Event = dict[str, Any]
"""The JSON object of one event."""

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Longer lines, and longer objects on several lines, are dropped: no answer needs as much."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIELDS = frozenset({"", "event", "id", "retry"})
"""Fields that say nothing about an answer; the name of a comment is empty."""

_END_MARK = "[DONE]"


class EventStreamReader:
    """Reads the bytes of an event stream, however they are split, and yields its JSON objects.

    An event with a JSON object on one line is yielded as soon as its line has ended; one on several lines,
    with or without `data:`, when it has ended. Comments, other fields and payloads without an object (`null`,
    pings) are dropped, and so is all that follows on `[DONE]` once `is_finished` is set: some gateways write
    `[DONE]` before the end of an answer too, where it is noise. Lines end with CR, LF or both.
    Never holds more than one event, of `MAX_EVENT_BYTES` at most.
    """

    def __init__(self) -> None:
        self.is_finished = False
        """Whether the answer has ended; set by whoever reads the events."""
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._at_start = True
        self._is_done = False
        self._skips_line_feed = False
        self._open: str | None = None
        """How the lines of the object begin that is under way on several lines."""
        self._object: list[str] = []
        self._object_characters = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yields what the bytes complete.

        Raises:
            ValueError: an event is no JSON, though it begins like an object.
            RecursionError: an event is too deep.
        """
        if self._skips_line_feed and data:
            self._skips_line_feed = False
            data = data.removeprefix(b"\n")
        if not data or self._is_done:
            return
        *lines, rest = data.splitlines(keepends=True)
        if rest.endswith((b"\r", b"\n")):
            lines, rest = [*lines, rest], b""
        self._skips_line_feed = data.endswith(b"\r")
        for line in lines:
            yield from self._end_line(line)
        if rest:
            self._hold(rest)

    def close(self) -> Iterator[Event]:
        """Yields the last line or object, if the stream ends within it; raises as `feed` does."""
        if self._line:
            yield from self._end_line(b"")
        yield from self._end_object()

    def _hold(self, piece: bytes) -> None:
        """Keeps a piece of a line, unless the line is too long: then none of it is kept."""
        self._line_bytes += len(piece)
        if self._line_bytes > MAX_EVENT_BYTES:
            self._line.clear()
        else:
            self._line.append(piece)

    def _end_line(self, end: bytes) -> list[Event]:
        self._hold(end)
        line = b"".join(self._line).rstrip(b"\r\n")
        was_dropped = not self._line
        self._line.clear()
        self._line_bytes = 0
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        return [] if was_dropped or self._is_done else self._read(line.decode("utf-8", "replace"))

    def _read(self, line: str) -> list[Event]:
        if not line.strip():
            return self._end_object()
        name, _, value = line.partition(":")
        if name == "data":
            return self._payload(value.strip(), "data")
        if name in _FIELDS:
            return []
        return self._payload(line, "")  # an error may come as raw JSON

    def _payload(self, value: str, prefix: str) -> list[Event]:
        if value.strip() == _END_MARK:
            ended = self._end_object()
            self._is_done = self.is_finished
            return ended
        if self._open == prefix:
            return self._add_to_object(value)
        if not value.lstrip().startswith(("{", "[")):
            return []
        ended = self._end_object()
        try:
            return ended + _objects(value)
        except (ValueError, RecursionError):
            if value.startswith("["):
                return ended
        self._open = prefix
        return ended + self._add_to_object(value)

    def _add_to_object(self, value: str) -> list[Event]:
        self._object_characters += len(value)
        if self._object_characters > MAX_EVENT_BYTES:
            self._object.clear()
        elif value:
            self._object.append(value)
        return []

    def _end_object(self) -> list[Event]:
        """Returns the object on several lines, or raises if it cannot be read."""
        lines = self._object
        self._open, self._object, self._object_characters = None, [], 0
        return _objects("\n".join(lines)) if lines else []


def _objects(value: str) -> list[Event]:
    """Returns the JSON object of the value, or those of a list."""
    read = read_json(value)
    return [item for item in (read if isinstance(read, list) else [read]) if isinstance(item, dict)]
