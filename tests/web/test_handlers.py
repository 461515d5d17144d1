"""Typed inputs of handlers: what is read from path, query and header fields, and how it is refused."""

from __future__ import annotations

from cara.app import ROUTES
from cara.postgres.database import Connection
from cara.settings import Settings
from cara.web.guard import Caller
from cara.web.handlers import Transaction, inputs_of
from cara.web.models import QueryModel, RequestModel
from cara.web.routing import Route
from tests.learners import Learner

SESSION = "/api/sessions/0190b0a0-0000-7000-8000-000000000000"


class Body(RequestModel):
    name: str


class Page(QueryModel):
    limit: int = 20


async def held(caller: Caller, connection: Connection, settings: Settings, body: Body, query: Page) -> None:
    """Asks for one of each kind."""


async def transactional(transaction: Transaction, body: Body | None) -> None:
    """Asks for a transaction, and takes a body if there is one."""


async def caller_last(transaction: Transaction, caller: Caller) -> None:
    """Asks for the caller behind the transaction."""


def test_a_transaction_is_one_wherever_the_caller_is_asked_for():
    assert inputs_of(Route("POST", "/things", caller_last, tag="Test")).transactional


def test_the_annotations_of_a_handler_say_what_it_needs():
    inputs = inputs_of(Route("POST", "/things", held, tag="Test"))
    assert (inputs.body, inputs.body_required, inputs.query) == (Body, True, Page)
    assert (inputs.caller, inputs.connection, inputs.transactional) == ("caller", "connection", False)
    assert inputs.services == {"settings": Settings}

    inputs = inputs_of(Route("POST", "/things", transactional, tag="Test"))
    assert (inputs.connection, inputs.transactional) == ("transaction", True)
    assert (inputs.body, inputs.body_required) == (Body, False)


def test_every_path_parameter_is_read_by_its_handler():
    for route in ROUTES:
        named = {part[1:-1] for part in route.path.split("/") if part.startswith("{")}
        assert set(inputs_of(route).path) == named, route.path


QUERIES = {
    "limit=0": "limit",
    "limit=101": "limit",
    "limit=ten": "limit",
    "limit=": "limit",
    "limit=1&limit=2": "limit",
    "limit=99999999999999999999": "limit",
    "offset=-1": "offset",
    "unknown=1": "unknown",
    "featureType=dance": "featureType",
    "completed=perhaps": "completed",
    "from=yesterday": "from",
    "cursor=%00": "cursor",
    "cursor=%ff%fe": "cursor",
    "cursor=%F0%9F%98%80": "cursor",
}


async def test_an_invalid_query_parameter_is_named(learner):
    for query, field in QUERIES.items():
        problem = await learner.expects(400, "GET", f"/api/sessions?{query}")
        assert problem["code"] == "invalid_input"
        assert [item["field"] for item in problem["errors"]] == [field], query


async def test_an_invalid_id_is_refused(learner):
    for none in ("1", "0190b0a0", "%00", "..%2f..", "0190b0a0-0000-7000-8000-00000000000g", "%ff"):
        problem = await learner.expects(400, "GET", f"/api/sessions/{none}")
        assert problem["errors"][0]["field"] == "id"


async def test_an_invalid_header_field_is_named(learner):
    job = await learner.asks_for_feedback()
    asked = {"sessionId": job["jobId"], "transcript": "A talk."}
    wrong = ("a" * 300, "\u00e9\u00ff", "no number and no key")
    for value in ("", *wrong):
        key = {"Idempotency-Key": value}
        problem = await learner.expects(400, "POST", "/api/gemini/generate-feedback", json=asked, headers=key)
        assert problem["errors"][0]["field"] == "Idempotency-Key"
    for value in wrong:
        last = {"Last-Event-ID": value}
        problem = await learner.expects(400, "GET", job["eventsUrl"], headers=last)
        assert problem["errors"][0]["field"] == "Last-Event-ID"


async def test_an_empty_id_of_the_last_event_is_none(learner):
    job = await learner.asks_for_feedback()
    await learner.expects(202, "DELETE", job["statusUrl"])
    response = await learner.call("GET", job["eventsUrl"], headers={"Last-Event-ID": ""})
    assert (await response.text()).count("event: cancelled") == 1


async def test_an_unknown_method_is_answered_with_the_allowed_ones(learner):
    response = await learner.call("PUT", SESSION, json={})
    assert response.status == 405
    assert {"GET", "PATCH", "DELETE"} <= set(response.headers["Allow"].split(","))
    assert (await response.json())["code"] == "method_not_allowed"


async def test_the_last_slash_matters(learner):
    assert (await learner.call("GET", "/api/sessions/")).status == 404


async def test_a_handler_that_asks_for_no_connection_holds_none(served):
    """The only connection of the pool finds the caller first, and then works for the handler."""
    client = await served(database_pool_size=1, database_acquire_seconds=2)
    learner = await Learner.registers(client)
    await learner.asks_for_feedback()
    await learner.expects(200, "POST", "/api/gemini/process", json={"prompt": "How do I begin?"})
