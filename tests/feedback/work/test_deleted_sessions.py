"""A job's reservation is given back when its session is deleted, once nothing more can be charged."""

from __future__ import annotations

from typing import Any

from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.postgres.database import Database
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.feedback.work.attempts import charges, the_job
from tests.learners import TALK, Learner
from tests.waiting import until
from tests.workers import running_worker


async def quota_of(learner: Learner) -> tuple[int, int]:
    """Tokens used and reserved."""
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    return quota["tokensUsed"], quota["reserved"]


async def delete_session_of(learner: Learner, job: dict[str, Any]) -> None:
    read = await learner.expects(200, "GET", job["statusUrl"])
    await learner.expects(204, "DELETE", f"/api/sessions/{read['sessionId']}")


async def limit_quota_to_reserved(learner: Learner, database: Database) -> None:
    """Sets the learner's daily quota to what is reserved now."""
    async with database.acquire() as connection:
        await connection.execute(
            "update users set daily_token_quota = (select reserved from quota_days where user_id = users.id)"
        )


async def test_the_reservation_of_a_queued_job_is_given_back_at_once(
    learner: Learner, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    await limit_quota_to_reserved(learner, database)
    session = await learner.opens_session(transcript=TALK)
    asked = {"sessionId": session["id"]}
    await learner.expects(429, "POST", "/api/gemini/generate-feedback", json=asked)
    await delete_session_of(learner, job)
    assert await quota_of(learner) == (0, 0)
    await learner.expects(202, "POST", "/api/gemini/generate-feedback", json=asked)


async def test_the_reservation_of_a_running_job_is_given_back_once_its_worker_has_charged_it(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=2))
    job = await learner.asks_for_feedback()
    async with running_worker(settings):
        await emulator.emulator.until(lambda ledger: ledger.output_tokens > 0)
        await delete_session_of(learner, job)

        async def settled() -> bool:
            return (await quota_of(learner))[1] == 0

        await until(settled)
    (charged,) = await charges(database)
    assert 0 < charged <= emulator.emulator.ledger.total_tokens
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from quota_reservations") == 0


async def test_the_reservation_of_a_job_whose_worker_died_expires_with_its_lease(
    learner: Learner, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    await limit_quota_to_reserved(learner, database)
    async with database.acquire() as connection:
        await connection.execute(
            "update feedback_jobs set status = 'running', lease_expires_at = now() + interval '1 second'"
        )
        lease_expires_at = (await the_job(database))["lease_expires_at"]
        await delete_session_of(learner, job)
        (left,) = await connection.fetch("select * from quota_reservations")
        assert left["expires_at"] == lease_expires_at
        await connection.execute("update quota_reservations set expires_at = now()")
    assert (await learner.asks_for_feedback())["status"] == "queued"


async def test_other_jobs_keep_their_reservations(learner: Learner, database: Database) -> None:
    deleted, kept, ended = [await learner.asks_for_feedback() for _ in range(3)]
    total = (await quota_of(learner))[1]
    await learner.expects(202, "DELETE", ended["statusUrl"])
    for job in (ended, deleted):
        await delete_session_of(learner, job)
    assert await quota_of(learner) == (0, total // 3)
    assert (await the_job(database))["id"].hex == kept["jobId"].replace("-", "")
