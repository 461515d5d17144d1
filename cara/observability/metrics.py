"""What operators can count: Prometheus metrics, served on a port of their own.

Names follow Prometheus' conventions: a unit or `_total` at the end, few labels with few values each.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

logger = logging.getLogger(__name__)

REQUEST_SECONDS = Histogram(
    "cara_http_request_duration_seconds",
    "How long requests took, event streams left out.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
OPEN_STREAMS = Gauge("cara_event_streams_open", "Event streams that are open.")
REQUESTS_REFUSED = Counter("cara_http_requests_refused_total", "Requests over a rate limit.", ["limit"])
COUNTED_ALONE = Counter(
    "cara_rate_limit_counted_alone_total", "Requests that this process counted by itself, without Redis."
)
JOB_WAIT_SECONDS = Histogram(
    "cara_feedback_job_wait_seconds",
    "How long due jobs waited for a worker.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
JOBS_ENDED = Counter("cara_feedback_jobs_ended_total", "Feedback jobs that ended, by how.", ["status"])
JOBS_RETRIED = Counter(
    "cara_feedback_jobs_retried_total", "Attempts that are tried again, by reason.", ["code"]
)
JOBS_SWEPT = Counter("cara_feedback_jobs_swept_total", "Jobs that the sweeper handed out again.", ["found"])
EVENTS_STORED = Counter("cara_analytics_events_stored_total", "Analytics events that were new.")
EVENTS_REFUSED = Counter(
    "cara_analytics_events_refused_total", "Analytics events that were not taken, by reason.", ["code"]
)
EVENT_GROUP_SIZE = Histogram(
    "cara_analytics_event_group_size",
    "Events that were written by one commit.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000),
)
ROLLUP_ROWS = Counter("cara_analytics_rollup_rows_total", "Rows that were folded into roll-ups.")
QUOTES_DROPPED = Counter(
    "cara_feedback_quotes_dropped_total", "Quotes of the judge that do not stand in the transcript."
)
JUDGEMENTS_MENDED = Counter(
    "cara_feedback_judgements_mended_total",
    "What was put right in judgements that could be used all the same, by what it was.",
    ["what"],
)


class PortUnusable(Exception):
    """Nothing can listen there; says why in one line."""


@contextmanager
def port_at_hand(host: str, port: int) -> Iterator[None]:
    """Raises PortUnusable when the block could not listen there."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise PortUnusable(f"{host}:{port} cannot be used: {reason}") from None


@asynccontextmanager
async def metrics_served(host: str, port: int | None) -> AsyncIterator[None]:
    """Serves `/metrics` for the length of the block; nothing without a port. Raises PortUnusable."""
    if port is None:
        yield
        return
    app = web.Application()
    app.router.add_get("/metrics", _metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        with port_at_hand(host, port):
            await web.TCPSite(runner, host, port).start()
        logger.info("metrics on http://%s:%d/metrics", host, port)
        yield
    finally:
        await runner.cleanup()


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
