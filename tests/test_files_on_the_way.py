"""How many files one has to open to follow a request: a profiler counts those whose functions run for it.

The lists are printed (`pytest -s`). A bound may be raised with a reason beside it. Three files of every
request are there for its speed: the block that holds a connection, room that is counted in advance, and lines
that are logged together.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient

import cara
from cara.settings import Settings
from tests.learners import TALK, Learner
from tests.streams import read_events

REPOSITORY = Path(cara.__file__).parents[1]
FEATURES = frozenset(
    "accounts analytics audit coach feedback gemini jobs practice quota speech transcripts users".split()
)
BESIDE_REQUESTS = ("cara/analytics/roll", "cara/feedback/work/sweeper.py")
NOT_ON_THE_WAY = (
    "cara/devtools/",
    "cara/app.py",
    "cara/__init__.py",
    "cara/postgres/connections.py",
    *BESIDE_REQUESTS,
)
"""What stands in for Gemini, what only wires, what opens a connection when none of the pool is free, and what
the worker does by the clock."""


# The database has a file for the limits of time, and one for what is repeated while it is away. Each body is
# looked through for free objects in one, and every answer passes the file that compresses it.


class FilesThatRun:
    """The files of Cara whose functions run between `start` and `stop`, but for tasks that ran before.

    Module bodies do not count: they run once, when something is imported.
    """

    def __init__(self) -> None:
        self._background: set[asyncio.Task[Any]] = set()
        self.names: set[str] = set()

    def start(self) -> None:
        self._background = asyncio.all_tasks() - {asyncio.current_task()}
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        threading.setprofile(self._saw)
        sys.setprofile(self._saw)

    def stop(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def _saw(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or frame.f_code.co_name == "<module>":
            return
        path = frame.f_code.co_filename
        if not path.startswith((f"{REPOSITORY}/cara/", f"{REPOSITORY}/worker/")):
            return
        name = path.removeprefix(f"{REPOSITORY}/")
        if name in self.names or name.startswith(NOT_ON_THE_WAY):
            return
        if self._current_task() not in self._background:
            self.names.add(name)

    def _current_task(self) -> asyncio.Task[Any] | None:
        try:
            return asyncio.current_task()
        except RuntimeError:
            return None  # another thread


@contextmanager
def files_that_run() -> Iterator[FilesThatRun]:
    files = FilesThatRun()
    files.start()
    try:
        yield files
    finally:
        files.stop()


def assert_few(what: str, files: FilesThatRun, *, at_most: int, of_features: int | None = None) -> None:
    features = {name for name in files.names if name.split("/")[1].removesuffix(".py") in FEATURES}
    print(f"\n{what}: {len(files.names)} files, {len(features)} of features")
    print("\n".join(f"  {name}" for name in sorted(files.names)))
    assert len(files.names) <= at_most
    assert of_features is None or len(features) <= of_features


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The sweep, which runs beside requests, is kept out of the way."""
    return settings.model_copy(
        update={"rate_limits": "on", "rate_limit_sign_in": "100/minute", "sweep_seconds": 60}
    )


class Caller:
    """Sends each request on a connection of its own, whose task belongs to the request."""

    def __init__(self, client: TestClient[Any, Any], session: ClientSession) -> None:
        self._client = client
        self._session = session

    @asynccontextmanager
    async def sends(self, method: str, path: str, **options: Any) -> AsyncIterator[Any]:
        url = self._client.make_url(path)
        headers = {"Connection": "close", **options.pop("headers", {})}
        async with self._session.request(method, url, headers=headers, **options) as response:
            yield response

    async def calls(self, status: int, method: str, path: str, **options: Any) -> Any:
        async with self.sends(method, path, **options) as response:
            body = await response.json() if response.status != 204 else None
            assert response.status == status, body
            return body


@pytest.fixture
async def caller(client: TestClient[Any, Any]) -> AsyncIterator[Caller]:
    async with ClientSession() as session:
        yield Caller(client, session)


def account(number: int) -> dict[str, str]:
    return {"email": f"walker{number}@example.com", "name": "A Walker", "password": "correct horse battery"}


