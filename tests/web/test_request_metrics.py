"""The duration of requests as a metric."""

from __future__ import annotations

from prometheus_client import REGISTRY

from cara.observability import access_log
from cara.observability.access_log import AccessLine, AccessLog
from cara.web.context import service


def observed(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("cara_http_request_duration_seconds_count", labels) or 0


async def test_requests_are_measured_by_the_pattern_of_their_route(learner, app):
    kinds = [("GET", "/api/sessions/{id}", 200), ("GET", "/api/sessions/{id}", 404), ("any", "unknown", 404)]
    before = [observed(*kind) for kind in kinds]
    session = await learner.opens_session()
    await learner.call("GET", f"/api/sessions/{session['id']}")
    await learner.call("GET", "/api/sessions/0190b0a0-0000-7000-8000-000000000000")
    await learner.call("GET", "/api/nowhere/17")
    service(app, AccessLog).write()
    assert [observed(*kind) for kind in kinds] == [count + 1 for count in before]


async def test_event_streams_are_not_measured(learner, app):
    job = await learner.asks_for_feedback()
    await learner.expects(202, "DELETE", job["statusUrl"])
    await learner.follows(job)
    service(app, AccessLog).write()
    assert observed("GET", "/api/gemini/jobs/{id}/events", 200) == 0


async def test_methods_that_clients_make_up_are_not_remembered():
    log, before = AccessLog(), access_log._seconds_of.cache_info().currsize
    for number in range(20):
        log.add(AccessLine(f"M{number}", "/nowhere", 405, 0.1, None, "::1", None, access_log.UNKNOWN_ROUTE))
    log.write()
    assert access_log._seconds_of.cache_info().currsize <= before + 1
