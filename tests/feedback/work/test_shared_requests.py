"""Requests that share a job, and requests that are refused although everything seemed to fit at first."""

from __future__ import annotations

import asyncio
from typing import cast
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from cara.feedback.assessment.prompt import MATERIAL_TOKENS, estimate_judge_prompt
from cara.feedback.work.requests import JobNotFound, cancel_job
from cara.gemini.tokens import with_margin
from cara.jobs.notifier import JobNotifier
from cara.postgres.database import Database
from cara.quota.quota import Quota
from cara.transcripts.talk import read_talk
from cara.web.context import provide
from tests.coach.coach_client import limit_tokens
from tests.learners import TALK, Learner
from tests.waiting import time_limit, until_blocked


class SeenNotifier:
    """Counts the jobs that are told to workers."""

    def __init__(self) -> None:
        self.enqueued_ids: list[UUID] = []

    async def enqueued(self, job_id: UUID) -> None:
        self.enqueued_ids.append(job_id)


async def test_workers_are_told_of_a_job_once_however_many_requests_share_it(
    learner: Learner, app: web.Application
) -> None:
    seen = SeenNotifier()
    provide(app, JobNotifier, cast(JobNotifier, seen))
    session = await learner.opens_session(transcript=TALK)
    path, asked = "/api/gemini/generate-feedback", {"sessionId": session["id"]}
    key = {"Idempotency-Key": "practice-1"}
    for headers in ({}, {}, key, key):
        job = await learner.expects(202, "POST", path, json=asked, headers=headers)
    assert seen.enqueued_ids == [UUID(job["jobId"])]


async def test_nobody_cancels_a_job_that_is_unknown_or_of_somebody_else(
    learner: Learner, database: Database
) -> None:
    job, other = await learner.asks_for_feedback(), await Learner.registers(learner.client)
    await other.expects(404, "DELETE", job["statusUrl"])
    await learner.expects(404, "DELETE", f"/api/gemini/jobs/{uuid4()}")
    async with database.acquire() as connection:
        with pytest.raises(JobNotFound):
            await cancel_job(connection, Quota(1_000), UUID(learner.user["id"]), uuid4())
    assert (await learner.expects(200, "GET", job["statusUrl"]))["status"] == "queued"


async def test_a_key_that_was_taken_meanwhile_refuses_the_request_and_leaves_no_job(
    learner: Learner, database: Database
) -> None:
    first = await learner.asks_for_feedback()
    reserved = (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"]
    session = await learner.opens_session(transcript=TALK)
    async with time_limit():
        async with database.transaction() as quicker:
            await quicker.execute(
                "insert into feedback_keys (user_id, key, request_hash, job_id) values ($1, 'once', '', $2)",
                UUID(learner.user["id"]),
                UUID(first["jobId"]),
            )
            asking = asyncio.create_task(
                learner.expects(
                    409,
                    "POST",
                    "/api/gemini/generate-feedback",
                    json={"sessionId": session["id"]},
                    headers={"Idempotency-Key": "once"},
                )
            )
            await until_blocked(database, asking)
        assert (await asking)["code"] == "idempotency_conflict"
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == reserved
    assert (await learner.expects(200, "GET", f"/api/sessions/{session['id']}"))["liveJobId"] is None


async def test_a_counted_prompt_is_reserved_with_the_material_that_is_added_to_it(
    learner: Learner, database: Database
) -> None:
    await limit_tokens(database, 7_500)
    transcript = "We sold 1234567890 of them. " * 160
    session = await learner.opens_session(transcript=transcript)
    path = "/api/gemini/generate-feedback"
    await learner.expects(202, "POST", path, json={"sessionId": session["id"]})
    async with database.acquire() as connection:
        counted = await connection.fetchval("select prompt_tokens from feedback_jobs")
        estimate = with_margin(estimate_judge_prompt("conversation", read_talk(transcript)))
    assert len(transcript) // 4 + MATERIAL_TOKENS < counted < estimate - MATERIAL_TOKENS
