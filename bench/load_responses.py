"""HTTP/1.1 responses as a benchmark reads them: whole or not yet, by their length or their chunks."""

from __future__ import annotations


class LoadFailed(Exception):
    """A request was answered with an error, or not at all, or by bytes that are no response."""


class ResponseReader:
    """Puts the responses of one connection together, of which there is one at a time."""

    def __init__(self) -> None:
        self._received = b""

    def feed(self, data: bytes) -> tuple[int, bytes] | None:
        """Returns status and body once the response is whole; chunks are left in the body.

        Raises:
            LoadFailed: it is no response, tells no length, or has bytes behind it.
        """
        self._received = received = self._received + data if self._received else data
        begin = received.find(b"\r\n\r\n") + 4
        if begin == 3:
            return None
        status, head = _status(received), received[:begin].lower()
        length = _body_length(status, head, received, begin)
        if length is None or len(received) < begin + length:
            return None
        if len(received) > begin + length:
            raise LoadFailed(f"{len(received) - begin - length} bytes stand behind the response")
        self._received = b""
        return status, received[begin:]


def _status(received: bytes) -> int:
    if not received.startswith(b"HTTP/1.1 ") or not received[9:12].isdigit():
        raise LoadFailed(f"this is no response: {received[:40]!r}")
    return int(received[9:12])


def _body_length(status: int, head: bytes, received: bytes, begin: int) -> int | None:
    """Returns the length of the body, with all of its chunks; None as long as the last one is missing."""
    if status in (204, 304):
        return 0
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(head[at + 17 : head.index(b"\r\n", at + 2)])
    if b"\r\ntransfer-encoding: chunked\r\n" not in head:
        raise LoadFailed("the response tells no length")
    return _chunked_length(received, begin)


def _chunked_length(received: bytes, begin: int) -> int | None:
    at = begin
    while (line_end := received.find(b"\r\n", at)) >= 0:
        size = int(received[at:line_end].split(b";")[0], 16)
        at = line_end + 2 + size + 2
        if not size:
            return at - begin
    return None
