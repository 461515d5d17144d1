"""Following a job by server-sent events: each event once, however often a client reconnects."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from redis.asyncio import Redis

from cara.app import create_app
from cara.feedback.events.broker import JobEventBroker
from cara.feedback.events.schemas import JOB_EVENTS
from cara.feedback.work import requests
from cara.postgres.database import Database
from cara.settings import Settings
from cara.web.context import service
from tests.conftest import RunningEmulator
from tests.learners import TALK, Learner
from tests.openapi_document import assert_described
from tests.streams import SentEvent, read_events
from tests.waiting import time_limit, until
from tests.workers import running_worker

FINAL = {"succeeded", "failed", "cancelled"}


def numbers_and_names(events: list[SentEvent]) -> list[tuple[int | None, str]]:
    return [(event.number, event.name) for event in events]


@pytest.mark.usefixtures("worker")
async def test_the_events_are_numbered_and_have_one_end(learner: Learner) -> None:
    events = await learner.follows(await learner.asks_for_feedback())
    numbers = [event.number for event in events if event.number is not None]
    names = [event.name for event in events]

    assert numbers == sorted(set(numbers))
    assert sum(name in FINAL for name in names) == 1
    assert names[-1] in FINAL
    assert {"status", "progress", "partial"} <= set(names)


@pytest.mark.usefixtures("worker")
async def test_progress_grows_in_steps_of_five_while_gemini_writes_and_ends_with_the_last_stages(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.feedback.work.progress.STEP_PAUSE_SECONDS", 0)
    events = await learner.follows(await learner.asks_for_feedback())
    reached = [(e.data["stage"], e.data["progress"]) for e in events if e.name == "progress"]
    *asking, checking, saving = reached
    assert (checking, saving) == (("checking", 88), ("saving", 95))
    assert {stage for stage, _ in asking} == {"asking"}
    percents = [percent for _, percent in asking]
    assert percents[0] == 15 < percents[-1] <= 85
    assert percents == sorted(set(percents))
    assert all(percent % 5 == 0 for percent in percents)


async def test_open_streams_are_counted_while_they_are_open(learner: Learner, app: Any) -> None:
    def opened() -> float:
        return REGISTRY.get_sample_value("cara_event_streams_open") or 0

    before, job = opened(), await learner.asks_for_feedback()
    async with learner.client.get(job["eventsUrl"]) as response:
        await response.content.readuntil(b"event: status")
        assert opened() == before + 1
        service(app, JobEventBroker).close()
        await response.content.read()
    await service(app, JobEventBroker).closed()
    assert opened() == before


@pytest.mark.usefixtures("worker")
async def test_partial_texts_add_up_to_the_feedback(learner: Learner) -> None:
    events = await learner.follows(await learner.asks_for_feedback())
    summary = "".join(
        event.data["text"] for event in events if event.name == "partial" and event.data["part"] == "summary"
    )
    assert summary == events[-1].data["feedback"]["overview"]["summary"]


@pytest.mark.usefixtures("worker")
async def test_a_late_listener_gets_all_events(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    first = await learner.follows(job)
    assert [event for event in await learner.follows(job) if event.number] == [
        event for event in first if event.number
    ]


@pytest.mark.usefixtures("worker")
async def test_a_reconnect_continues_without_gap_or_repeat(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    whole = [event for event in await learner.follows(job) if event.number]
    for cut in range(len(whole) - 1):
        assert await learner.follows(job, last_event_id=whole[cut].number) == whole[cut + 1 :]


@pytest.mark.usefixtures("worker")
async def test_a_reconnect_after_the_end_is_told_to_stop(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    events = await learner.follows(job)
    response = await learner.client.get(job["eventsUrl"], headers={"Last-Event-ID": str(events[-1].number)})
    assert response.status == 204


@pytest.mark.usefixtures("worker")
async def test_when_redis_forgot_the_events_the_end_is_read_from_postgresql(
    learner: Learner, redis_url: str
) -> None:
    job = await learner.asks_for_feedback()
    events = await learner.follows(job)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    assert await learner.follows(job) == [events[-1]]


async def test_without_events_a_listener_gets_the_status_as_of_now(learner: Learner, redis_url: str) -> None:
    job = await learner.asks_for_feedback()
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    async with learner.client.get(job["eventsUrl"]) as response:
        event = await anext(read_events(response))
    assert (event.name, event.number, event.data["status"]) == ("status", None, "queued")
    assert_described([event], JOB_EVENTS)


async def test_a_ticket_opens_its_own_job_only(learner: Learner) -> None:
    first, second = [await learner.asks_for_feedback(f"{TALK} {number}") for number in (1, 2)]
    ticket = parse_qs(urlsplit(first["eventsUrl"]).query)["ticket"][0]
    other = f"/api/gemini/jobs/{second['jobId']}/events"
    problem = await (await learner.client.get(other, params={"ticket": ticket})).json()
    assert problem["code"] == "ticket_invalid"
    as_token = await learner.client.get("/api/auth/verify", headers={"Authorization": f"Bearer {ticket}"})
    assert as_token.status == 401


@pytest.mark.parametrize("ticket", ["", "nonsense", "a.b.c"])
async def test_a_forged_ticket_is_refused(learner: Learner, ticket: str) -> None:
    job = await learner.asks_for_feedback()
    response = await learner.client.get(f"/api/gemini/jobs/{job['jobId']}/events", params={"ticket": ticket})
    assert response.status == 401


async def test_the_token_opens_the_stream_and_nothing_does_not(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    path = f"/api/gemini/jobs/{job['jobId']}/events"
    assert (await learner.client.get(path)).status == 401
    async with learner.client.get(path, headers=learner.authorization) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"


@pytest.mark.parametrize("number", ["x", "-1", "1.5", str(2**60)])
async def test_an_invalid_last_event_id_is_refused(learner: Learner, number: str) -> None:
    job = await learner.asks_for_feedback()
    response = await learner.client.get(job["eventsUrl"], headers={"Last-Event-ID": number})
    assert (await response.json())["code"] == "invalid_input"


async def test_a_shutdown_ends_streams_with_a_retry_hint(learner: Learner, app: Any) -> None:
    job = await learner.asks_for_feedback()
    async with learner.client.get(job["eventsUrl"]) as response:
        first = await response.content.readuntil(b"\n\n")
        service(app, JobEventBroker).close()
        async with time_limit():
            rest = await response.content.read()
    assert b"event: status" in first
    assert rest.endswith(b"retry: 1000\n\n")


async def test_a_stream_that_opens_during_the_shutdown_is_sent_on_with_a_retry_hint(
    learner: Learner, app: Any
) -> None:
    job = await learner.asks_for_feedback()
    service(app, JobEventBroker).close()
    async with learner.client.get(job["eventsUrl"]) as response, time_limit():
        assert (await response.content.read()).endswith(b"retry: 1000\n\n")


async def test_a_stream_whose_events_cannot_be_read_is_sent_on_with_a_retry_hint(
    learner: Learner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("cara.feedback.events.broker.read_events", fail)
    job = await learner.asks_for_feedback()
    async with learner.client.get(job["eventsUrl"]) as response, time_limit():
        assert await response.content.read() == b"retry: 1000\n\n"
    assert f"listening to job {job['jobId']} failed" in caplog.text


async def test_without_redis_a_stream_tells_each_change_once_and_the_end(
    settings: Settings, database: Database, aiohttp_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cara.feedback.events.broker.POLL_SECONDS", 0.05)
    nowhere = {"redis_url": SecretStr("redis://127.0.0.1:1/0")}
    client = await aiohttp_client(create_app(settings.model_copy(update=nowhere)))
    job = await (learner := await Learner.registers(client)).asks_for_feedback()
    reads = 0

    async def read_job(*arguments: Any) -> Any:
        nonlocal reads
        reads += 1
        return await requests.read_job(*arguments)

    async def four_more_reads() -> bool:
        return reads >= wanted

    monkeypatch.setattr("cara.feedback.events.broker.read_job", read_job)
    following = asyncio.create_task(learner.follows(job))
    for change in ("progress = 15, stage = 'asking'", "progress = 15", "progress = 88"):
        wanted = reads + 4
        await until(four_more_reads)
        async with database.acquire() as connection:
            await connection.execute(f"update feedback_jobs set {change}")
    wanted = reads + 4
    await until(four_more_reads)
    await learner.expects(202, "DELETE", job["statusUrl"])
    *changes, end = await following
    assert [(event.number, event.name) for event in changes] == [(None, "status")] * 3
    assert [(event.data["stage"], event.data["progress"]) for event in changes] == [
        ("queued", 0),
        ("asking", 15),
        ("asking", 88),
    ]
    assert (end.name, end.number) == ("cancelled", 1_000_000)


async def test_many_streams_share_the_events_of_a_job_and_leave_nothing(
    learner: Learner, app: Any, settings: Settings
) -> None:
    job = await learner.asks_for_feedback()
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(learner.follows(job)) for _ in range(19)]
        async with running_worker(settings):
            late = await learner.follows(job)
    received = [numbers_and_names([event for event in task.result() if event.number]) for task in listening]
    assert received == [numbers_and_names([event for event in late if event.number])] * 19
    async with time_limit():
        while service(app, JobEventBroker).open:
            await asyncio.sleep(0.01)


async def test_a_deleted_session_ends_the_stream(
    learner: Learner, database: Database, emulator: RunningEmulator
) -> None:
    job = await learner.asks_for_feedback()
    status = await learner.expects(200, "GET", job["statusUrl"])
    await learner.expects(204, "DELETE", f"/api/sessions/{status['sessionId']}")
    response = await learner.client.get(job["eventsUrl"])
    assert response.status == 404


async def test_an_idle_stream_is_kept_alive(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cara.feedback.events.broker.HEARTBEAT_SECONDS", 0.05)
    job = await learner.asks_for_feedback()
    async with learner.client.get(job["eventsUrl"]) as response, time_limit():
        await response.content.readuntil(b": alive\n\n: alive\n\n")
