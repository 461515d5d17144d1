"""Prometheus metrics, served on a separate port.

Names follow the conventions of Prometheus: a unit or `_total` at the end, few labels with few values each.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

logger = logging.getLogger(__name__)

REQUEST_SECONDS = Histogram(
    "cara_http_request_duration_seconds",
    "Duration of requests, without event streams.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
OPEN_CONNECTIONS = Gauge("cara_http_connections_open", "Open connections of clients.")
CONNECTIONS_CLOSED = Counter(
    "cara_http_connections_closed_total", "Connections that a limit refused or closed, by limit.", ["limit"]
)
OPEN_STREAMS = Gauge("cara_event_streams_open", "Open event streams.")
REQUESTS_REFUSED = Counter(
    "cara_http_requests_refused_total", "Requests refused by a rate limit, by limit.", ["limit"]
)
COUNTED_ALONE = Counter(
    "cara_rate_limit_counted_alone_total",
    "Requests that this process counted locally because Redis was unavailable.",
)
JOB_WAIT_SECONDS = Histogram(
    "cara_feedback_job_wait_seconds",
    "Time from a feedback job being due to a worker claiming it.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
JOBS_ENDED = Counter("cara_feedback_jobs_ended_total", "Feedback jobs that ended, by status.", ["status"])
JOBS_RETRIED = Counter(
    "cara_feedback_jobs_retried_total", "Attempts at feedback jobs that are retried, by error code.", ["code"]
)
JOBS_SWEPT = Counter(
    "cara_feedback_jobs_swept_total",
    "Feedback jobs that the sweeper enqueued again, by the state found.",
    ["found"],
)
EVENTS_STORED = Counter("cara_analytics_events_stored_total", "Analytics events stored, without duplicates.")
EVENTS_REFUSED = Counter(
    "cara_analytics_events_refused_total", "Analytics events refused, by error code.", ["code"]
)
EVENT_GROUP_SIZE = Histogram(
    "cara_analytics_event_group_size",
    "Analytics events written in one commit.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000),
)
ROLLUP_ROWS = Counter("cara_analytics_rollup_rows_total", "Rows folded into roll-ups.")
QUOTES_DROPPED = Counter(
    "cara_feedback_quotes_dropped_total", "Quotes in judgements that are not in the transcript."
)
JUDGEMENTS_MENDED = Counter(
    "cara_feedback_judgements_mended_total",
    "Corrections of usable judgements, by kind.",
    ["what"],
)


CLOCK_OFFSET_SECONDS = Gauge(
    "cara_clock_offset_seconds", "The clock of this process minus that of PostgreSQL, as last measured."
)


class PortUnusable(Exception):
    """The address can't be listened on; the message gives the reason in one line."""


@contextmanager
def translate_bind_errors(host: str, port: int) -> Iterator[None]:
    """Raises PortUnusable if the block, which listens on the address, cannot."""
    try:
        yield
    except (socket.gaierror, UnicodeError):
        raise PortUnusable(f"{host}:{port} cannot be used: the host is not known") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise PortUnusable(f"{host}:{port} cannot be used: {reason}") from None


@asynccontextmanager
async def serve_metrics(host: str, port: int | None) -> AsyncIterator[None]:
    """Serves `/metrics` during the block; does nothing without a port.

    Raises:
        PortUnusable: the address can't be listened on.
    """
    if port is None:
        yield
        return
    app = web.Application()
    app.router.add_get("/metrics", _metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        with translate_bind_errors(host, port):
            await web.TCPSite(runner, host, port).start()
        logger.info("metrics on http://%s:%d/metrics", host, port)
        yield
    finally:
        await runner.cleanup()


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
