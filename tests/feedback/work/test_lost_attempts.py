"""Outcomes of an attempt that does not own its job any more: the job stays as it is, the cost is charged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from cara.feedback.work.attempt import Attempt, WriteFailed
from cara.feedback.work.outcomes import Outcomes
from cara.gemini.errors import GeminiBadAnswer
from cara.postgres.database import Database
from cara.settings import Settings
from tests.feedback.work.attempts import charges, the_job
from tests.feedback.work.test_costs import counted
from tests.feedback.work.test_outcomes import COST, claimed
from tests.learners import Learner

OUTCOMES: dict[str, Callable[[Outcomes, Attempt], Awaitable[None]]] = {
    "cancel": lambda outcomes, attempt: outcomes.cancel(attempt),
    "fail": lambda outcomes, attempt: outcomes.fail(attempt, GeminiBadAnswer("empty")),
    "requeue": lambda outcomes, attempt: outcomes.requeue(attempt, WriteFailed()),
    "stop": lambda outcomes, attempt: outcomes.stop(attempt),
    "release": lambda outcomes, attempt: outcomes.release(attempt),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_lost_job_is_left_to_its_present_attempt_and_the_cost_is_charged_once(
    learner: Learner, settings: Settings, database: Database, outcome: str
) -> None:
    ended = [counted("cara_feedback_jobs_ended_total", status=status) for status in ("failed", "cancelled")]
    async with claimed(learner, settings, database) as (attempt, outcomes, _):
        async with database.acquire() as connection:
            await connection.execute("update feedback_jobs set attempts = 2")
        before = await the_job(database)
        lost = replace(attempt, usage=COST)
        for _ in range(2):
            await OUTCOMES[outcome](outcomes, lost)
    assert await the_job(database) == before
    assert await charges(database) == [30]
    assert ended == [
        counted("cara_feedback_jobs_ended_total", status=status) for status in ("failed", "cancelled")
    ]


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_the_cost_of_a_job_that_was_deleted_with_its_session_is_charged(
    learner: Learner, settings: Settings, database: Database, outcome: str
) -> None:
    async with claimed(learner, settings, database) as (attempt, outcomes, _):
        async with database.acquire() as connection:
            await connection.execute("delete from sessions")
        await OUTCOMES[outcome](outcomes, replace(attempt, usage=COST))
    assert await charges(database) == [30]
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert (quota["tokensUsed"], quota["reserved"]) == (30, 0)
