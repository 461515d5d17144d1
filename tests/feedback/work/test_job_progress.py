"""How far a job is while Gemini writes: published with the texts, and never before it is stored."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from cara.feedback.work.attempt import Attempt, CancelRequested, LeaseLost
from cara.feedback.work.progress import ProgressWriter
from cara.gemini.streams import GeminiChunk, GeminiStream
from cara.jobs.notifier import Publisher, read_events
from cara.postgres.database import Database, one_row
from tests.feedback.work.attempts import the_job
from tests.feedback.work.test_database_away import UnreliableDatabase
from tests.jobs.rows import insert_job


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine leaves out no step, however fast they come."""
    monkeypatch.setattr("cara.feedback.work.progress.STEP_SECONDS", 30)
    monkeypatch.setattr("cara.feedback.work.progress.STEP_PAUSE_SECONDS", 0)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
async def attempt(database: Database, redis: Redis) -> Attempt:
    """The first attempt at a job, which has just asked Gemini."""
    job = await insert_job(database)
    async with database.acquire() as connection:
        asking = await one_row(
            connection,
            """
            update feedback_jobs
            set status = 'running', attempts = 1, stage = 'asking', progress = 15,
                lease_expires_at = now() + interval '1 minute'
            returning user_id, id, attempts
            """,
        )
    return Attempt(asking, Publisher(redis, job["id"], 1), "gemini-test")


def written(judgement: dict[str, object], chunk_characters: int) -> GeminiStream:
    """A judgement that comes in chunks."""
    text = json.dumps(judgement)

    async def chunks() -> AsyncIterator[GeminiChunk]:
        for start in range(0, len(text), chunk_characters):
            yield GeminiChunk(text[start : start + chunk_characters])

    return cast(GeminiStream, chunks())


async def told(redis: Redis, attempt: Attempt) -> tuple[list[int], str]:
    """The progress that listeners were told, and the text."""
    await attempt.publisher.flush()
    events: list[tuple[str, Any]] = [
        (event.name, json.loads(event.data)) for event in await read_events(redis, attempt.job["id"], 0)
    ]
    progress = [data for name, data in events if name == "progress"]
    assert all((data["stage"], data["attempt"]) == ("asking", 1) for data in progress)
    texts = "".join(data["text"] for name, data in events if name == "partial")
    return [data["progress"] for data in progress], texts


@pytest.mark.parametrize(("characters", "percent"), [(199, None), (230, 20), (1_600, 50), (2_960, 85)])
async def test_progress_goes_by_the_usual_length_in_steps_of_five(
    database: Database, redis: Redis, attempt: Attempt, characters: int, percent: int | None
) -> None:
    summary = "a" * (characters - len('{"summary": ""}'))
    await ProgressWriter(database).follow(attempt, written({"summary": summary}, 10_000))
    assert await told(redis, attempt) == ([percent] if percent else [], summary)
    assert (await the_job(database))["progress"] == (percent or 15)


async def test_each_step_is_stored_when_it_is_told_and_the_next_stage_stays_ahead(
    database: Database, redis: Redis, attempt: Attempt
) -> None:
    stored = []

    async def watched() -> AsyncIterator[GeminiChunk]:
        async for chunk in written({"summary": "a" * 9_000}, 50):
            yield chunk
            progress, _ = await told(redis, attempt)
            stored.append((await the_job(database))["progress"])
            assert progress[-1:] == [stored[-1]] or stored[-1] == 15

    await ProgressWriter(database).follow(attempt, cast(GeminiStream, watched()))
    assert sorted(set(stored)) == [15, *range(20, 90, 5)]
    assert await told(redis, attempt) == (list(range(20, 90, 5)), "a" * 9_000)


async def test_steps_that_come_close_together_are_left_out_and_no_text_with_them(
    database: Database, redis: Redis, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.feedback.work.progress.STEP_PAUSE_SECONDS", 3_600)
    await ProgressWriter(database).follow(attempt, written({"summary": "a" * 3_000}, 50))
    assert await told(redis, attempt) == ([], "a" * 3_000)
    assert (await the_job(database))["progress"] == 15


async def test_what_could_not_be_stored_is_not_told(
    database: Database, redis: Redis, attempt: Attempt
) -> None:
    unreliable = UnreliableDatabase(database, lambda: True, acquired=3)
    await ProgressWriter(unreliable).follow(attempt, written({"summary": "a" * 3_000}, 50))
    assert await told(redis, attempt) == (list(range(35, 90, 5)), "a" * 3_000)
    assert (await the_job(database))["progress"] == 85


async def test_a_database_that_hangs_does_not_hold_up_the_texts(
    database: Database, redis: Redis, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.feedback.work.progress.STEP_SECONDS", 0.02)
    async with database.transaction() as connection:
        await connection.execute("select from feedback_jobs for update")
        await ProgressWriter(database).follow(attempt, written({"summary": "a" * 3_000}, 500))
        assert await told(redis, attempt) == ([], "a" * 3_000)


@pytest.mark.parametrize(
    ("change", "error"), [("attempts = 2", LeaseLost), ("cancel_requested = true", CancelRequested)]
)
async def test_the_next_step_notices_that_the_job_is_lost_or_not_wanted(
    database: Database, redis: Redis, attempt: Attempt, change: str, error: type[Exception]
) -> None:
    async with database.acquire() as connection:
        await connection.execute(f"update feedback_jobs set {change}")
    with pytest.raises(error):
        await ProgressWriter(database).follow(attempt, written({"summary": "a" * 3_000}, 500))
    progress, text = await told(redis, attempt)
    assert progress == []
    assert 0 < len(text) < 500
