"""The metrics of feedback jobs, and the model that a charge names."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from cara.devtools.emulator.faults import Fault
from cara.postgres.database import Database
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.feedback.work.attempts import working
from tests.learners import Learner


def counted(name: str, **labels: str) -> float:
    """The present value of a metric of this process."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("due_since_seconds", [40, -0.5])
async def test_the_wait_of_a_due_job_is_observed_when_it_is_claimed(
    learner: Learner,
    settings: Settings,
    database: Database,
    due_since_seconds: float,
) -> None:
    job = await learner.asks_for_feedback()
    began = time.monotonic()
    async with database.acquire() as connection:
        await connection.execute(
            "update feedback_jobs set run_after = now() - make_interval(secs => $1)", due_since_seconds
        )
    before = [counted(f"cara_feedback_job_wait_seconds_{part}") for part in ("count", "sum")]
    async with working(settings) as (work, _):
        for _ in range(2):
            await work.run(UUID(job["jobId"]))
    count, total = (counted(f"cara_feedback_job_wait_seconds_{part}") for part in ("count", "sum"))
    assert count - before[0] == 1
    most = due_since_seconds + time.monotonic() - began
    assert max(0, due_since_seconds) <= total - before[1] <= max(0, most)


async def test_without_a_model_in_the_response_the_charge_names_the_requested_model(
    learner: Learner, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.devtools.emulator.dialect.shown_model", lambda _: "")
    job = await learner.asks_for_feedback()
    async with working(settings) as (work, _):
        await work.run(UUID(job["jobId"]))
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert ended["feedback"]["model"] == settings.gemini_model
    async with database.acquire() as connection:
        assert await connection.fetchval("select model from quota_usage") == settings.gemini_model


async def test_an_attempt_that_the_quota_forbids_counts_as_failed_and_not_as_retried(
    learner: Learner,
    settings: Settings,
    database: Database,
    emulator: RunningEmulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    emulator.emulator.fail_next(Fault.BROKEN_JSON)
    job = await learner.asks_for_feedback()
    async with database.acquire() as connection:
        reserved = await connection.fetchval("select reserved from quota_days")
        await connection.execute("update users set daily_token_quota = $1", reserved * 9 // 10)
    names = {
        "cara_feedback_jobs_retried_total": {"code": "gemini_bad_answer"},
        "cara_feedback_jobs_ended_total": {"status": "failed"},
    }
    before = [counted(name, **labels) for name, labels in names.items()]
    async with working(settings) as (work, _):
        await work.run(UUID(job["jobId"]))
    ended = await learner.expects(200, "GET", job["statusUrl"])
    assert (ended["status"], ended["problem"]["code"]) == ("failed", "quota_exceeded")
    after = [counted(name, **labels) for name, labels in names.items()]
    assert after == [before[0], before[1] + 1]
    assert "again in" not in caplog.text


async def test_a_queued_job_that_is_cancelled_is_counted_once(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    before = counted("cara_feedback_jobs_ended_total", status="cancelled")
    for _ in range(2):
        await learner.expects(202, "DELETE", job["statusUrl"])
    assert counted("cara_feedback_jobs_ended_total", status="cancelled") == before + 1