async def test_registering(caller: Caller) -> None:
    await caller.calls(201, "POST", "/api/auth/register", json=account(1))
    with files_that_run() as files:
        await caller.calls(201, "POST", "/api/auth/register", json=account(2))
    # Two keep out the pages of others, one tells guessable passwords; the SQL of families stands apart.
    assert_few("register", files, at_most=32, of_features=11)


async def test_signing_in(caller: Caller) -> None:
    await caller.calls(201, "POST", "/api/auth/register", json=account(1))
    credentials = {name: account(1)[name] for name in ("email", "password")}
    await caller.calls(200, "POST", "/api/auth/login", json=credentials)
    with files_that_run() as files:
        await caller.calls(200, "POST", "/api/auth/login", json=credentials)
    # The same ones.
    assert_few("sign in", files, at_most=31, of_features=11)


async def test_talking_with_the_coach(learner: Learner, caller: Caller) -> None:
    async def talks() -> list[str]:
        headers = {**learner.authorization, "Accept": "text/event-stream"}
        asked = {"prompt": "How do I begin a talk?", "featureType": "video"}
        async with caller.sends("POST", "/api/gemini/process", json=asked, headers=headers) as response:
            return [event.name async for event in read_events(response)]

    assert (await talks())[-1] == "done"
    with files_that_run() as files:
        assert (await talks())[-1] == "done"
    # Seven of them keep account of each token: estimates, what a call costs at any moment, and its records.
    # Four read what gateways make of Gemini's answers.
    assert_few("streamed /process", files, at_most=45, of_features=23)


async def test_getting_feedback(learner: Learner, caller: Caller, worker: None) -> None:
    async def asks_and_follows() -> str:
        session = await learner.opens_session()
        asked = {"sessionId": session["id"], "transcript": TALK, "durationSeconds": 20}
        job = await caller.calls(
            202, "POST", "/api/gemini/generate-feedback", json=asked, headers=learner.authorization
        )
        async with caller.sends("GET", job["eventsUrl"]) as response:
            return [event.name async for event in read_events(response)][-1]

    assert await asks_and_follows() == "succeeded"
    session = await learner.opens_session()
    asked = {"sessionId": session["id"], "transcript": TALK, "durationSeconds": 20}
    with files_that_run() as files:
        job = await caller.calls(
            202, "POST", "/api/gemini/generate-feedback", json=asked, headers=learner.authorization
        )
        async with caller.sends("GET", job["eventsUrl"]) as response:
            assert [event.name async for event in read_events(response)][-1] == "succeeded"
    # Two requests, a worker, a judgement, and the measures of speech: those stand in a file for each kind.
    # The worker's call has the same seven files that keep account of its tokens as that of the coach.
    # One counts what the learner stores, one issues tickets, one writes the JSON that is kept as text.
    # Nineteen read the transcript: a reader for each family of formats, asked in turn, who speaks, and
    # what nobody says (marks and footers). What counts is a file for each kind: words and where they end,
    # hesitations, markers, repairs, hedges, assertives, times; three more for what coaches look for.
    assert_few("feedback, from the request to the last event", files, at_most=128, of_features=100)


async def test_posting_an_event(learner: Learner, caller: Caller) -> None:
    event = {"eventType": "page_viewed", "metadata": {"page": "home"}}
    await caller.calls(201, "POST", "/api/analytics/events", json=event, headers=learner.authorization)
    with files_that_run() as files:
        await caller.calls(201, "POST", "/api/analytics/events", json=event, headers=learner.authorization)
    # One splices the metadata into the answer as they came, one reads plain events and one stores them.
    assert_few("event", files, at_most=27)


async def test_deleting_an_account(learner: Learner, caller: Caller) -> None:
    other = await Learner.registers(learner.client)
    await caller.calls(204, "DELETE", "/api/users/me", headers=other.authorization)
    with files_that_run() as files:
        await caller.calls(204, "DELETE", "/api/users/me", headers=learner.authorization)
    # One deletes the cookie, one looks up the sign-in that the token belongs to.
    assert_few("deletion", files, at_most=24)
