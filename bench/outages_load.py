"""Learners who go on practising while parts fail, and a ledger of what was acknowledged to them."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from bench.chaos import follow
from bench.chaos_verdict import JobEvents
from cara.samples import SAMPLES

LEARNERS = 6
PAUSE_SECONDS = 0.1
ANSWER_SECONDS = 15.0
"""A request without an answer for so long counts as not answered."""

SIGN_IN_EVERY = 5
PASSWORD = "correct horse battery"
NOT_ANSWERED = 0


@dataclass(frozen=True)
class Answer:
    """One request: when it began, how long it took, its status, and the `code` of a problem."""

    operation: str
    begun: float
    seconds: float
    status: int
    code: str = ""

    @property
    def ended(self) -> float:
        return self.begun + self.seconds

    @property
    def failed(self) -> bool:
        """Whether the service did not do what it should: a server error, or no answer."""
        return self.status == NOT_ANSWERED or self.status >= 500


@dataclass
class Title:
    """The title of a session that was acknowledged last, and those that nobody knows to have been stored."""

    acknowledged: str
    unknown: set[str] = field(default_factory=set)


@dataclass
class Ledger:
    """What was acknowledged by a 2xx, and has to be there in the end."""

    titles: dict[str, Title] = field(default_factory=dict)
    completed: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    jobs: dict[str, JobEvents] = field(default_factory=dict)
    chats: Counter[str] = field(default_factory=Counter)
    refresh_tokens: dict[str, str] = field(default_factory=dict)


class Load:
    """Learners who practise at one web process until they are stopped."""

    def __init__(self, url: str, learners: int = LEARNERS, ledger: Ledger | None = None) -> None:
        self.url = url
        self.answers: list[Answer] = []
        self.ledger = ledger or Ledger()
        self._learners = learners
        self.stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Registers the learners, and has them begin."""
        self.http = ClientSession(
            connector=TCPConnector(limit=0),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=ANSWER_SECONDS, sock_connect=5),
        )
        self._streams = ClientSession(
            connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None, sock_connect=5, sock_read=40)
        )
        learners = [Learner(self, f"learner{number}@example.com") for number in range(self._learners)]
        for learner in learners:
            await learner.register()
        self._practising = [asyncio.create_task(learner.practise()) for learner in learners]
        self._following: list[asyncio.Task[None]] = []
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in (*self._practising, *self._following):
            task.cancel()
        await asyncio.gather(*self._practising, *self._following, return_exceptions=True)
        await self.http.close()
        await self._streams.close()

    def beside(self, url: str) -> Load:
        """Returns a load without learners of its own, which writes into the same ledger."""
        return Load(url, learners=0, ledger=self.ledger)

    async def stop(self, *, follow_seconds: float) -> None:
        """Ends the load, and waits for the ends of the jobs that are followed."""
        self.stopping.set()
        await asyncio.gather(*self._practising)
        if self._following:
            await asyncio.wait(self._following, timeout=follow_seconds)

    def follow(self, job: Mapping[str, Any]) -> asyncio.Task[None]:
        """Follows the events of a job that was accepted, with reconnections, to its end."""
        self.ledger.jobs[job["jobId"]] = JobEvents()
        task = asyncio.create_task(self._follow(job["jobId"], self.url + job["eventsUrl"]))
        self._following.append(task)
        return task

    async def _follow(self, job_id: str, url: str) -> None:
        self.ledger.jobs[job_id] = await follow(self._streams, url)


