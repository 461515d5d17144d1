"""Closing a port: whoever is connected is answered, whoever is not is refused, and nobody is reset."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web

from cara.web.listening import stop_listening
from tests.waiting import TIMEOUT_SECONDS

POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


async def hello(_: web.BaseRequest) -> web.Response:
    return web.Response(text="hello")


def connected(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=TIMEOUT_SECONDS)


async def test_connections_that_wait_to_be_accepted_are_answered_before_the_port_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cara.web.listening.FIRST_REQUEST_SECONDS", TIMEOUT_SECONDS)
    server = web.Server(hello)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1")
    address = listener.sockets[0].getsockname()
    # The event loop accepts none of them meanwhile: they lie in the queue of the kernel.
    clients = [connected(address) for _ in range(20)]
    late = connected(address)
    for client in clients:
        client.sendall(POST)
    stopping = asyncio.create_task(stop_listening(listener, server))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(connected, address)
    late.sendall(POST)
    await stopping
    answers = [await asyncio.to_thread(client.recv, 65_536) for client in [*clients, late]]
    assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)
