"""Posting events, as the front end does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiohttp.test_utils import TestClient

from cara.analytics.event_writer import EventWriter
from cara.analytics.schemas import Event
from cara.json_values import JsonText
from cara.postgres.database import Database
from cara.web.context import SERVICES
from cara.web.handlers import model_json
from tests.analytics.conftest import CountingNotifier
from tests.learners import Learner

EVENTS = "/api/analytics/events"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def rows_of(database: Database, learner: Learner) -> list[Any]:
    async with database.acquire() as connection:
        return await connection.fetch(
            "select * from analytics_events where user_id = $1::uuid order by id", learner.user["id"]
        )


async def test_an_event_is_stored_before_the_response(learner: Learner, database: Database) -> None:
    posted = {
        "eventType": "page.view",
        "metadata": {"page": "<b>home</b>", "numbers": [1, 2.5]},
        "eventId": str(uuid4()),
    }
    event = await learner.expects(201, "POST", EVENTS, json=posted)
    (row,) = await rows_of(database, learner)
    assert event["eventId"] == posted["eventId"] == str(row["id"])
    assert event["userId"] == learner.user["id"]
    assert event["metadata"] == {"page": "home", "numbers": [1, 2.5]}
    assert row["metadata"].raw == b'{"page":"home","numbers":[1,2.5]}'
    assert event["eventType"] == row["event_type"] == "page.view"
    assert event["receivedAt"].endswith("Z")
    assert instant(event["receivedAt"]) == instant(event["occurredAt"]) == row["created_at"]


async def test_an_event_without_an_id_gets_one(learner: Learner) -> None:
    first = await learner.expects(201, "POST", EVENTS, json={"eventType": "opened"})
    second = await learner.expects(201, "POST", EVENTS, json={"eventType": "opened"})
    assert first["eventId"] != second["eventId"]
    assert first["metadata"] == {}


async def test_a_repeated_event_is_returned_as_it_was_first_stored(
    learner: Learner, database: Database
) -> None:
    event_id = str(uuid4())
    first = await learner.expects(201, "POST", EVENTS, json={"eventType": "one", "eventId": event_id})
    again = await learner.expects(201, "POST", EVENTS, json={"eventType": "other", "eventId": event_id})
    assert again == first
    assert again["userId"] == learner.user["id"]
    assert len(await rows_of(database, learner)) == 1


async def test_the_same_id_of_two_learners_is_two_events(
    client: TestClient[Any, Any], learner: Learner, database: Database
) -> None:
    other = await Learner.registers(client)
    event = {"eventType": "one", "eventId": str(uuid4())}
    await learner.expects(201, "POST", EVENTS, json=event)
    await other.expects(201, "POST", EVENTS, json=event)
    assert len(await rows_of(database, other)) == 1


async def test_an_event_is_answered_as_it_is_documented(learner: Learner) -> None:
    posted = {
        "eventType": "page.view",
        "metadata": {"page": "home"},
        "eventId": str(uuid4()),
        "occurredAt": datetime.now(UTC).astimezone(timezone(timedelta(hours=2))).isoformat(),
    }
    for _ in range(2):
        event = await learner.expects(201, "POST", EVENTS, json=posted)
        documented = Event.model_validate({**event, "metadata": JsonText.of(event["metadata"])})
        assert json.loads(model_json(documented)) == event
        assert instant(event["occurredAt"]) == instant(posted["occurredAt"])
        assert event["occurredAt"].endswith("Z")


async def test_a_batch_counts_new_events_and_duplicates(learner: Learner, database: Database) -> None:
    known, twice = str(uuid4()), str(uuid4())
    await learner.expects(201, "POST", EVENTS, json={"eventType": "known", "eventId": known})
    events = [{"eventType": "new", "eventId": one} for one in (known, twice, twice, str(uuid4()))]
    answer = await learner.expects(202, "POST", EVENTS, json={"events": events})
    assert answer == {"accepted": 2, "duplicates": 2}
    assert len(await rows_of(database, learner)) == 3


async def test_a_batch_holds_up_to_500_events(learner: Learner) -> None:
    events = [{"eventType": f"step_{number}"} for number in range(500)]
    answer = await learner.expects(202, "POST", EVENTS, json={"events": events})
    assert answer == {"accepted": 500, "duplicates": 0}
    await learner.expects(400, "POST", EVENTS, json={"events": [*events, {"eventType": "more"}]})
    await learner.expects(400, "POST", EVENTS, json={"events": []})


async def test_the_time_of_an_event_is_clamped_to_a_window(learner: Learner) -> None:
    now = datetime.now(UTC)
    clamped = {
        timedelta(hours=-20): timedelta(hours=-20),
        timedelta(minutes=3): timedelta(minutes=3),
        timedelta(days=-40): timedelta(days=-7),
        timedelta(days=2): timedelta(minutes=5),
    }
    for stated, expected in clamped.items():
        posted = {"eventType": "late", "occurredAt": (now + stated).isoformat()}
        event = await learner.expects(201, "POST", EVENTS, json=posted)
        assert abs(instant(event["occurredAt"]) - (now + expected)) < timedelta(minutes=1)
        assert abs(instant(event["receivedAt"]) - now) < timedelta(minutes=1)


async def test_times_at_the_ends_of_the_calendar_are_clamped_too(learner: Learner) -> None:
    for stated in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        await learner.expects(201, "POST", EVENTS, json={"eventType": "odd", "occurredAt": stated})


def nested(levels: int) -> dict[str, Any]:
    return {"inside": nested(levels - 1)} if levels > 1 else {"bottom": 1}


NO_EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("eventType", {}),
    ("eventType", {"eventType": ""}),
    ("eventType", {"eventType": "two words"}),
    ("eventType", {"eventType": "x" * 65}),
    ("eventType", {"eventType": "cara.session_created"}),
    ("eventId", {"eventType": "ok", "eventId": "17"}),
    ("occurredAt", {"eventType": "ok", "occurredAt": "yesterday"}),
    ("metadata", {"eventType": "ok", "metadata": nested(6)}),
    ("metadata", {"eventType": "ok", "metadata": {"long": "x" * 8192}}),
    ("metadata", {"eventType": "ok", "metadata": [1]}),
    ("metadata", {"eventType": "ok", "metadata": {"<script>alert(1)</script>": 1}}),
    ("metadata", {"eventType": "ok", "metadata": {"inside": [{"a\u0001b": 1}]}}),
    ("eventId", {"eventType": "ok", "eventId": "01a210b2-7033-8223-92a9-ba07b2cf72ba"}),
    ("userId", {"eventType": "ok", "userId": "other"}),
]


async def test_an_invalid_event_is_refused_with_the_field_named(learner: Learner, database: Database) -> None:
    for field, event in NO_EVENTS:
        problem = await learner.expects(400, "POST", EVENTS, json=event)
        assert problem["errors"][0]["field"] == field
        in_a_batch = {"events": [{"eventType": "fine"}, event]}
        problem = await learner.expects(400, "POST", EVENTS, json=in_a_batch)
        assert problem["errors"][0]["field"] == f"events.1.{field}"
    assert await rows_of(database, learner) == []


async def test_an_event_at_its_bounds_is_accepted(learner: Learner) -> None:
    await learner.expects(201, "POST", EVENTS, json={"eventType": "deep", "metadata": nested(5)})
    large = {"long": "x" * (8192 - len('{"long":""}'))}
    await learner.expects(201, "POST", EVENTS, json={"eventType": "x" * 64, "metadata": large})


async def test_over_the_bound_the_response_has_retry_after(
    app: web.Application, learner: Learner, database: Database
) -> None:
    app[SERVICES][EventWriter] = EventWriter(database, CountingNotifier(), queue_events=1)
    response = await learner.call("POST", EVENTS, json={"events": [{"eventType": "one"}] * 2})
    assert response.status == 503
    assert response.headers["Retry-After"] == "1"
    assert (await response.json())["code"] == "events_busy"


async def test_events_require_a_token(client: TestClient[Any, Any]) -> None:
    response = await client.post(EVENTS, json={"eventType": "opened"})
    assert response.status == 401
