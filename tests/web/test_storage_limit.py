"""How many bytes a learner may store within a day, and what counts."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from cara.app import ROUTES
from cara.web.context import service
from cara.web.storage_limit import ROW_BYTES, StorageLimit, StorageLimitReached
from tests.learners import TALK, Learner

STORING = {
    "PATCH /api/users/me": {"role": "Coach"},
    "POST /api/sessions": {"featureType": "video"},
    "PATCH /api/sessions/{id}": {"title": "Once more"},
    "POST /api/gemini/generate-feedback": {"sessionId": "{id}"},
    "POST /api/gemini/process": {"prompt": "How do I begin?", "sessionId": "{id}"},
    "POST /api/analytics/events": {"eventType": "page_viewed"},
}
STORING_NOTHING = {
    "POST /api/auth/logout-all": "ends tokens",
    "POST /api/auth/reauthenticate": "a time in the place of another",
    "POST /api/auth/password": "a hash in the place of another",
    "POST /api/analytics/beacon-addresses": "a token holds all that it says",
    "POST /api/transcripts/inspect": "a transcript is looked at",
}
EVENTS = "/api/analytics/events"


async def fill(learner: Learner, limit_bytes: int) -> None:
    """Uses up what the learner may store, whatever is stored already."""
    storage = service(learner.client.app, StorageLimit)
    size = limit_bytes
    while size >= 1:
        try:
            await storage.count(UUID(learner.user["id"]), size, rows=0)
        except StorageLimitReached:
            size //= 2


def test_every_route_by_which_learners_can_store_something_is_counted() -> None:
    changing = {
        f"{route.method} {route.path}": StorageLimitReached in route.errors
        for route in ROUTES
        if route.method in ("POST", "PUT", "PATCH") and not route.public
    }
    assert {name for name, counted in changing.items() if counted} == set(STORING)
    assert {name for name, counted in changing.items() if not counted} == set(STORING_NOTHING)


async def test_whoever_has_stored_too_much_can_still_read_and_delete_but_store_nothing(served) -> None:
    limit_bytes = 100_000
    learner = await Learner.registers(await served(storage_bytes_per_day=limit_bytes))
    session = await learner.opens_session(transcript=TALK)
    await fill(learner, limit_bytes)
    for name, body in STORING.items():
        method, path = name.replace("{id}", session["id"]).split()
        asked = {key: value.replace("{id}", session["id"]) for key, value in body.items()}
        refused = await learner.call(method, path, json=asked)
        assert (refused.status, (await refused.json())["code"]) == (429, "storage_limit_reached"), name
        assert 1 <= int(refused.headers["Retry-After"]) <= 2 * 86_400
    kept = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert (kept["title"], kept["transcript"], kept["liveJobId"]) == (None, TALK, None)
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0
    await learner.expects(200, "POST", "/api/gemini/process", json={"prompt": "How do I begin?"})
    await learner.expects(204, "DELETE", f"/api/sessions/{session['id']}")

    other = await Learner.registers(learner.client)
    await other.opens_session()


@pytest.mark.parametrize(("events", "status"), [(9, 202), (10, 429)])
async def test_each_row_counts_however_small_it_is(served, events: int, status: int) -> None:
    learner = await Learner.registers(await served(storage_bytes_per_day=10 * ROW_BYTES))
    await learner.expects(status, "POST", EVENTS, json={"events": [{"eventType": "a"}] * events})


@pytest.mark.parametrize(("limit_bytes", "status"), [(20_000, 429), (30_000, 202)])
async def test_a_job_counts_the_transcript_that_it_copies(served, limit_bytes: int, status: int) -> None:
    learner = await Learner.registers(await served(storage_bytes_per_day=limit_bytes))
    session = await learner.opens_session(transcript=TALK * 40)
    asked = {"sessionId": session["id"]}
    await learner.expects(status, "POST", "/api/gemini/generate-feedback", json=asked)


async def test_keys_count_too_but_a_repeated_request_does_not(served) -> None:
    learner = await Learner.registers(await served(storage_bytes_per_day=10_000))
    asked = {"sessionId": (await learner.opens_session(transcript=TALK))["id"]}

    async def ask(key: str) -> int:
        headers = {"Idempotency-Key": key}
        return (
            await learner.call("POST", "/api/gemini/generate-feedback", json=asked, headers=headers)
        ).status

    assert [await ask("the-same") for _ in range(20)] == [202] * 20
    answers = [await ask(f"another-{number}") for number in range(10)]
    assert answers == sorted(answers)
    assert set(answers) == {202, 429}


async def test_requests_at_the_same_moment_pass_no_more_than_there_is_room_for(served) -> None:
    learner = await Learner.registers(await served(storage_bytes_per_day=10_500))
    session = await learner.opens_session()
    answers = await asyncio.gather(
        *(
            learner.call("PATCH", f"/api/sessions/{session['id']}", json={"transcript": "a" * 2_000})
            for _ in range(12)
        )
    )
    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 9
