"""Cancelling a job while its worker requeues it, and requesting feedback once more."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from redis.asyncio import Redis

from cara.feedback.work.attempt import Attempt, WriteFailed
from cara.gemini.calls import NOTHING_USED, GeminiUsage
from cara.jobs.notifier import Publisher
from cara.postgres.database import Database
from cara.settings import Settings
from tests.feedback.work.attempts import charges, somebody_waits_with, the_job, working
from tests.feedback.work.test_costs import counted
from tests.learners import TALK, Learner
from tests.waiting import time_limit


async def claim(database: Database) -> None:
    """Marks the job as claimed by a worker."""
    async with database.acquire() as connection:
        await connection.execute(
            """
            update feedback_jobs
            set status = 'running', attempts = 1, lease_expires_at = now() + interval '1 minute'
            """
        )


async def reserved(learner: Learner) -> int:
    return int((await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"])


async def test_a_job_that_is_requeued_while_it_is_cancelled_ends(
    learner: Learner, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    await claim(database)
    async with time_limit(), asyncio.TaskGroup() as group:
        async with database.transaction() as connection:
            await connection.execute(
                "update feedback_jobs set status = 'queued', lease_expires_at = null, failures = 1"
            )
            cancelling = group.create_task(learner.expects(202, "DELETE", job["statusUrl"]))
            await somebody_waits_with("update feedback_jobs", connection)
        assert (await cancelling)["status"] == "cancelled"
    assert await reserved(learner) == 0


@pytest.mark.parametrize("tokens", [0, 30])
@pytest.mark.parametrize("way", ["requeue", "retry"])
async def test_a_cancelled_job_is_not_requeued(
    learner: Learner, settings: Settings, database: Database, tokens: int, way: str
) -> None:
    job = await learner.asks_for_feedback()
    await claim(database)
    assert (await learner.expects(202, "DELETE", job["statusUrl"]))["status"] == "running"
    usage = GeminiUsage(prompt_tokens=20, output_tokens=10, total_tokens=30) if tokens else NOTHING_USED
    before = [counted("cara_feedback_jobs_ended_total", status="cancelled"), retried()]
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere, working(settings) as (_, outcomes):
        publisher = Publisher(nowhere, UUID(job["jobId"]), 1)
        attempt = Attempt(await the_job(database), publisher, "gemini-test", usage)
        await (outcomes.requeue(attempt) if way == "requeue" else outcomes.retry(attempt, WriteFailed()))
    assert (await learner.expects(200, "GET", job["statusUrl"]))["status"] == "cancelled"
    assert await reserved(learner) == 0
    assert await charges(database) == ([tokens] if tokens else [])
    assert [counted("cara_feedback_jobs_ended_total", status="cancelled"), retried()] == [
        before[0] + 1,
        before[1],
    ]


def retried() -> float:
    return counted("cara_feedback_jobs_retried_total", code="internal_error")


async def test_a_new_request_does_not_get_the_job_that_is_about_to_stop(
    learner: Learner, database: Database
) -> None:
    session = await learner.opens_session(transcript=TALK)
    path, asked = "/api/gemini/generate-feedback", {"sessionId": session["id"]}
    dying = await learner.expects(202, "POST", path, json=asked)
    await claim(database)
    await learner.expects(202, "DELETE", dying["statusUrl"])
    fresh = [await learner.expects(202, "POST", path, json=asked) for _ in range(2)]
    assert fresh[0]["jobId"] == fresh[1]["jobId"] != dying["jobId"]
    whole = await learner.expects(200, "GET", f"/api/sessions/{session['id']}")
    assert whole["liveJobId"] == fresh[0]["jobId"]
