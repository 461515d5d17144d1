"""The transitions of a job: what each one starts from, whose it is, and what it writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from cara.jobs import queries as jobs
from cara.jobs import transitions
from cara.postgres.database import Connection, Database, Record
from tests.feedback.work.attempts import the_job
from tests.jobs.rows import insert_job
from tests.learners import TALK

Key = tuple[UUID, UUID, int]
SECOND = timedelta(seconds=1)
PROBLEM = {"code": "internal_error", "detail": "Something went wrong."}

OF_AN_ATTEMPT: dict[str, Callable[[Connection, Key], Awaitable[Record | None]]] = {
    "renew the lease": lambda connection, key: transitions.renew_lease(connection, *key, 60),
    "advance": lambda connection, key: transitions.advance_job(connection, *key, "asking", 15),
    "finish": lambda connection, key: transitions.finish_job(connection, *key, "succeeded"),
    "requeue": lambda connection, key: transitions.requeue_job(
        connection,
        *key,
        delay_seconds=0,
        failed=True,
        answers=1,
        more_output=False,
        reservation_id=key[1],
    ),
    "lock": lambda connection, key: transitions.lock_job(connection, *key),
}


async def changed(database: Database, columns: str) -> Record:
    """The job after its columns were set."""
    async with database.acquire() as connection:
        await connection.execute(f"update feedback_jobs set {columns}")
    return await the_job(database)


async def running(database: Database, *, attempts: int, more: str = "") -> Record:
    """The job as a worker holds it, in this attempt."""
    lease = "lease_expires_at = now() + interval '1 minute'"
    return await changed(database, f"status = 'running', attempts = {attempts}, {lease}{more}")


async def age(database: Database, job_id: UUID, columns: str) -> None:
    async with database.acquire() as connection:
        await connection.execute(f"update feedback_jobs set {columns} where id = $1", job_id)


async def wait_of(database: Database) -> timedelta:
    """How long it is until the job is due."""
    async with database.acquire() as connection:
        wait: timedelta = await connection.fetchval("select run_after - now() from feedback_jobs")
    return wait


@pytest.fixture
async def job(database: Database) -> Record:
    return await insert_job(database)


@pytest.fixture
async def three(database: Database) -> list[UUID]:
    """Three jobs, the oldest first."""
    return [(await insert_job(database))["id"] for _ in range(3)]


@pytest.mark.parametrize("step", OF_AN_ATTEMPT)
async def test_only_the_attempt_that_owns_the_job_changes_it(
    job: Record, database: Database, step: str
) -> None:
    before = await running(database, attempts=2)
    others = [(job["user_id"], job["id"], number) for number in (1, 3)]
    async with database.acquire() as connection:
        for key in (*others, (uuid4(), job["id"], 2), (job["user_id"], uuid4(), 2)):
            assert await OF_AN_ATTEMPT[step](connection, key) is None
        assert await the_job(database) == before
        assert await OF_AN_ATTEMPT[step](connection, (job["user_id"], job["id"], 2)) is not None


async def test_an_answer_in_hand_ends_a_job_that_was_requeued_but_not_claimed_again(
    job: Record, database: Database
) -> None:
    """The database was away for longer than the lease, while the worker waited to save the feedback."""
    await changed(database, "status = 'queued', attempts = 2")
    key = (job["user_id"], job["id"], 2)
    async with database.acquire() as connection:
        for other in (1, 3):
            assert await transitions.finish_job(connection, *key[:2], other, "succeeded") is None
        assert await transitions.finish_job(connection, *key, "failed", PROBLEM) is None
        finished = await transitions.finish_job(connection, *key, "succeeded")
    assert finished is not None
    assert tuple(finished) == ("succeeded", job["reservation_id"], False)
    assert (await the_job(database))["status"] == "succeeded"


@pytest.mark.parametrize("status", ["queued", "succeeded", "failed", "cancelled"])
async def test_a_job_that_does_not_run_is_not_changed_by_its_last_attempt(
    job: Record, database: Database, status: str
) -> None:
    finished = "null" if status == "queued" else "now()"
    before = await changed(database, f"status = '{status}', attempts = 1, finished_at = {finished}")
    key = (job["user_id"], job["id"], 1)
    async with database.acquire() as connection:
        for step, transition in OF_AN_ATTEMPT.items():
            if (status, step) != ("queued", "finish"):
                assert await transition(connection, key) is None, step
    assert await the_job(database) == before


async def test_a_claim_knows_what_is_reserved_for_the_attempt(job: Record, database: Database) -> None:
    async with database.acquire() as connection:
        claimed = await transitions.claim_job(connection, job["id"], 30)
        assert claimed is not None
        assert (claimed["prompt_tokens"], claimed["reserved_tokens"]) == (1_500, 0)
        await connection.execute("update feedback_jobs set status = 'queued', lease_expires_at = null")
        await connection.execute(
            """
            insert into quota_reservations (user_id, id, day, tokens, request_type, expires_at)
            select user_id, reservation_id, current_date, 4_321, 'feedback', now() from feedback_jobs
            """
        )
        claimed = await transitions.claim_job(connection, job["id"], 30)
    assert claimed is not None
    assert claimed["reserved_tokens"] == 4_321


async def test_a_claim_counts_the_attempt_and_is_made_once(job: Record, database: Database) -> None:
    async with database.transaction() as connection:
        claimed = await transitions.claim_job(connection, job["id"], 30)
        assert claimed is not None
        assert await transitions.claim_job(connection, job["id"], 30) is None
        now = await connection.fetchval("select now()")
    after = await the_job(database)
    assert (claimed["attempts"], claimed["transcript"], claimed["duration_seconds"]) == (1, TALK, 20)
    assert (after["status"], after["stage"], after["progress"]) == ("running", "measuring", 5)
    assert (after["started_at"], after["lease_expires_at"]) == (now, now + 30 * SECOND)


async def test_a_later_attempt_keeps_the_time_of_the_first_start(job: Record, database: Database) -> None:
    started_at = (await changed(database, "attempts = 1, started_at = now() - interval '1 hour'"))[
        "started_at"
    ]
    async with database.acquire() as connection:
        claimed = await transitions.claim_job(connection, job["id"], 30)
    assert claimed is not None
    assert claimed["attempts"] == 2
    assert (await the_job(database))["started_at"] == started_at


@pytest.mark.parametrize(("seconds", "claimable"), [(-60, True), (0.5, True), (30, False)])
async def test_a_job_is_claimable_once_it_is_due_give_or_take_a_second(
    job: Record, database: Database, seconds: float, claimable: bool
) -> None:
    await changed(database, f"run_after = now() + make_interval(secs => {seconds})")
    async with database.acquire() as connection:
        claimed = await transitions.claim_job(connection, job["id"], 30)
    assert (claimed is not None) == claimable


@pytest.mark.parametrize(
    ("status", "problem", "progress"), [("succeeded", None, 100), ("failed", PROBLEM, 15)]
)
async def test_an_end_says_when_and_why_and_how_far_the_job_came(
    job: Record, database: Database, status: str, problem: dict[str, str] | None, progress: int
) -> None:
    await running(database, attempts=1, more=", progress = 15, stage = 'asking'")
    async with database.transaction() as connection:
        await transitions.finish_job(connection, job["user_id"], job["id"], 1, status, problem)
        now = await connection.fetchval("select now()")
    ended = await the_job(database)
    assert (ended["status"], ended["stage"], ended["progress"]) == (status, "finished", progress)
    assert (ended["problem"], ended["finished_at"], ended["lease_expires_at"]) == (problem, now, None)


@pytest.mark.parametrize("failed", [False, True])
async def test_a_requeued_job_starts_anew_when_its_delay_is_over(
    job: Record, database: Database, failed: bool
) -> None:
    await running(database, attempts=1, more=", progress = 88, stage = 'checking', failures = 1")
    reservation_id = uuid4()
    async with database.acquire() as connection:
        await transitions.requeue_job(
            connection,
            job["user_id"],
            job["id"],
            1,
            delay_seconds=600,
            failed=failed,
            answers=1,
            more_output=True,
            reservation_id=reservation_id,
        )
        assert await transitions.claim_job(connection, job["id"], 30) is None
    queued = await the_job(database)
    assert 590 * SECOND < await wait_of(database) <= 600 * SECOND
    assert (queued["status"], queued["stage"], queued["progress"]) == ("queued", "queued", 0)
    assert (queued["attempts"], queued["failures"]) == (1, 1 + failed)
    assert (queued["answers"], queued["more_output"]) == (1, True)
    assert queued["reservation_id"] == reservation_id


async def test_a_job_is_abandoned_when_its_lease_is_over_and_the_longest_abandoned_comes_first(
    three: list[UUID], database: Database
) -> None:
    for job_id, seconds in zip(three, (-10, -20, 30), strict=True):
        lease = f"lease_expires_at = now() + make_interval(secs => {seconds})"
        await age(database, job_id, f"status = 'running', attempts = 3, stage = 'asking', {lease}")
    async with database.acquire() as connection:
        assert [row["id"] for row in await transitions.abandoned_jobs(connection, 1)] == [three[1]]
        assert [row["id"] for row in await transitions.abandoned_jobs(connection, 9)] == [three[1], three[0]]
        user_id = await connection.fetchval("select user_id from feedback_jobs where id = $1", three[2])
        assert await transitions.lock_abandoned_job(connection, user_id, three[2]) is None


async def test_of_sweepers_at_the_same_instant_one_gets_an_abandoned_job(
    job: Record, database: Database
) -> None:
    lease = "lease_expires_at = now() - interval '1 second'"
    await changed(database, f"status = 'running', attempts = 3, cancel_requested = true, {lease}")
    key = job["user_id"], job["id"]
    async with database.transaction() as first, database.transaction() as second:
        locked = await transitions.lock_abandoned_job(first, *key)
        assert locked is not None
        assert (locked["attempts"], locked["prompt_tokens"], locked["cancel_requested"]) == (3, 1_500, True)
        assert await transitions.lock_abandoned_job(second, *key) is None


@pytest.mark.parametrize(
    ("state", "poison"),
    [
        ("failures = 3, attempts = 4", False),
        ("failures = 4, attempts = 5", True),
        ("failures = 0, attempts = 49", False),
        ("failures = 0, attempts = 50", True),
    ],
)
async def test_an_abandoned_job_fails_with_the_last_attempt_that_is_allowed(
    job: Record, database: Database, state: str, poison: bool
) -> None:
    before = await changed(
        database, f"status = 'running', lease_expires_at = now() - interval '1 second', {state}"
    )
    async with database.acquire() as connection:
        failed = await transitions.fail_poison_jobs(connection, 5, 50, PROBLEM, 9)
    after = await the_job(database)
    if poison:
        assert [(row["id"], row["reservation_id"]) for row in failed] == [(job["id"], job["reservation_id"])]
        assert (after["status"], after["stage"], after["problem"]) == ("failed", "finished", PROBLEM)
    else:
        assert (failed, after) == ([], before)


async def test_a_job_that_is_still_worked_on_is_no_poison(job: Record, database: Database) -> None:
    before = await running(database, attempts=50, more=", failures = 9")
    async with database.acquire() as connection:
        assert await transitions.fail_poison_jobs(connection, 5, 50, PROBLEM, 9) == []
        assert await transitions.abandoned_jobs(connection, 9) == []
    assert await the_job(database) == before


async def test_a_sweep_fails_no_more_poison_jobs_than_its_limit(
    three: list[UUID], database: Database
) -> None:
    await changed(
        database, "status = 'running', attempts = 50, lease_expires_at = now() - interval '1 second'"
    )
    async with database.acquire() as connection:
        taken = [len(await transitions.fail_poison_jobs(connection, 5, 50, PROBLEM, 2)) for _ in range(3)]
    assert taken == [2, 1, 0]


async def test_queued_jobs_are_overdue_after_a_grace_the_longest_overdue_first(
    three: list[UUID], database: Database
) -> None:
    for job_id, seconds in zip(three, (70, 80, 50), strict=True):
        await age(database, job_id, f"run_after = now() - make_interval(secs => {seconds}), attempts = 2")
    async with database.acquire() as connection:
        overdue = await jobs.overdue_jobs(connection, 60, 9)
        first = await jobs.overdue_jobs(connection, 60, 1)
    assert [tuple(row) for row in overdue] == [(three[1], 2), (three[0], 2)]
    assert [row["id"] for row in first] == [three[1]]


@pytest.mark.parametrize(("status", "left"), [("queued", "cancelled"), ("running", "running")])
async def test_a_cancellation_ends_a_queued_job_and_is_requested_of_a_running_one(
    job: Record, database: Database, status: str, left: str
) -> None:
    if status == "running":
        await running(database, attempts=1)
    async with database.acquire() as connection:
        row = await transitions.cancel_job(connection, job["user_id"], job["id"])
        assert row is not None
        assert (row["status"], row["reservation_id"]) == (left, job["reservation_id"])
        assert await transitions.cancel_job(connection, uuid4(), job["id"]) is None
    after, ended = await the_job(database), left == "cancelled"
    assert (after["status"], after["cancel_requested"]) == (left, True)
    assert (after["finished_at"] is not None, after["stage"] == "finished") == (ended, ended)
