"""Quota and jobs over HTTP, in any order of requests, faults, deaths and sweeps, against a plain model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cara.app import create_app
from cara.devtools.emulator.emulator import Emulator, EmulatorSettings
from cara.devtools.emulator.server import running_emulator
from cara.feedback.assessment.prompt import ANSWER_TOKENS
from cara.feedback.work.outcomes import MAX_ANSWERS
from cara.feedback.work.reservation import LEAST_ANSWER_TOKENS
from cara.feedback.work.run import FeedbackWork
from cara.feedback.work.sweeper import sweep
from cara.gemini.tokens import thinking_room
from cara.jobs import transitions
from cara.postgres.database import Database
from cara.quota import spending_queries
from cara.quota.counting import OVERESTIMATED_SHARE
from cara.quota.spending_queries import Sent
from cara.settings import Settings
from tests.conftest import make_settings
from tests.feedback.work.attempts import working
from tests.learners import TALK, Learner
from worker.main import connected
from worker.tasks import WorkerContext

ATTEMPTS = 3
ROOM = ANSWER_TOKENS + thinking_room("low")
LEAST_ROOM = LEAST_ANSWER_TOKENS + thinking_room("low") // 2
REQUEST = "/api/gemini/generate-feedback"
UNBILLED = "rate_limited"
"""Any other failure that is not billed is an outage, and would open the circuit."""

UNUSABLE = ("broken_json", "recitation", "schema_breach")


@dataclass
class World:
    """The real parts: a web process, a worker's services, PostgreSQL, Valkey and the emulator."""

    client: TestClient[Any, Any]
    database: Database
    emulator: Emulator
    work: FeedbackWork
    context: WorkerContext

    @classmethod
    async def start(cls, settings: Settings, stack: AsyncExitStack) -> World:
        emulator = await stack.enter_async_context(running_emulator(EmulatorSettings(chunk_delay_seconds=0)))
        settings = settings.model_copy(update={"gemini_base_url": emulator.url})
        client = await stack.enter_async_context(TestClient(TestServer(create_app(settings))))
        work, _ = await stack.enter_async_context(working(settings))
        context = await stack.enter_async_context(connected(settings))
        return cls(client, context.database, emulator.emulator, work, context)

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.database.acquire() as connection:
            await connection.execute(statement, *arguments)

    async def served(self, operation: Awaitable[Any]) -> tuple[Any, int]:
        """The result of an operation, and the tokens that Gemini served in it."""
        before = self.emulator.ledger.total_tokens
        result = await operation
        self.emulator.faults.clear()
        return result, self.emulator.ledger.total_tokens - before


@dataclass
class Job:
    """What the model knows of a job."""

    id: str
    session_id: str
    transcript: str
    prompt_tokens: int
    reserved: int
    status: str = "queued"
    failures: int = 0
    answers: int = 0

    def end(self, status: str) -> None:
        self.status, self.reserved = status, 0


@dataclass
class Model:
    """A learner's day, in plain Python."""

    limit: int
    used: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def live(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.status == "queued"]

    @property
    def left(self) -> int:
        return self.limit - self.used - sum(job.reserved for job in self.jobs.values())

    def reserve_again(self, job: Job) -> None:
        """The next attempt at a job gets what is left up to its room, or the job fails."""
        job.reserved = 0
        if self.left < job.prompt_tokens + LEAST_ROOM:
            job.end("failed")
        else:
            job.reserved = min(job.prompt_tokens + ROOM, self.left)


