"""A learner who uses a Cara on this machine over HTTP, as any client would."""

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


class Refused(Exception):
    """Cara answered with a problem, which the message repeats."""


@dataclass(frozen=True)
class JobEvent:
    """One event of a job's story."""

    name: str
    data: Any
    number: int | None


@dataclass(frozen=True)
class Learner:
    """Somebody who has registered and is signed in; every method raises Refused."""

    http: ClientSession
    access_token: str

    @classmethod
    async def registers(cls, http: ClientSession) -> Self:
        account = {
            "email": f"learner-{secrets.token_hex(4)}@example.com",
            "name": "A Learner",
            "password": secrets.token_urlsafe(12),
        }
        body = await _answer(http, "POST", "/api/auth/register", json=account)
        return cls(http, body["accessToken"])

    async def opens_session(self, talk: Talk) -> str:
        """The id of a new practice session for the talk."""
        new = {"featureType": talk.feature_type, "title": talk.title}
        session = await self._call("POST", "/api/sessions", json=new)
        return str(session["id"])

    async def asks_for_feedback(self, session_id: str, talk: Talk) -> dict[str, Any]:
        """The job that was accepted."""
        asked: dict[str, Any] = {"sessionId": session_id, "transcript": talk.transcript}
        if talk.duration_seconds is not None:
            asked["durationSeconds"] = talk.duration_seconds
        return dict(await self._call("POST", "/api/gemini/generate-feedback", json=asked))

    async def follows(self, job: dict[str, Any]) -> AsyncIterator[JobEvent]:
        """The events of the job until the final one; after a broken stream it goes on behind the last."""
        last = 0
        while True:
            async for event in self._stream(job["eventsUrl"], last):
                last = event.number or last
                yield event
                if event.name in FINAL:
                    return
            await asyncio.sleep(RECONNECT_SECONDS)

    async def session(self, session_id: str) -> dict[str, Any]:
        return dict(await self._call("GET", f"/api/sessions/{session_id}"))

    async def quota(self) -> dict[str, Any]:
        return dict(await self._call("GET", "/api/gemini/quota"))

    async def profile(self) -> dict[str, Any]:
        """The learner's account, with experience, level and streak."""
        return dict((await self._call("GET", "/api/auth/verify"))["user"])

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.access_token}"}
        return await _answer(self.http, method, path, headers=headers, **options)

    async def _stream(self, path: str, last: int) -> AsyncIterator[JobEvent]:
        headers = {"Last-Event-ID": str(last)} if last else {}
        async with self.http.get(path, headers=headers) as response:
            await _accept(response)
            try:
                async for event in _events(response):
                    yield event
            except ClientPayloadError:
                return


async def _answer(http: ClientSession, method: str, path: str, **options: Any) -> Any:
    async with http.request(method, path, **options) as response:
        await _accept(response)
        return await response.json()


async def _accept(response: ClientResponse) -> None:
    if response.status >= 400:
        raise Refused(
            f"Cara answered {response.status}: {(await response.json(content_type=None))['detail']}"
        )


async def _events(response: ClientResponse) -> AsyncIterator[JobEvent]:
    """Server-sent events as Cara writes them: one line of data each."""
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
