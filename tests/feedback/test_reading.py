"""Reading jobs: one by one with the address of its events, all of them in pages, and how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import TestClient
from redis.asyncio import Redis

from cara.app import create_app
from cara.devtools.emulator.faults import Fault
from cara.devtools.emulator.server import EmulatorSettings, create_emulator
from cara.postgres.database import Database
from cara.settings import Settings
from tests.conftest import RunningEmulator
from tests.feedback.work.attempts import working
from tests.learners import TALK, Learner
from tests.streams import SentEvent, read_events
from tests.waiting import until
from tests.workers import running_worker

pytestmark = pytest.mark.usefixtures("patient_steps")

JOBS = "/api/gemini/jobs"
LISTED = {
    "jobId", "sessionId", "status", "progress", "stage", "attempts", "createdAt", "startedAt", "finishedAt",
    "eventsUrl", "problem",
}  # fmt: skip


@pytest.fixture
def patient_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine leaves out no step of the progress."""
    monkeypatch.setattr("cara.feedback.work.progress.STEP_SECONDS", 30)


async def _opens(learner: Learner, events_url: str) -> bool:
    """Whether the address opens a stream without any other token."""
    async with learner.client.get(events_url) as response:
        return response.status == 200


async def _lists(learner: Learner, **query: str) -> list[str]:
    page = await learner.expects(200, "GET", JOBS, params=query)
    return [job["jobId"] for job in page["jobs"]]


async def test_a_live_job_names_the_address_of_its_events_wherever_it_is_shown(
    learner: Learner, database: Database
) -> None:
    accepted = await learner.asks_for_feedback()
    read = await learner.expects(200, "GET", accepted["statusUrl"])
    (listed,) = (await learner.expects(200, "GET", JOBS))["jobs"]
    async with database.acquire() as connection:
        running = "status = 'running', attempts = 1, lease_expires_at = now() + interval '1 minute'"
        await connection.execute(f"update feedback_jobs set {running}")
    stopping = await learner.expects(202, "DELETE", accepted["statusUrl"])
    assert stopping["status"] == "running"
    for job in (accepted, read, listed, stopping):
        assert urlsplit(job["eventsUrl"]).path == f"{accepted['statusUrl']}/events"
        assert await _opens(learner, job["eventsUrl"])


async def test_a_job_that_has_ended_has_no_address_of_events(learner: Learner) -> None:
    accepted = await learner.asks_for_feedback()
    ended = [await learner.expects(202, "DELETE", accepted["statusUrl"])]
    ended.append(await learner.expects(200, "GET", accepted["statusUrl"]))
    ended.extend((await learner.expects(200, "GET", JOBS))["jobs"])
    ended.append((await learner.follows(accepted))[-1].data)
    assert [(job["status"], job["eventsUrl"]) for job in ended] == [("cancelled", None)] * 4


@pytest.mark.usefixtures("worker")
async def test_a_request_that_waited_for_its_job_gets_it_without_an_address(learner: Learner) -> None:
    session = await learner.opens_session(transcript=TALK)
    done = await learner.expects(
        200,
        "POST",
        "/api/gemini/generate-feedback",
        json={"sessionId": session["id"], "durationSeconds": 20},
        headers={"Prefer": "wait=30"},
    )
    assert (done["status"], done["eventsUrl"]) == ("succeeded", None)
    (listed,) = (await learner.expects(200, "GET", JOBS))["jobs"]
    assert listed == {name: done[name] for name in LISTED}


async def test_the_tag_of_a_job_depends_on_the_job_alone(learner: Learner) -> None:
    job = await learner.asks_for_feedback()
    first = await learner.call("GET", job["statusUrl"])
    assert first.headers["Retry-After"] == "1"
    head = await learner.call("HEAD", job["statusUrl"])
    assert (head.status, head.headers["ETag"], await head.read()) == (200, first.headers["ETag"], b"")
    known = {"If-None-Match": first.headers["ETag"]}
    unchanged = await learner.call("GET", job["statusUrl"], headers=known)
    assert (unchanged.status, unchanged.headers["Retry-After"]) == (304, "1")
    await learner.expects(202, "DELETE", job["statusUrl"])
    changed = await learner.call("GET", job["statusUrl"], headers=known)
    assert (changed.status, "Retry-After" in changed.headers) == (200, False)


async def test_jobs_are_paged_newest_first_while_more_are_requested(learner: Learner) -> None:
    asked = [(await learner.asks_for_feedback())["jobId"] for _ in range(3)]
    seen: list[str] = []
    query = {"limit": "2"}
    while query:
        page = await learner.expects(200, "GET", JOBS, params=query)
        assert all(set(job) == LISTED for job in page["jobs"])
        seen += [job["jobId"] for job in page["jobs"]]
        await learner.asks_for_feedback()
        query = {"limit": "2", "cursor": page["nextCursor"]} if page["nextCursor"] else {}
    assert seen == asked[::-1]


async def test_jobs_of_the_same_instant_are_all_listed_once(learner: Learner, database: Database) -> None:
    asked = [(await learner.asks_for_feedback())["jobId"] for _ in range(3)]
    async with database.acquire() as connection:
        await connection.execute("update feedback_jobs set created_at = '2026-11-01T12:00:00Z'")
    first = await learner.expects(200, "GET", JOBS, params={"limit": "2"})
    rest = await _lists(learner, cursor=first["nextCursor"])
    assert [job["jobId"] for job in first["jobs"]] + rest == sorted(asked, reverse=True)


