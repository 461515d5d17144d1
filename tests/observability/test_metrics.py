"""The metrics server."""

from __future__ import annotations

import aiohttp
import pytest

from cara.devtools.servers.ports import free_port
from cara.observability.metrics import QUOTES_DROPPED, serve_metrics


async def test_metrics_are_served_in_the_text_format() -> None:
    port = free_port()
    QUOTES_DROPPED.inc(0)
    async with (
        serve_metrics("127.0.0.1", port),
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        text = await response.text()
        assert response.content_type == "text/plain"
    assert "cara_feedback_quotes_dropped_total" in text


async def test_without_a_port_nothing_is_served() -> None:
    port = free_port()
    async with serve_metrics("127.0.0.1", None), aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"http://127.0.0.1:{port}/metrics")
