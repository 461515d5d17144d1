"""Server-sent events as Gemini and gateways in front of it write them, made readable for the SDK.

google-genai 3.4 accepts lines `data: {json}` alone and takes any other line for raw JSON. This filter passes
events that hold JSON objects, written its way, and drops all else. Nothing here imports the SDK or does I/O.
"""

from __future__ import annotations

import json
import re
from typing import Any

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIELDS = frozenset({"", "event", "id", "retry"})
"""Fields that say nothing about an answer; the name of a comment is empty."""

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

    An event with a JSON object on one line is returned as soon as its line has ended. Comments, other fields
    and payloads that hold no object (`[DONE]`, `null`, pings) are dropped. Lines end with CR, LF or both. An
    object on several lines, with or without `data:`, is passed line by line. Never holds more than a line.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._at_start = True
        self._skips_line_feed = False
        self._open: str | None = None
        """How the lines of the object begin that is under way on several lines."""

    def feed(self, data: bytes) -> bytes:
        """Returns what the bytes complete, which may be nothing."""
        if self._skips_line_feed and data:
            self._skips_line_feed = False
            data = data.removeprefix(b"\n")
        if not data:
            return b""
        *lines, rest = data.splitlines(keepends=True)
        if rest.endswith((b"\r", b"\n")):
            lines, rest = [*lines, rest], b""
        self._skips_line_feed = data.endswith(b"\r")
        passed = b"".join(map(self._end_line, lines))
        if rest:
            self._line.append(rest)
        return passed

    def close(self) -> bytes:
        """Returns the last line, if the stream ends within it."""
        return self._end_line(b"") if self._line else b""

    def _end_line(self, end: bytes) -> bytes:
        line = b"".join([*self._line, end]).rstrip(b"\r\n")
        self._line.clear()
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        return self._read(line.decode("utf-8", "replace")).encode()

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
        if self._open == prefix:
            return f"{prefix}{value}\n" if value else ""
        if not value.lstrip().startswith(("{", "[")):
            return ""
        ended = self._end_object()
        events = _events(value)
        if events is None and not value.startswith("["):
            self._open = prefix
            return f"{ended}{prefix}{value}\n"
        return ended + (events or "")

    def _end_object(self) -> str:
        was_open, self._open = self._open is not None, None
        return "\n" if was_open else ""


def _events(value: str) -> str | None:
    """Returns an event for the JSON object in the value, or for each of a list; None if it is unreadable."""
    try:
        read = json.loads(value, strict=False)
        objects = [item for item in (read if isinstance(read, list) else [read]) if isinstance(item, dict)]
        return "".join(f"data: {_written(one)}\n\n" for one in objects)
    except (ValueError, RecursionError):
        return None


def _written(data: dict[str, Any]) -> str:
    """Returns the object on one line; an error stands alone, because the SDK only looks at what is first."""
    if error := data.pop("error", None):
        data = {"error": _coded(error)}
    return carry_surrogates(json.dumps(data, ensure_ascii=False))


def _coded(error: Any) -> dict[str, Any]:
    """Returns the error with a code, without which the SDK fails: by default that of an internal error."""
    if not isinstance(error, dict):
        return {"code": _INTERNAL_ERROR, "message": str(error)}
    code = error.get("code")
    is_code = isinstance(code, int) and not isinstance(code, bool) and code >= _LOWEST_ERROR
    return {**error, "code": code if is_code else _INTERNAL_ERROR}