class Learner:
    """One learner, who does one thing after another and takes a failure as it comes."""

    def __init__(self, load: Load, email: str) -> None:
        self.email = email
        self.headers: dict[str, str] = {}
        self.load = load
        self._ledger = load.ledger

    async def register(self) -> None:
        account = {"email": self.email, "name": "A learner", "password": PASSWORD}
        signed_in = await self.call("register", "POST", "/api/auth/register", account)
        assert signed_in, self.load.answers[-1]
        self._keep_tokens(signed_in)

    async def practise(self) -> None:
        """Does round after round until the load is stopped."""
        session = ""
        following: asyncio.Task[None] | None = None
        for number in count():
            if number % SIGN_IN_EVERY == SIGN_IN_EVERY - 1:
                await self._sign_in()
            await self.call("me", "GET", "/api/users/me")
            session = await self.open_session() or session
            await self.rename(session)
            await self.post_event()
            await self._chat()
            await self.complete(session)
            if following is None or following.done():
                following = await self._ask_for_feedback(number)
            if self.load.stopping.is_set():
                return

    async def call(
        self, operation: str, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Sends one request and records its answer; returns the body of a success, else nothing."""
        if self.load.stopping.is_set():
            return {}
        begun, status, answer = time.monotonic(), NOT_ANSWERED, {}
        try:
            async with self.load.http.request(
                method, self.load.url + path, json=body, headers=self.headers
            ) as response:
                answer = await response.json(content_type=None)
                status = response.status
        except (ClientError, TimeoutError) as error:
            answer = {"code": type(error).__name__}
        seconds, succeeded = time.monotonic() - begun, 200 <= status < 300
        code = "" if succeeded else str(answer.get("code"))
        self.load.answers.append(Answer(operation, begun, seconds, status, code))
        await asyncio.sleep(PAUSE_SECONDS)
        return answer if succeeded else {}

    async def _sign_in(self) -> None:
        credentials = {"email": self.email, "password": PASSWORD}
        if signed_in := await self.call("sign in", "POST", "/api/auth/login", credentials):
            self._keep_tokens(signed_in)

    def _keep_tokens(self, signed_in: Mapping[str, Any]) -> None:
        self.headers = {"Authorization": f"Bearer {signed_in['accessToken']}"}
        self._ledger.refresh_tokens[self.email] = signed_in["refreshToken"]

    async def open_session(self) -> str:
        """Opens a session; returns its id, or "" if that was not acknowledged."""
        title = f"Opened {uuid.uuid4()}"
        body = {"featureType": "conversation", "title": title, "description": incompressible_text()}
        opened = await self.call("open session", "POST", "/api/sessions", body)
        if opened:
            self._ledger.titles[opened["id"]] = Title(title)
        return str(opened.get("id", ""))

    async def rename(self, session: str) -> bool:
        """Gives a session a new title; returns whether that was acknowledged."""
        title, known = f"Title {uuid.uuid4()}", self._ledger.titles[session]
        known.unknown.add(title)
        if not await self.call("rename session", "PATCH", f"/api/sessions/{session}", {"title": title}):
            return False
        known.acknowledged = title
        known.unknown.remove(title)
        return True

    async def post_event(self) -> str:
        """Posts an event; returns its id, or "" if it was not acknowledged."""
        event = str(uuid.uuid4())
        body = {"eventId": event, "eventType": "practice_started", "metadata": {"featureType": "writing"}}
        if not await self.call("post event", "POST", "/api/analytics/events", body):
            return ""
        self._ledger.events.add(event)
        return event

    async def _chat(self) -> None:
        prompt = {"prompt": "How should I begin a talk about a delayed release?"}
        if await self.call("chat", "POST", "/api/gemini/process", prompt):
            self._ledger.chats[self.email] += 1

    async def complete(self, session: str) -> None:
        if await self.call("complete session", "PATCH", f"/api/sessions/{session}", {"completed": True}):
            self._ledger.completed.add(session)

    async def _ask_for_feedback(self, number: int) -> asyncio.Task[None] | None:
        """Asks for feedback on a session of its own, and begins to follow the job."""
        if not (session := await self.open_session()):
            return None
        sample = SAMPLES[number % len(SAMPLES)]
        body = {
            "sessionId": session,
            "transcript": f"{sample.transcript()}\n{uuid.uuid4()}",
            "durationSeconds": sample.duration_seconds,
        }
        job = await self.call("ask for feedback", "POST", "/api/gemini/generate-feedback", body)
        return self.load.follow(job) if job else None


def incompressible_text() -> str:
    """Returns a text that fills pages of a table: PostgreSQL cannot make it smaller."""
    return secrets.token_hex(900)
