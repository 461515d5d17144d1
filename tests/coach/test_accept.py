"""Which `Accept` asks for a stream, and which for JSON."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from cara.coach.routes import wants_events
from tests.coach.coach_client import PATH, PROMPT
from tests.learners import Learner


def wants(*accept: str) -> bool:
    return wants_events(make_mocked_request("POST", PATH, CIMultiDict(("Accept", value) for value in accept)))


@pytest.mark.parametrize(
    "accept",
    [
        "text/event-stream",
        "Text/Event-Stream",
        "text/event-stream, */*",
        "*/*, text/event-stream",
        "application/json, text/event-stream",
        "application/json;q=0.5, text/event-stream;q=0.5",
        "application/json;q=0.5,text/event-stream; q=0.8",
        "text/event-stream;charset=utf-8;q=0.1",
        "text/event-stream;Q=0.001",
        "application/json;q=0, text/event-stream;q=0.1",
        "application/json;q=0.1, */*;q=0.9, text/event-stream;q=0.2",
    ],
)
def test_event_streams_that_are_named_are_sent(accept: str) -> None:
    assert wants(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/*",
        "application/json",
        "text/event-stream;q=0",
        "text/event-stream;q=0.000",
        "text/event-stream; q=0, */*",
        "text/event-stream;q=0.5, application/json",
        "text/event-stream;q=0.5, application/json;q=0.6",
        "text/event-stream;q=0.5, application/*;q=0.6",
        "text/event-stream;q=0.5, */*;q=0.6",
        "text/event-streams",
        "text/plain;profile=text/event-stream",
    ],
)
def test_everything_else_is_answered_with_json(accept: str) -> None:
    assert not wants(accept)


@pytest.mark.parametrize("quality", ["", "high", "2", "-1", "0.1234", "1.5", "nan", "1e-9", "²", "."])
def test_a_malformed_quality_is_taken_for_one(quality: str) -> None:
    assert wants(f"text/event-stream;q={quality}")
    assert not wants(f"text/event-stream;q=0.9, application/json;q={quality}")


def test_several_fields_are_read_as_one() -> None:
    assert wants("application/json;q=0.5", "text/event-stream")
    assert not wants("application/json", "text/event-stream;q=0.5")
    assert not wants()


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json;q=0.9, text/event-stream;q=0.5", "application/json"),
        ("application/json;q=0.5, text/event-stream;q=0.9", "text/event-stream"),
    ],
)
async def test_the_coach_answers_as_it_is_asked(learner: Learner, accept: str, content_type: str) -> None:
    response = await learner.call("POST", PATH, json={"prompt": PROMPT}, headers={"Accept": accept})
    assert (response.status, response.content_type) == (200, content_type)
    await response.read()
