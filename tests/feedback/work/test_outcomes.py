"""The outcomes of an attempt that does not succeed: what is written, counted and published."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from cara.devtools.emulator.faults import Fault
from cara.errors import CaraError
from cara.feedback.work.attempt import Attempt
from cara.feedback.work.outcomes import Outcomes
from cara.gemini.calls import GeminiUsage
from cara.gemini.errors import GeminiBadAnswer, GeminiOutOfRoom, GeminiTransient
from cara.jobs import transitions
from cara.jobs.notifier import Publisher, cancel_channel, read_events
from cara.postgres.database import Connection, Database, Record
from cara.redis.queue import FEEDBACK_QUEUE
from cara.settings import Settings
from tests.coach.coach_client import limit_tokens
from tests.conftest import RunningEmulator
from tests.feedback.work.attempts import charges, the_job, working
from tests.feedback.work.test_costs import counted
from tests.jobs.rows import in_status
from tests.learners import Learner
from tests.waiting import until

COST = GeminiUsage(prompt_tokens=20, output_tokens=10, total_tokens=30)


@asynccontextmanager
async def claimed(
    learner: Learner, settings: Settings, database: Database, columns: str = "attempts = 1"
) -> AsyncIterator[tuple[Attempt, Outcomes, Redis]]:
    """The attempt of a worker that has claimed a job of the learner."""
    await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute(f"update feedback_jobs set {in_status('running')}, {columns}")
    job = await the_job(database)
    async with (
        Redis.from_url(settings.redis_url.get_secret_value()) as redis,
        working(settings) as (_, outcomes),
    ):
        await redis.flushdb()
        publisher = Publisher(redis, job["id"], job["attempts"])
        yield Attempt(job, publisher, "gemini-test"), outcomes, redis


async def wait_of_job(database: Database) -> timedelta:
    """How long it is until the job is due."""
    async with database.acquire() as connection:
        wait: timedelta = await connection.fetchval("select run_after - now() from feedback_jobs")
    return wait


@pytest.mark.parametrize(("tokens", "failures"), [(0, 0), (1, 1)])
async def test_a_stopping_worker_hands_its_job_over_at_once_and_what_it_cost_counts(
    learner: Learner, settings: Settings, database: Database, tokens: int, failures: int
) -> None:
    async with claimed(learner, settings, database) as (attempt, outcomes, redis):
        await outcomes.stop(replace(attempt, usage=GeminiUsage(prompt_tokens=tokens, total_tokens=tokens)))
        events = await read_events(redis, attempt.job["id"], 0)
        queued = await redis.zrange(FEEDBACK_QUEUE, 0, -1)
    left = await the_job(database)
    assert (left["status"], left["failures"], left["answers"]) == ("queued", failures, 0)
    assert await wait_of_job(database) <= timedelta(0)
    assert [(event.name, event.data) for event in events] == [
        ("status", '{"status": "queued", "stage": "queued", "progress": 0, "attempt": 1}')
    ]
    assert queued == [f"{attempt.job['id']}:1".encode()]


@pytest.mark.parametrize(
    ("tokens", "failures", "status"), [(1, 4, "failed"), (1, 3, "queued"), (0, 4, "queued")]
)
async def test_a_job_that_costs_something_is_not_handed_over_forever(
    learner: Learner, settings: Settings, database: Database, tokens: int, failures: int, status: str
) -> None:
    five = settings.model_copy(update={"job_attempts": 5})
    async with claimed(learner, five, database, f"attempts = 5, failures = {failures}") as (
        attempt,
        outcomes,
        _,
    ):
        await outcomes.stop(replace(attempt, usage=GeminiUsage(prompt_tokens=tokens, total_tokens=tokens)))
    assert (await the_job(database))["status"] == status


async def test_a_retry_is_counted_and_waits_as_long_as_its_back_off(
    learner: Learner, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda least, _: least)
    before = counted("cara_feedback_jobs_retried_total", code="gemini_unavailable")
    async with claimed(learner, settings, database) as (attempt, outcomes, redis):
        await outcomes.retry(attempt, GeminiTransient())
        queued = await redis.zrange(FEEDBACK_QUEUE, 0, -1)
    assert await wait_of_job(database) <= timedelta(seconds=0.5)
    assert (await the_job(database))["failures"] == 1
    assert queued == [f"{attempt.job['id']}:1".encode()]
    assert counted("cara_feedback_jobs_retried_total", code="gemini_unavailable") == before + 1


@pytest.mark.parametrize(
    ("error", "answered", "answers", "status"),
    [
        (GeminiBadAnswer("empty"), False, 0, 1),
        (GeminiTransient(), True, 0, 1),
        (GeminiTransient(), False, 1, 1),
        (GeminiBadAnswer("empty"), True, 1, "failed"),
        (GeminiTransient(), True, 1, "failed"),
    ],
)
async def test_a_job_fails_with_the_second_judgement_that_was_paid_for(
    learner: Learner,
    settings: Settings,
    database: Database,
    error: CaraError,
    answered: bool,
    answers: int,
    status: int | str,
) -> None:
    async with claimed(learner, settings, database, f"attempts = 2, answers = {answers}") as (
        attempt,
        outcomes,
        _,
    ):
        await outcomes.retry(replace(attempt, answered=answered), error)
    left = await the_job(database)
    assert (left["answers"] if left["status"] == "queued" else left["status"]) == status


@pytest.mark.parametrize(
    ("columns", "error", "more_output"),
    [
        ("attempts = 1", GeminiOutOfRoom(), True),
        ("attempts = 1", GeminiBadAnswer("empty"), False),
        ("attempts = 2, more_output = true", GeminiTransient(), True),
    ],
)
async def test_an_attempt_after_one_that_ran_out_of_room_has_more_of_it(
    learner: Learner,
    settings: Settings,
    database: Database,
    columns: str,
    error: CaraError,
    more_output: bool,
) -> None:
    async with claimed(learner, settings, database, columns) as (attempt, outcomes, _):
        usual = (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"]
        await outcomes.retry(attempt, error)
    reserved = (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"]
    assert (await the_job(database))["more_output"] == more_output
    assert (reserved > usual) == more_output


@pytest.mark.parametrize(("limit", "code"), [(1_000, "too_long_for_quota"), (9_000, "quota_exceeded")])
async def test_a_job_that_no_tokens_are_left_for_fails_instead_of_waiting(
    learner: Learner, settings: Settings, database: Database, limit: int, code: str
) -> None:
    """The learner's limit was lowered meanwhile, or the attempt cost most of what was left."""
    ended = counted("cara_feedback_jobs_ended_total", status="failed")
    async with claimed(learner, settings, database) as (attempt, outcomes, redis):
        await limit_tokens(database, limit)
        usage = GeminiUsage(prompt_tokens=8_000, total_tokens=8_000)
        await outcomes.retry(replace(attempt, usage=usage), GeminiTransient())
        events = await read_events(redis, attempt.job["id"], 0)
        assert await redis.zrange(FEEDBACK_QUEUE, 0, -1) == []
    left = await the_job(database)
    assert (left["status"], left["problem"]["code"]) == ("failed", code)
    assert [event.name for event in events] == ["finished"]
    assert counted("cara_feedback_jobs_ended_total", status="failed") == ended + 1
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (quota["tokensUsed"], quota["reserved"]) == (8_000, 0)