class QuotaAndJobs(RuleBasedStateMachine):
    """One learner. After each step quota and jobs are what the model says."""

    world: ClassVar[World]
    run: ClassVar[Callable[[Awaitable[Any]], Any]]

    @initialize(limit=st.integers(6_000, 40_000))
    def register(self, limit: int) -> None:
        self.model = Model(limit)
        self.learner: Learner = self.run(Learner.registers(self.world.client))
        owner = UUID(self.learner.user["id"])
        self.run(self.world.execute("update users set daily_token_quota = $1 where id = $2", limit, owner))

    @rule(fault=st.sampled_from([None, None, UNBILLED]))
    def talk(self, fault: str | None) -> None:
        if fault:
            self.world.emulator.fail_next(fault)
        asked = {"prompt": "How do I begin a talk about our budget?"}
        call = self.learner.call("POST", "/api/gemini/process", json=asked)
        response, served = self.run(self.world.served(call))
        body = self.run(response.json())
        if response.status == 429:
            assert body["needed"] > self.model.left
            assert body["remaining"] == max(0, self.model.left)
        else:
            assert response.status == (503 if fault else 200), body
            assert bool(served) == (fault is None)
            self.model.used += served

    @rule(words=st.integers(1, 900))
    def ask_for_feedback(self, words: int) -> None:
        self.request({"transcript": f"{TALK} " + "budget " * words})

    @precondition(lambda self: self.model.live)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.model.live))
        again = {"sessionId": job.session_id, "transcript": job.transcript}
        assert self.run(self.learner.expects(202, "POST", REQUEST, json=again))["jobId"] == job.id

    def request(self, asked: dict[str, Any]) -> None:
        """Whether it is accepted depends on what is left; near to the limit Gemini's own count decides."""
        session = self.run(self.learner.opens_session())
        response = self.run(self.learner.call("POST", REQUEST, json={"sessionId": session["id"], **asked}))
        body, left = self.run(response.json()), self.model.left
        if response.status == 202:
            job = self.read_job(body["jobId"], session["id"], asked["transcript"])
            assert job.prompt_tokens + LEAST_ROOM <= left
            assert job.reserved == min(job.prompt_tokens + ROOM, left)
            self.model.jobs[job.id] = job
        else:
            assert body["code"] in ("quota_exceeded", "too_long_for_quota")
            if body["code"] == "quota_exceeded":
                assert body["needed"] > left
                missing, prompt = body["needed"] - left, body["needed"] - LEAST_ROOM
                assert missing > 0
                assert missing <= prompt or missing > OVERESTIMATED_SHARE * prompt

    def read_job(self, job_id: str, session_id: str, transcript: str) -> Job:
        async def read() -> Job:
            async with self.world.database.acquire() as connection:
                row = await connection.fetchrow(
                    """
                    select prompt_tokens, tokens
                    from feedback_jobs
                    join quota_reservations on quota_reservations.id = reservation_id
                    where feedback_jobs.id = $1
                    """,
                    UUID(job_id),
                )
            return Job(job_id, session_id, transcript, row["prompt_tokens"], row["tokens"])

        job: Job = self.run(read())
        return job

    @precondition(lambda self: self.model.live)
    @rule(data=st.data(), fault=st.sampled_from([None, None, UNBILLED, *UNUSABLE]))
    def work_on_a_job(self, data: st.DataObject, fault: str | None) -> None:
        job = data.draw(st.sampled_from(self.model.live))
        if fault:
            self.world.emulator.fail_next(fault)
        due = "update feedback_jobs set run_after = now() where id = $1"
        self.run(self.world.execute(due, UUID(job.id)))
        _, served = self.run(self.world.served(self.world.work.run(UUID(job.id))))
        self.model.used += served
        assert bool(served) == (fault != UNBILLED)
        if fault is None:
            job.end("succeeded")
            return
        job.failures += 1
        job.answers += fault in UNUSABLE
        if job.failures >= ATTEMPTS or job.answers >= MAX_ANSWERS:
            job.end("failed")
        else:
            self.model.reserve_again(job)

    @precondition(lambda self: self.model.live)
    @rule(data=st.data(), sent=st.booleans(), output=st.integers(0, 400))
    def let_its_worker_die(self, data: st.DataObject, sent: bool, output: int) -> None:
        """The worker claims the job, perhaps sends its call and receives a part of an answer, and is gone."""
        job = data.draw(st.sampled_from(self.model.live))
        self.run(self.die(job, sent, output))
        self.model.used += job.prompt_tokens + output if sent else 0
        job.failures += 1
        if job.failures >= ATTEMPTS:
            job.end("failed")
        else:
            self.model.reserve_again(job)

    async def die(self, job: Job, sent: bool, output: int) -> None:
        await self.world.execute("update feedback_jobs set run_after = now() where id = $1", UUID(job.id))
        async with self.world.database.acquire() as connection:
            claimed = await transitions.claim_job(connection, UUID(job.id), -1)
            assert claimed is not None
            key = claimed["user_id"], claimed["reservation_id"]
            if sent:
                await spending_queries.record_sending(connection, *key, Sent("a-model", job.prompt_tokens))
                await spending_queries.record_spending(connection, [(*key, job.prompt_tokens, output)])
        context = self.world.context
        await sweep(context.database, context.queue, context.reservations, ATTEMPTS)

    @precondition(lambda self: self.model.live)
    @rule(data=st.data(), deletes=st.booleans())
    def cancel_or_delete(self, data: st.DataObject, deletes: bool) -> None:
        job = data.draw(st.sampled_from(self.model.live))
        if deletes:
            self.run(self.learner.expects(204, "DELETE", f"/api/sessions/{job.session_id}"))
            del self.model.jobs[job.id]
        else:
            self.run(self.learner.expects(202, "DELETE", f"/api/gemini/jobs/{job.id}"))
            job.end("cancelled")

    @invariant()
    def quota_is_that_of_the_model(self) -> None:
        quota = self.run(self.learner.expects(200, "GET", "/api/gemini/quota"))
        model = self.model
        assert quota["tokensUsed"] == model.used == sum(quota["byType"].values())
        assert quota["reserved"] == sum(job.reserved for job in model.jobs.values())
        assert quota["remaining"] == max(0, model.left)

    @invariant()
    def jobs_are_those_of_the_model(self) -> None:
        for job in self.model.jobs.values():
            read = self.run(self.learner.expects(200, "GET", f"/api/gemini/jobs/{job.id}"))
            assert read["status"] == job.status
            assert (read["problem"] is not None) == (job.status == "failed")


@pytest.mark.parametrize("examples", [8])
def test_quota_and_jobs_are_at_any_time_what_a_plain_model_says(
    database_url: str, redis_url: str, examples: int
) -> None:
    settings = make_settings(
        database_url=database_url, redis_url=redis_url, gemini_attempts=1, job_attempts=ATTEMPTS
    )
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            QuotaAndJobs.world = runner.run(World.start(settings, stack))
            QuotaAndJobs.run = staticmethod(runner.run)
            run_state_machine_as_test(
                QuotaAndJobs,
                settings=hypothesis_settings(
                    max_examples=examples,
                    stateful_step_count=20,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    derandomize=True,
                ),
            )
        finally:
            runner.run(stack.aclose())
