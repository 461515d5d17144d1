"""Sessions that are opened under an Idempotency-Key."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import ClientResponse

from cara.postgres.database import Database
from tests.learners import TALK, Learner

BODY = {"featureType": "video", "title": "Once", "practicedAt": "2026-01-31T10:30:00+01:00"}


async def opens(learner: Learner, key: str, body: dict[str, Any] = BODY) -> ClientResponse:
    return await learner.call("POST", "/api/sessions", json=body, headers={"Idempotency-Key": key})


async def test_a_repeated_request_gets_the_session_that_it_opened_as_it_is_now(learner: Learner) -> None:
    first = await opens(learner, "a")
    path = first.headers["Location"]
    changed = await learner.expects(200, "PATCH", path, json={"title": "Changed", "transcript": TALK})
    asked = {"sessionId": changed["id"]}
    job = await learner.expects(202, "POST", "/api/gemini/generate-feedback", json=asked)

    again = await opens(learner, "a", BODY | {"practicedAt": "2026-01-31T09:30:00Z", "description": None})
    now = await learner.call("GET", path)
    assert (first.status, again.status, again.headers["Location"]) == (201, 201, path)
    assert again.headers["ETag"] == now.headers["ETag"]
    assert await again.json() == await now.json() == {**changed, "liveJobId": job["jobId"]}
    assert (await learner.expects(200, "GET", "/api/sessions"))["total"] == 1


async def test_the_same_key_with_another_body_is_refused(learner: Learner) -> None:
    await opens(learner, "a")
    for change in ({"title": "Twice"}, {"featureType": "accent"}, {"practicedAt": None}):
        refused = await opens(learner, "a", BODY | change)
        assert (refused.status, (await refused.json())["code"]) == (409, "idempotency_conflict")
    assert (await learner.expects(200, "GET", "/api/sessions"))["total"] == 1


async def test_a_key_belongs_to_a_learner_and_an_operation(learner: Learner) -> None:
    other = await Learner.registers(learner.client)
    session = await learner.opens_session(transcript=TALK)
    asked = {"json": {"sessionId": session["id"]}, "headers": {"Idempotency-Key": "a"}}
    await learner.expects(202, "POST", "/api/gemini/generate-feedback", **asked)
    opened = [
        await (await opens(each, key)).json() for each, key in ((learner, "a"), (learner, "b"), (other, "a"))
    ]
    assert len({each["id"] for each in opened}) == 3
    assert [each["userId"] for each in opened] == [learner.user["id"]] * 2 + [other.user["id"]]


async def test_requests_at_the_same_moment_open_one_session(learner: Learner, database: Database) -> None:
    answers = await asyncio.gather(*(opens(learner, "a") for _ in range(10)))
    assert [answer.status for answer in answers] == [201] * 10
    assert len({(await answer.json())["id"] for answer in answers}) == 1
    mixed = await asyncio.gather(
        *(opens(learner, "b", BODY | {"title": f"By {number % 2}"}) for number in range(8))
    )
    assert sorted(answer.status for answer in mixed) == [201] * 4 + [409] * 4
    async with database.acquire() as connection:
        for table in ("sessions", "session_keys"):
            assert await connection.fetchval(f"select count(*) from {table}") == 2


async def test_a_deleted_session_is_not_brought_back(learner: Learner) -> None:
    path = (await opens(learner, "a")).headers["Location"]
    await learner.expects(204, "DELETE", path)
    refused = await opens(learner, "a")
    assert (refused.status, (await refused.json())["code"]) == (404, "not_found")
    assert (await opens(learner, "b")).status == 201


async def test_a_refused_request_does_not_use_its_key_up(learner: Learner) -> None:
    assert (await opens(learner, "a", BODY | {"title": 7})).status == 400
    assert (await opens(learner, "a")).status == 201


async def test_a_key_is_of_visible_ascii(learner: Learner) -> None:
    for key in ("", "a b", "é", "x" * 201):
        refused = await opens(learner, key)
        assert (refused.status, (await refused.json())["errors"][0]["field"]) == (400, "Idempotency-Key"), key


async def test_two_lines_are_no_key(learner: Learner) -> None:
    headers = [*learner.authorization.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    async with learner.client.post("/api/sessions", json=BODY, headers=headers) as response:
        assert response.status == 400
