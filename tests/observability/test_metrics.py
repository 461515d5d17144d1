"""The metrics server."""

from __future__ import annotations

import aiohttp
import pytest

from cara.devtools.servers.ports import free_port
from cara.observability.metrics import QUOTES_DROPPED, PortUnusable, serve_metrics


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


KINDS = {
    "cara_http_request_duration_seconds": "histogram",
    "cara_http_requests_refused_total": "counter",
    "cara_http_connections_open": "gauge",
    "cara_http_connections_closed_total": "counter",
    "cara_event_streams_open": "gauge",
    "cara_rate_limit_counted_alone_total": "counter",
    "cara_feedback_job_wait_seconds": "histogram",
    "cara_feedback_jobs_ended_total": "counter",
    "cara_feedback_jobs_retried_total": "counter",
    "cara_feedback_jobs_swept_total": "counter",
    "cara_feedback_quotes_dropped_total": "counter",
    "cara_feedback_judgements_mended_total": "counter",
    "cara_analytics_events_stored_total": "counter",
    "cara_analytics_events_refused_total": "counter",
    "cara_analytics_event_group_size": "histogram",
    "cara_analytics_rollup_rows_total": "counter",
    "cara_clock_offset_seconds": "gauge",
}


async def test_dashboards_find_each_metric_under_its_name_and_nothing_else_is_served() -> None:
    port = free_port()
    async with serve_metrics("127.0.0.1", port), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        text = await (await http.get("/metrics")).text()
        assert (await http.get("/")).status == 404
    kinds = [line.split()[2:] for line in text.splitlines() if line.startswith("# TYPE cara_")]
    assert {name: kind for name, kind in kinds if not name.endswith("_created")} == KINDS


async def test_a_port_that_is_taken_is_named_in_one_line() -> None:
    port = free_port()
    async with serve_metrics("127.0.0.1", port):
        with pytest.raises(PortUnusable, match=f"^127.0.0.1:{port} cannot be used: Address already in use$"):
            async with serve_metrics("127.0.0.1", port):
                pass


@pytest.mark.parametrize("host", ["nowhere.invalid", "no..where"])
async def test_a_host_that_is_not_known_is_named_in_one_line(host: str) -> None:
    with pytest.raises(PortUnusable, match=f"^{host}:9100 cannot be used: the host is not known$"):
        async with serve_metrics(host, 9100):
            pass
