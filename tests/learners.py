"""Learners who use Cara over HTTP, as the front end would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from cara.feedback.events.schemas import JOB_EVENTS
from tests.openapi_document import assert_described
from tests.streams import SentEvent, read_events

TALK = (
    "Um, thank you for having me. I think we should, you know, start with the budget. "
    "The result was clear: sales rose by ten percent. So, I recommend that we hire two people. "
    "They would answer the calls that wait for longer than an hour, and the others could rest. "
    "Could we decide this today?"
)


@dataclass
class Learner:
    """A registered learner and the client that they use."""

    client: TestClient[Any, Any]
    email: str
    password: str
    access_token: str
    refresh_token: str
    user: dict[str, Any]

    @classmethod
    async def registers(cls, client: TestClient[Any, Any], **changes: Any) -> Self:
        account = {
            "email": f"learner-{uuid4().hex[:12]}@example.com",
            "name": "A Learner",
            "role": "Engineer",
            "password": "correct horse battery",
            **changes,
        }
        response = await client.post("/api/auth/register", json=account)
        body = await response.json()
        assert response.status == 201, body
        return cls(
            client,
            account["email"],
            account["password"],
            body["accessToken"],
            body["refreshToken"],
            body["user"],
        )

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    async def call(self, method: str, path: str, **options: Any) -> ClientResponse:
        headers = {**self.authorization, **options.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **options)

    async def expects(self, status: int, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer that must have the status."""
        response = await self.call(method, path, **options)
        body = await response.json() if response.status != 204 else None
        assert response.status == status, body
        return body

    async def opens_session(self, feature_type: str = "conversation", **changes: Any) -> dict[str, Any]:
        """A new session, changed at once if there are changes."""
        session = await self.expects(201, "POST", "/api/sessions", json={"featureType": feature_type})
        if changes:
            session = await self.expects(200, "PATCH", f"/api/sessions/{session['id']}", json=changes)
        return dict(session)

    async def asks_for_feedback(
        self, transcript: str = TALK, duration_seconds: int = 20, feature_type: str = "conversation"
    ) -> dict[str, Any]:
        """A new session with the transcript, and the job that was accepted for it."""
        session = await self.opens_session(feature_type)
        asked = {
            "sessionId": session["id"],
            "transcript": transcript,
            "durationSeconds": duration_seconds,
        }
        return dict(await self.expects(202, "POST", "/api/gemini/generate-feedback", json=asked))

    async def follows(self, job: dict[str, Any], last_event_id: int | None = None) -> list[SentEvent]:
        """All events of a job until the server closes."""
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        async with self.client.get(job["eventsUrl"], headers=headers) as response:
            assert response.status == 200
            events = [event async for event in read_events(response)]
        assert_described(events, JOB_EVENTS)
        return events
