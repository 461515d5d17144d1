"""A learner who uses Cara over HTTP, like any client."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import ClientPayloadError, ClientResponse, ClientSession

from cara.devtools.demo.talks import Talk

FINAL = ("succeeded", "failed", "cancelled")
RECONNECT_SECONDS = 0.5


class RequestRefused(Exception):
    """Cara answered with a problem; the message repeats its detail."""


@dataclass(frozen=True)
class JobEvent:
    """One event of a feedback job."""

    name: str
    data: Any
    number: int | None


@dataclass(frozen=True)
class Learner:
    """A registered learner. Every method raises RequestRefused."""

    http: ClientSession
    access_token: str

    @classmethod
    async def register(cls, http: ClientSession) -> Self:
        """Returns a new learner with a random email and password."""
        account = {
            "email": f"learner-{secrets.token_hex(4)}@example.com",
            "name": "A Learner",
            "password": secrets.token_urlsafe(12),
        }
        body = await _answer(http, "POST", "/api/auth/register", json=account)
        return cls(http, body["accessToken"])

    async def open_session(self, talk: Talk) -> str:
        """Opens a practice session for the talk; returns its id."""
        new = {"featureType": talk.feature_type, "title": talk.title}
        session = await self._call("POST", "/api/sessions", json=new)
        return str(session["id"])

    async def request_feedback(self, session_id: str, talk: Talk) -> dict[str, Any]:
        """Sends the transcript; returns the accepted job."""
        asked: dict[str, Any] = {"sessionId": session_id, "transcript": talk.transcript}
        if talk.duration_seconds is not None:
            asked["durationSeconds"] = talk.duration_seconds
        if talk.learner_label is not None:
            asked["learnerLabel"] = talk.learner_label
        return dict(await self._call("POST", "/api/gemini/generate-feedback", json=asked))

    async def job_events(self, job: dict[str, Any]) -> AsyncIterator[JobEvent]:
        """Yields the events of the job up to the final one; resumes a broken stream after the last event."""
        last = 0
        while True:
            async for event in self._stream(job["eventsUrl"], last):
                last = event.number or last
                yield event
                if event.name in FINAL:
                    return
            await asyncio.sleep(RECONNECT_SECONDS)

    async def session(self, session_id: str) -> dict[str, Any]:
        """Returns the session with its transcript."""
        return dict(await self._call("GET", f"/api/sessions/{session_id}"))

    async def quota(self) -> dict[str, Any]:
        """Today's quota of tokens."""
        return dict(await self._call("GET", "/api/gemini/quota"))

    async def profile(self) -> dict[str, Any]:
        """Returns the account with XP, level and streak."""
        return dict((await self._call("GET", "/api/auth/verify"))["user"])

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.access_token}"}
        return await _answer(self.http, method, path, headers=headers, **options)

    async def _stream(self, path: str, last: int) -> AsyncIterator[JobEvent]:
        headers = {"Last-Event-ID": str(last)} if last else {}
        async with self.http.get(path, headers=headers) as response:
            await _raise_for_problem(response)
            try:
                async for event in _events(response):
                    yield event
            except ClientPayloadError:
                return


async def _answer(http: ClientSession, method: str, path: str, **options: Any) -> Any:
    async with http.request(method, path, **options) as response:
        await _raise_for_problem(response)
        return await response.json()


async def _raise_for_problem(response: ClientResponse) -> None:
    if response.status >= 400:
        raise RequestRefused(
            f"Cara answered {response.status}: {(await response.json(content_type=None))['detail']}"
        )


async def _events(response: ClientResponse) -> AsyncIterator[JobEvent]:
    """Parses server-sent events as Cara writes them, with one line of data each."""
    fields: dict[str, str] = {}
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            yield JobEvent(fields["event"], json.loads(fields["data"]), number)
            fields = {}
