"""The same request under the same Idempotency-Key gets the same job, whatever has become of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.learners import TALK, Learner


async def test_a_key_of_a_live_job_gets_this_job_also_after_it_has_ended(
    learner: Learner,
) -> None:
    session = await learner.opens_session(transcript=TALK)
    path, asked = "/api/gemini/generate-feedback", {"sessionId": session["id"]}
    keys = [{"Idempotency-Key": f"practice-{number}"} for number in (1, 2)]
    first, second = [await learner.expects(202, "POST", path, json=asked, headers=key) for key in keys]
    assert first["jobId"] == second["jobId"]
    await learner.expects(202, "DELETE", first["statusUrl"])
    for key in keys:
        assert (await learner.expects(202, "POST", path, json=asked, headers=key))["jobId"] == first["jobId"]
    other = {**asked, "durationSeconds": 5}
    await learner.expects(409, "POST", path, json=other, headers=keys[1])
    assert (await learner.expects(202, "POST", path, json=asked))["jobId"] != first["jobId"]


async def test_of_two_simultaneous_requests_with_one_key_one_is_refused(learner: Learner) -> None:
    sessions = [await learner.opens_session(transcript=TALK) for _ in range(2)]
    answers = await asyncio.gather(
        *(
            learner.call(
                "POST",
                "/api/gemini/generate-feedback",
                json={"sessionId": session["id"]},
                headers={"Idempotency-Key": "practice-1"},
            )
            for session in sessions
        )
    )
    assert sorted(answer.status for answer in answers) == [202, 409]


async def test_a_key_gets_the_same_job_and_refuses_another_request(learner: Learner) -> None:
    session = await learner.opens_session(transcript=TALK)
    key = {"Idempotency-Key": "practice-1"}
    path, asked = "/api/gemini/generate-feedback", {"sessionId": session["id"]}
    first = await learner.expects(202, "POST", path, json=asked, headers=key)
    await learner.expects(202, "DELETE", f"/api/gemini/jobs/{first['jobId']}")

    again = await learner.expects(202, "POST", path, json=asked, headers=key)
    assert again["jobId"] == first["jobId"]
    other = await learner.expects(409, "POST", path, json={**asked, "transcript": "Other."}, headers=key)
    assert other["code"] == "idempotency_conflict"


async def test_a_request_repeated_under_its_key_changes_nothing_in_a_changed_session(
    learner: Learner,
) -> None:
    session = await learner.opens_session(transcript="The first version of it says little about the plan.")
    path, own = "/api/gemini/generate-feedback", f"/api/sessions/{session['id']}"
    requests = [
        {"sessionId": session["id"]},
        {"sessionId": session["id"], "transcript": f"{TALK} Thank you.", "durationSeconds": 30},
    ]
    keys = [{"Idempotency-Key": f"practice-{number}"} for number in (1, 2)]
    jobs = [
        await learner.expects(202, "POST", path, json=request, headers=key)
        for request, key in zip(requests, keys, strict=True)
    ]
    await learner.expects(200, "PATCH", own, json={"transcript": "The third version of it."})
    before = await learner.expects(200, "GET", own)

    for request, key, job in zip(requests, keys, jobs, strict=True):
        again = await learner.expects(202, "POST", path, json=request, headers=key)
        assert again["jobId"] == job["jobId"]
    assert await learner.expects(200, "GET", own) == before


@pytest.mark.parametrize(
    "other", [{"transcript": "Other."}, {"durationSeconds": 31}, {"transcript": TALK, "durationSeconds": 30}]
)
async def test_a_key_belongs_to_what_was_sent_with_it(learner: Learner, other: dict[str, Any]) -> None:
    session = await learner.opens_session(transcript=TALK)
    key, path = {"Idempotency-Key": "practice-1"}, "/api/gemini/generate-feedback"
    asked = {"sessionId": session["id"], "durationSeconds": 30}
    await learner.expects(202, "POST", path, json=asked, headers=key)
    before = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")

    problem = await learner.expects(409, "POST", path, json={**asked, **other}, headers=key)
    assert problem["code"] == "idempotency_conflict"
    elsewhere = {**asked, "sessionId": (await learner.opens_session(transcript=TALK))["id"]}
    await learner.expects(409, "POST", path, json=elsewhere, headers=key)
    assert await learner.expects(200, "GET", f"/api/sessions/{session['id']}") == before
