"""Server-sent events as Gemini and gateways in front of it write them, made readable for the SDK.

google-genai 3.4 accepts lines `data: {json}` alone and takes any other line for raw JSON. This filter passes
events that hold JSON objects, written its way and reduced to what Cara reads, and drops all else. Nothing
here imports the SDK or does I/O.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cara.gemini.event_members import known_members
from cara.gemini.json_objects import read_json

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Longer lines, and longer objects on several lines, are dropped: no answer needs as much."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIELDS = frozenset({"", "event", "id", "retry"})
"""Fields that say nothing about an answer; the name of a comment is empty."""

_END_MARK = "[DONE]"
_FINISH_MARKS = ('"finishReason": ', '"blockReason": ', '"error": ')
"""Members of events that end an answer; within a text their quotes would be escaped."""
_LOWEST_ERROR, _INTERNAL_ERROR = 400, 500

_SURROGATE = re.compile("[\ud800-\udfff]")
_CARRIED_SURROGATE = re.compile("[\U0010d800-\U0010dfff]")
_CARRIER_OFFSET = 0x100000


def carry_surrogates(text: str) -> str:
    """Replaces lone surrogates, which the SDK refuses, by code points of private plane 16."""
    return _SURROGATE.sub(lambda found: chr(_CARRIER_OFFSET + ord(found[0])), text)


def restore_surrogates(text: str) -> str:
    """Returns lone surrogates to a text from `carry_surrogates`; halves that meet become one character."""
    if not _CARRIED_SURROGATE.search(text):
        return text
    return _CARRIED_SURROGATE.sub(lambda found: chr(ord(found[0]) - _CARRIER_OFFSET), text)


class EventStreamFilter:
    """Reads the bytes of an event stream, however they are split, and returns those that the SDK reads.

    An event with a JSON object on one line is returned as soon as its line has ended; one on several lines,
    with or without `data:`, when it has ended. Comments, other fields and payloads without an object (`null`,
    pings) are dropped, and so is all that follows on `[DONE]` after the end of an answer. Some gateways write
    `[DONE]` earlier too: there it is noise. Lines end with CR, LF or both.
    Never holds more than one event, of `MAX_EVENT_BYTES` at most.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._at_start = True
        self._is_finished = self._is_done = False
        self._skips_line_feed = False
        self._open: str | None = None
        """How the lines of the object begin that is under way on several lines."""
        self._object: list[str] = []
        self._object_characters = 0

    def feed(self, data: bytes) -> bytes:
        """Returns what the bytes complete, which may be nothing."""
        if self._skips_line_feed and data:
            self._skips_line_feed = False
            data = data.removeprefix(b"\n")
        if not data or self._is_done:
            return b""
        *lines, rest = data.splitlines(keepends=True)
        if rest.endswith((b"\r", b"\n")):
            lines, rest = [*lines, rest], b""
        self._skips_line_feed = data.endswith(b"\r")
        passed = b"".join(map(self._end_line, lines))
        if rest:
            self._hold(rest)
        return passed

    def close(self) -> bytes:
        """Returns the last line or object, if the stream ends within it."""
        passed = self._end_line(b"") if self._line else b""
        return passed + self._end_object().encode()

    def _hold(self, piece: bytes) -> None:
        """Keeps a piece of a line, unless the line is too long: then none of it is kept."""
        self._line_bytes += len(piece)
        if self._line_bytes > MAX_EVENT_BYTES:
            self._line.clear()
        else:
            self._line.append(piece)

    def _end_line(self, end: bytes) -> bytes:
        self._hold(end)
        line = b"".join(self._line).rstrip(b"\r\n")
        was_dropped = not self._line
        self._line.clear()
        self._line_bytes = 0
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        return b"" if was_dropped or self._is_done else self._read(line.decode("utf-8", "replace")).encode()

    def _read(self, line: str) -> str:
        if not line.strip():
            return self._end_object()
        name, _, value = line.partition(":")
        if name == "data":
            return self._payload(value.strip(), "data: ")
        if name in _FIELDS:
            return ""
        return self._payload(line, "")  # an error may come as raw JSON

    def _payload(self, value: str, prefix: str) -> str:
        if value.strip() == _END_MARK:
            ended = self._end_object()
            self._is_done = self._is_finished
            return ended
        if self._open == prefix:
            return self._add_to_object(value)
        if not value.lstrip().startswith(("{", "[")):
            return ""
        ended = self._end_object()
        events = self._events(value)
        if events is None and not value.startswith("["):
            self._open = prefix
            return ended + self._add_to_object(value)
        return ended + (events or "")

    def _add_to_object(self, value: str) -> str:
        self._object_characters += len(value)
        if self._object_characters > MAX_EVENT_BYTES:
            self._object.clear()
        elif value:
            self._object.append(value)
        return ""

    def _end_object(self) -> str:
        """Returns the event of the object on several lines; the SDK refuses it itself if it is unreadable."""
        prefix, lines = self._open, self._object
        self._open, self._object, self._object_characters = None, [], 0
        if prefix is None or not lines:
            return ""
        events = self._events("\n".join(lines))
        return events if events is not None else "".join(f"{prefix}{line}\n" for line in lines) + "\n"

    def _events(self, value: str) -> str | None:
        events = _events(value)
        self._is_finished = self._is_finished or any(mark in (events or "") for mark in _FINISH_MARKS)
        return events


def _events(value: str) -> str | None:
    """Returns an event for the JSON object in the value, or for each of a list; None if it is unreadable."""
    try:
        read = read_json(value)
        objects = [item for item in (read if isinstance(read, list) else [read]) if isinstance(item, dict)]
        return "".join(f"data: {_written(one)}\n\n" for one in objects)
    except (ValueError, RecursionError):
        return None


def _written(data: dict[str, Any]) -> str:
    """Returns the object on one line; an error stands alone, because the SDK only looks at what is first."""
    error = data.get("error")
    written = {"error": _coded(error)} if error else known_members(data)
    return carry_surrogates(json.dumps(written, ensure_ascii=False))


def _coded(error: Any) -> dict[str, Any]:
    """Returns the error with a code, without which the SDK fails: by default that of an internal error."""
    if not isinstance(error, dict):
        return {"code": _INTERNAL_ERROR, "message": str(error)}
    code = error.get("code")
    is_code = isinstance(code, int) and not isinstance(code, bool) and code >= _LOWEST_ERROR
    return {**error, "code": code if is_code else _INTERNAL_ERROR}