@pytest.mark.parametrize(
    ("unknown", "columns", "told"),
    [
        (True, in_status("cancelled"), True),
        (True, in_status("queued"), False),
        (True, f"{in_status('cancelled')}, attempts = 2", False),
        (False, in_status("cancelled"), False),
    ],
)
async def test_an_outcome_that_was_committed_unnoticed_is_published_when_the_attempt_is_released(
    learner: Learner, settings: Settings, database: Database, unknown: bool, columns: str, told: bool
) -> None:
    before = counted("cara_feedback_jobs_ended_total", status="cancelled")
    async with claimed(learner, settings, database) as (attempt, outcomes, redis):
        async with database.acquire() as connection:
            await connection.execute(f"update feedback_jobs set {columns}")
        await outcomes.release(replace(attempt, usage=COST, commit_unknown=unknown))
        events = await read_events(redis, attempt.job["id"], 0)
    assert [event.name for event in events] == (["finished"] if told else [])
    assert counted("cara_feedback_jobs_ended_total", status="cancelled") == before + told
    assert await charges(database) == [30]


async def test_an_attempt_ends_later_than_gemini_by_a_fixed_time(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half_a_second = 0.5 - settings.gemini_deadline_seconds
    monkeypatch.setattr("cara.feedback.work.run.BESIDE_GEMINI_SECONDS", half_a_second)
    emulator.emulator.fail_next(Fault.STALL)
    job = await learner.asks_for_feedback()
    before = counted("cara_feedback_jobs_retried_total", code="timed_out")
    async with working(settings) as (work, _):
        await work.run(UUID(job["jobId"]))
    assert (await the_job(database))["failures"] == 1
    assert counted("cara_feedback_jobs_retried_total", code="timed_out") == before + 1


async def test_a_wake_up_renews_the_lease_once(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renew_lease, renewals = transitions.renew_lease, 0

    async def count_and_renew(connection: Connection, *key: Any) -> Record | None:
        nonlocal renewals
        renewals += 1
        return await renew_lease(connection, *key)

    async def renewed(times: int) -> bool:
        return renewals >= times

    monkeypatch.setattr(transitions, "renew_lease", count_and_renew)
    emulator.emulator.fail_next(Fault.STALL)
    job = await learner.asks_for_feedback()
    async with working(settings.model_copy(update={"job_lease_seconds": 3_600})) as (work, _):
        running = asyncio.create_task(work.run(UUID(job["jobId"])))
        await emulator.emulator.until(lambda ledger: ledger.calls == 1)
        before = renewals
        async with (
            Redis.from_url(settings.redis_url.get_secret_value()) as redis,
            database.acquire() as connection,
        ):
            await redis.publish(cancel_channel(UUID(job["jobId"])), b"")
            await until(lambda: renewed(before + 1))
            for _ in range(50):
                await connection.fetchval("select 1")
        assert renewals == before + 1
        running.cancel()
        await asyncio.wait([running])
