"""Feedback jobs as clients see them: requested, read, cancelled."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from aiohttp import web

from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Database
from cara.redis.queue import Queue, arq_client
from cara.web.context import provide
from tests.learners import TALK, Learner


async def test_a_request_is_accepted_with_the_urls_of_status_and_events(learner: Learner) -> None:
    session = await learner.opens_session(transcript=TALK)
    response = await learner.call("POST", "/api/gemini/generate-feedback", json={"sessionId": session["id"]})
    job = await response.json()

    assert response.status == 202
    assert response.headers["Location"] == job["statusUrl"] == f"/api/gemini/jobs/{job['jobId']}"
    assert response.headers["Retry-After"] == "1"
    assert job["status"] == "queued"
    whole = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert whole["liveJobId"] == job["jobId"]


async def test_the_same_transcript_has_one_live_job_for_simultaneous_requests(learner: Learner) -> None:
    session = await learner.opens_session(transcript=TALK)
    asked = {"sessionId": session["id"]}
    answers = await asyncio.gather(
        *(learner.expects(202, "POST", "/api/gemini/generate-feedback", json=asked) for _ in range(10))
    )
    assert len({answer["jobId"] for answer in answers}) == 1


async def test_the_same_transcript_has_one_live_job_whatever_duration_is_given(learner: Learner) -> None:
    session = await learner.opens_session(transcript=TALK, durationSeconds=30)
    path = "/api/gemini/generate-feedback"
    asked = [{"sessionId": session["id"], **more} for more in ({}, {"durationSeconds": 31})]
    first, second = [await learner.expects(202, "POST", path, json=request) for request in asked]
    assert first["jobId"] == second["jobId"]


async def test_another_transcript_gets_another_job(learner: Learner) -> None:
    session = await learner.opens_session(transcript=TALK)
    jobs = [
        await learner.expects(
            202,
            "POST",
            "/api/gemini/generate-feedback",
            json={"sessionId": session["id"], "transcript": transcript},
        )
        for transcript in (TALK, f"{TALK} Thank you.")
    ]
    assert jobs[0]["jobId"] != jobs[1]["jobId"]


async def test_the_duration_of_another_transcript_is_not_that_of_a_new_one(
    learner: Learner, database: Database
) -> None:
    session = await learner.opens_session(durationSeconds=10)
    for transcript, given, duration in (
        (TALK, {}, 10),
        (f"{TALK} Thank you.", {}, None),
        (f"{TALK} Thanks.", {"durationSeconds": 20.5}, 20.5),
    ):
        request = {"sessionId": session["id"], "transcript": transcript, **given}
        job = await learner.expects(202, "POST", "/api/gemini/generate-feedback", json=request)
        kept = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
        async with database.acquire() as connection:
            judged = await connection.fetchval(
                "select duration_seconds from feedback_jobs where id = $1::uuid", job["jobId"]
            )
        assert kept["durationSeconds"] == judged == duration, transcript


async def test_a_session_without_a_transcript_is_refused_with_the_name_of_the_field(learner: Learner) -> None:
    session = await learner.opens_session()
    problem = await learner.expects(
        400, "POST", "/api/gemini/generate-feedback", json={"sessionId": session["id"], "transcript": "  "}
    )
    assert problem["errors"][0]["field"] == "transcript"


async def test_unknown_sessions_and_those_of_others_get_the_same_response(learner: Learner) -> None:
    other = await Learner.registers(learner.client)
    session = await other.opens_session(transcript=TALK)
    for session_id in (session["id"], str(uuid4())):
        problem = await learner.expects(
            404, "POST", "/api/gemini/generate-feedback", json={"sessionId": session_id}
        )
        assert problem["code"] == "not_found"


async def test_a_job_that_does_not_fit_what_is_left_of_the_quota_is_refused_and_reserves_nothing(
    learner: Learner, database: Database
) -> None:
    await learner.asks_for_feedback()
    reserved = (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"]
    async with database.acquire() as connection:
        await connection.execute("update users set daily_token_quota = $1", reserved + 1_000)
    session = await learner.opens_session(transcript="The second talk of the day is about the night shift.")
    path, asked = "/api/gemini/generate-feedback", {"sessionId": session["id"]}
    problem = await learner.expects(429, "POST", path, json=asked)
    assert problem["code"] == "quota_exceeded"
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == reserved


@pytest.mark.parametrize("transcript", ["7 " * 99_000, " ".join(f"слово {n}" for n in range(16_000))])
async def test_a_transcript_that_exceeds_the_quota_of_any_day_is_refused_for_good(
    learner: Learner, transcript: str
) -> None:
    session = await learner.opens_session(transcript=transcript)
    response = await learner.call("POST", "/api/gemini/generate-feedback", json={"sessionId": session["id"]})
    problem = await response.json()
    assert (response.status, problem["code"]) == (422, "too_long_for_quota")
    assert "50,000" in problem["detail"]
    assert "Retry-After" not in response.headers
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0


async def test_a_queued_job_that_is_cancelled_never_starts_and_costs_nothing(
    learner: Learner, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    cancelled = await learner.expects(202, "DELETE", job["statusUrl"])
    assert cancelled["status"] == "cancelled"

    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (quota["tokensUsed"], quota["reserved"]) == (0, 0)
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from quota_reservations") == 0
    events = await learner.follows(job)
    assert [event.name for event in events][-1] == "cancelled"


async def test_cancelling_a_job_that_has_ended_changes_nothing(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    first = await learner.expects(202, "DELETE", job["statusUrl"])
    assert await learner.expects(202, "DELETE", job["statusUrl"]) == first


async def test_an_unchanged_job_is_not_sent_twice(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    response = await learner.call("GET", job["statusUrl"])
    tag = response.headers["ETag"]
    again = await learner.call("GET", job["statusUrl"], headers={"If-None-Match": tag})
    assert again.status == 304
    assert await again.read() == b""


async def test_any_of_several_etags_matches_and_also_a_weak_one(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    tag = (await learner.call("GET", job["statusUrl"])).headers["ETag"]
    weak = f"W/{tag}"
    for known, status, named in (
        (f'"other" , {tag}', 304, tag),
        (f'"other" , {weak}', 304, weak),
        ('"other", "0"', 200, tag),
        (tag[:-1], 200, tag),
    ):
        response = await learner.call("GET", job["statusUrl"], headers={"If-None-Match": known})
        assert (response.status, response.headers["ETag"]) == (status, named), known


async def test_a_job_is_to_be_read_again_until_it_has_ended(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    queued = await learner.call("GET", job["statusUrl"])
    await learner.expects(202, "DELETE", job["statusUrl"])
    ended = await learner.call("GET", job["statusUrl"])
    assert queued.headers["Retry-After"] == "1"
    assert "Retry-After" not in ended.headers
    assert ended.headers["ETag"] != queued.headers["ETag"]


async def test_a_preference_to_wait_is_read_wherever_it_stands_and_bounded(learner: Learner) -> None:
    """The job has ended already, so that nobody waits."""
    session = await learner.opens_session(transcript=TALK)
    path, asked = "/api/gemini/generate-feedback", {"sessionId": session["id"]}
    key = {"Idempotency-Key": "once"}
    job = await learner.expects(202, "POST", path, json=asked, headers=key)
    await learner.expects(202, "DELETE", job["statusUrl"])
    applied = {}
    for prefer in ("wait=500", 'respond-async; wait="7"', "Wait = 9", "await=9", "wait=0", "wait=soon"):
        response = await learner.call("POST", path, json=asked, headers={**key, "Prefer": prefer})
        applied[prefer] = (response.status, response.headers.get("Preference-Applied"))
    assert list(applied.values()) == [
        (200, "wait=30"),
        (200, "wait=7"),
        (200, "wait=9"),
        *[(202, None)] * 3,
    ]


@pytest.mark.usefixtures("worker")
async def test_a_client_that_prefers_to_wait_gets_the_finished_job(learner: Learner) -> None:
    session = await learner.opens_session(transcript=TALK, durationSeconds=20)
    response = await learner.call(
        "POST",
        "/api/gemini/generate-feedback",
        json={"sessionId": session["id"]},
        headers={"Prefer": "respond-async, wait=30"},
    )
    job = await response.json()
    assert response.status == 200
    assert response.headers["Preference-Applied"] == "wait=30"
    assert job["status"] == "succeeded"


async def test_a_client_that_waits_too_briefly_gets_the_accepted_job(learner: Learner) -> None:
    session = await learner.opens_session(transcript=TALK)
    response = await learner.call(
        "POST",
        "/api/gemini/generate-feedback",
        json={"sessionId": session["id"]},
        headers={"Prefer": "wait=1"},
    )
    assert response.status == 202


async def test_a_job_is_accepted_while_redis_is_away(learner: Learner, app: web.Application) -> None:
    nowhere = arq_client("redis://127.0.0.1:1/0", size=1)
    provide(app, JobNotifier, JobNotifier(nowhere, Queue(nowhere)))
    job = await learner.asks_for_feedback()
    assert (await learner.expects(200, "GET", job["statusUrl"]))["status"] == "queued"
