"""Events of jobs in Redis are deleted with the account, or with the session."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from redis.asyncio import Redis

from cara.app import create_app
from cara.devtools.emulator.faults import Fault, PlannedFault
from cara.feedback.events.stream import JobStream
from cara.jobs.notifier import Publisher
from cara.jobs.notifier import read_events as read_stored_events
from cara.postgres.database import Database
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.learners import Learner
from tests.streams import read_events
from tests.waiting import time_limit
from tests.workers import running_worker


async def _stored(redis_url: str) -> dict[str, list[str]]:
    """The names of the events that Redis stores, by job."""
    async with Redis.from_url(redis_url) as redis:
        keys = [key.decode() async for key in redis.scan_iter("cara:feedback:*:events")]
        ids = [key.split(":")[2] for key in keys]
        stored = {job_id: await read_stored_events(redis, UUID(job_id), after=0) for job_id in ids}
    return {job_id: [event.name for event in events] for job_id, events in stored.items()}


@pytest.mark.usefixtures("worker")
async def test_no_texts_of_a_deleted_account_stay_in_redis(learner: Learner, redis_url: str) -> None:
    other = await Learner.registers(learner.client)
    jobs = [await somebody.asks_for_feedback() for somebody in (learner, other)]
    for job in jobs:
        await learner.follows(job)
    assert all("partial" in names for names in (await _stored(redis_url)).values())

    await learner.expects(204, "DELETE", "/api/users/me")
    stored = await _stored(redis_url)
    assert stored[jobs[0]["jobId"]] == ["finished"]
    assert "partial" in stored[jobs[1]["jobId"]]


@pytest.mark.usefixtures("worker")
async def test_no_texts_of_a_deleted_session_stay_in_redis(learner: Learner, redis_url: str) -> None:
    deleted, other = [await learner.asks_for_feedback() for _ in range(2)]
    await learner.follows(other)
    session_id = (await learner.follows(deleted))[-1].data["sessionId"]
    await learner.expects(204, "DELETE", f"/api/sessions/{session_id}")
    stored = await _stored(redis_url)
    assert stored[deleted["jobId"]] == ["finished"]
    assert "partial" in stored[other["jobId"]]


async def test_what_a_worker_publishes_after_the_deletion_is_not_stored(
    learner: Learner, redis_url: str
) -> None:
    job = await learner.asks_for_feedback()
    await learner.expects(204, "DELETE", "/api/users/me")
    async with Redis.from_url(redis_url) as redis:
        working = Publisher(redis, UUID(job["jobId"]), attempts=7)
        await working.partial("summary", "what somebody said")
        await working.flush()
        assert 0 < await redis.ttl(f"cara:feedback:{job['jobId']}:events") <= 3_600
    assert await _stored(redis_url) == {job["jobId"]: ["finished"]}


@pytest.mark.parametrize("gone", ["the session", "the account"])
async def test_listeners_receive_that_the_job_is_cancelled(learner: Learner, gone: str) -> None:
    job = await learner.asks_for_feedback()
    read = await learner.expects(200, "GET", job["statusUrl"])
    path = "/api/users/me" if gone == "the account" else f"/api/sessions/{read['sessionId']}"
    async with learner.client.get(job["eventsUrl"]) as response, time_limit():
        events = read_events(response)
        assert (await anext(events)).name == "status"
        await learner.expects(204, "DELETE", path)
        (end,) = [event async for event in events]
    assert (end.name, end.number) == ("cancelled", 1_000_000)
    assert end.data["finishedAt"] >= read["createdAt"]
    assert end.data == {
        **read,
        "status": "cancelled",
        "stage": "finished",
        "finishedAt": end.data["finishedAt"],
        "eventsUrl": None,
    }


async def test_the_end_of_a_running_job_that_is_deleted_has_the_last_number(
    learner: Learner, emulator: RunningEmulator, settings: Settings
) -> None:
    emulator.emulator.fail_next(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=2))
    job = await learner.asks_for_feedback()
    read = await learner.expects(200, "GET", job["statusUrl"])
    async with learner.client.get(job["eventsUrl"]) as response, running_worker(settings):
        await emulator.emulator.until(lambda ledger: ledger.output_tokens > 0)
        await learner.expects(204, "DELETE", f"/api/sessions/{read['sessionId']}")
        events = [event async for event in read_events(response)]
    numbers = [event.number for event in events if event.number]
    assert numbers == sorted(set(numbers))
    assert [event.name for event in events if event.number][-1] == "cancelled"
    assert numbers[-1] == 2_000_000


async def test_a_job_that_is_deleted_before_its_stream_begins_still_has_an_end(
    learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await learner.asks_for_feedback()
    opening = JobStream.open

    async def open_late(stream: JobStream, request: web.Request) -> web.StreamResponse:
        async with database.acquire() as connection:
            await connection.execute("delete from sessions")
        return await opening(stream, request)

    monkeypatch.setattr(JobStream, "open", open_late)
    events = await learner.follows(job)
    assert [event.name for event in events] == ["status", "cancelled"]


async def test_an_account_is_deleted_although_redis_is_away(
    settings: Settings, unused_tcp_port: int, aiohttp_client: Any
) -> None:
    url = type(settings.redis_url)(f"redis://127.0.0.1:{unused_tcp_port}/0")
    client = await aiohttp_client(create_app(settings.model_copy(update={"redis_url": url})))
    learner = await Learner.registers(client)
    await learner.asks_for_feedback()
    await learner.expects(204, "DELETE", "/api/users/me")
    await learner.expects(401, "GET", "/api/users/me")
