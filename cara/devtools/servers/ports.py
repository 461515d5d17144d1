"""Free ports and open ports on this machine."""

from __future__ import annotations

import asyncio
import socket


def free_port() -> int:
    """Returns a TCP port of 127.0.0.1 that was free a moment ago. It is not reserved, so use it soon."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def reachable_host(host: str) -> str:
    """Returns the address at which this machine reaches a server that listens at `host`.

    `host` may stand for all interfaces.
    """
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


async def port_opens(port: int, host: str = "127.0.0.1") -> None:
    """Returns when the port accepts connections. There is no timeout: bound it from outside."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
