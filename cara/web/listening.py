"""Closes a port without losing the requests of those who were just connecting.

When a listening socket is closed, the kernel resets the connections that nobody has accepted yet, though
their clients may have sent a request already. A proxy must not send a POST again after that. So here, on
Linux, a filter on the socket first drops the packets that would open further connections: their clients
repeat them a second later, when the port is closed, and are refused, whereupon a proxy goes elsewhere.
"""

from __future__ import annotations

import asyncio
import ctypes
import selectors
import struct
from contextlib import suppress
from socket import SOL_SOCKET

from aiohttp.web import Server

HANDSHAKE_SECONDS = 0.05
"""A round trip: after that, those who are connecting are connected."""

ACCEPT_SECONDS = 1.0
FIRST_REQUEST_SECONDS = 1.0
POLL_SECONDS = 0.02

_SO_ATTACH_FILTER = 26
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte of flags in the header of TCP
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # go on if that is SYN alone, else skip one
    (0x06, 0, 0, 0),  # drop the packet
    (0x06, 0, 0, 0xFFFF_FFFF),  # let all of it pass
)
"""A filter in classic BPF: struct sock_filter of linux/filter.h, operation by operation."""


async def stop_listening(listener: asyncio.Server, server: Server) -> None:
    """Closes the port; returns when the connections that came last had time to send their request."""
    _drop_new_connections(listener)
    await asyncio.sleep(HANDSHAKE_SECONDS)
    with suppress(TimeoutError):
        async with asyncio.timeout(ACCEPT_SECONDS):
            while _has_waiting(listener):  # noqa: ASYNC110 - the event loop accepts in between
                await asyncio.sleep(0)
    listener.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(FIRST_REQUEST_SECONDS):
            while server.connections:  # noqa: ASYNC110 - aiohttp tells nobody when one is closed
                await asyncio.sleep(POLL_SECONDS)


def _drop_new_connections(listener: asyncio.Server) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *operation) for operation in _DROP_SYN))
    program = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(code))
    for socket in listener.sockets:
        with suppress(OSError):  # another system than Linux: a few may be reset
            socket.setsockopt(SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _has_waiting(listener: asyncio.Server) -> bool:
    """Returns whether a connection waits to be accepted."""
    with selectors.DefaultSelector() as selector:
        for socket in listener.sockets:
            selector.register(socket.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))