async def test_jobs_are_listed_by_session_and_status(learner: Learner) -> None:
    first, second = await learner.asks_for_feedback(), await learner.asks_for_feedback()
    await learner.expects(202, "DELETE", first["statusUrl"])
    session = (await learner.expects(200, "GET", second["statusUrl"]))["sessionId"]
    assert await _lists(learner, sessionId=session) == [second["jobId"]]
    assert await _lists(learner, status="cancelled") == [first["jobId"]]
    assert await _lists(learner, sessionId=session, status="queued") == [second["jobId"]]
    assert await _lists(learner, sessionId=session, status="cancelled") == []
    assert await _lists(learner, sessionId=str(uuid4())) == []


async def test_jobs_of_other_learners_are_never_listed(learner: Learner) -> None:
    other = await Learner.registers(learner.client)
    foreign = await other.asks_for_feedback()
    session = (await other.expects(200, "GET", foreign["statusUrl"]))["sessionId"]
    assert await _lists(learner) == await _lists(learner, sessionId=session) == []
    assert await _lists(other) == [foreign["jobId"]]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "live"},
        {"sessionId": "7"},
        {"limit": "0"},
        {"limit": "101"},
        {"cursor": "x"},
        {"user": "a"},
    ],
)
async def test_an_invalid_query_of_jobs_is_refused(learner: Learner, query: dict[str, str]) -> None:
    problem = await learner.expects(400, "GET", JOBS, params=query)
    assert problem["errors"][0]["field"] == next(iter(query))


async def test_a_failed_job_is_listed_with_its_problem(
    learner: Learner, settings: Settings, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_next(Fault.BLOCKED_ANSWER, times=1)
    async with running_worker(settings):
        end = (await learner.follows(await learner.asks_for_feedback()))[-1]
    (listed,) = (await learner.expects(200, "GET", JOBS, params={"status": "failed"}))["jobs"]
    assert listed == {name: end.data[name] for name in LISTED}
    assert listed["problem"]["code"] == "content_blocked"


Reached = tuple[int, bool, int]
"""The attempt, whether it is over and the job queued again, and the progress: what comes later is more."""


class Poller:
    """Polls a job at another web process than the one that it is followed at, and knows the last answer."""

    def __init__(self, learner: Learner, client: TestClient[Any, Any], job: dict[str, Any]) -> None:
        self._learner = Learner(**{**vars(learner), "client": client})
        self._job = job
        self._tag = ""
        self.last: dict[str, Any] = {}

    async def polls(self) -> Reached:
        """How far the job is, as this answer tells, or the last one if this is a 304."""
        known = {"If-None-Match": self._tag}
        response = await self._learner.call("GET", self._job["statusUrl"], headers=known)
        if response.status == 200:
            self._tag, self.last = response.headers["ETag"], await response.json()
        assert response.status in (200, 304)
        return self.last["attempts"], self.last["status"] == "queued", self.last["progress"]


def _reached(event: SentEvent) -> Reached:
    return event.data["attempt"], event.data.get("status") == "queued", event.data["progress"]


async def test_a_poll_at_any_process_shows_what_the_events_have_told(
    settings: Settings,
    learner: Learner,
    emulator: RunningEmulator,
    aiohttp_client: Callable[..., Awaitable[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also after an attempt that failed midway, when progress begins anew."""
    monkeypatch.setattr("cara.feedback.work.progress.STEP_PAUSE_SECONDS", 0)
    emulator.emulator.fail_next(Fault.ERROR_MIDSTREAM, times=1)
    job = await learner.asks_for_feedback()
    poller = Poller(learner, await aiohttp_client(create_app(settings)), job)
    told: list[Reached] = []
    polled: list[Reached] = []
    async with running_worker(settings), learner.client.get(job["eventsUrl"]) as response:
        async for event in read_events(response):
            if event.name in ("status", "progress"):
                told.append(_reached(event))
                polled.append(await poller.polls())
                assert polled[-1] >= told[-1]
    last = (2, False, 100)
    assert (await poller.polls(), poller.last["status"]) == (last, "succeeded")
    assert told == sorted(told)
    assert set(polled) <= {*told, last}
    assert len([progress for *_, progress in told if 15 < progress < 88]) > 1


async def test_without_redis_a_poll_shows_progress_all_the_same(
    settings: Settings, learner: Learner, database: Database, aiohttp_server: Any
) -> None:
    slow = await aiohttp_server(create_emulator(EmulatorSettings(chunk_delay_seconds=0.01)))
    settings = settings.model_copy(update={"gemini_base_url": str(slow.make_url("/"))})
    job = await learner.asks_for_feedback()
    poller = Poller(learner, learner.client, job)
    polled: list[Reached] = []

    async def ends() -> bool:
        polled.append(await poller.polls())
        return bool(poller.last["finishedAt"])

    async with (
        Redis.from_url("redis://127.0.0.1:1/0") as nowhere,
        working(settings, redis=nowhere) as (work, _),
    ):
        running = asyncio.create_task(work.run(UUID(job["jobId"])))
        await until(ends)
        await running
    assert polled == sorted(polled)
    assert set(polled) & {(1, False, percent) for percent in range(20, 90, 5)}
