"""The web process reports unforeseen errors to Sentry, if a DSN is set."""

from __future__ import annotations

import sentry_sdk
from pydantic import SecretStr

from tests.learners import Learner
from tests.observability.test_sentry import receiver as receiver
from tests.web.raw import answer_to

SECRET_PROMPT = "a-transcript-that-must-not-leave"


async def test_an_unforeseen_error_is_reported_with_its_request_and_without_its_content(
    served, receiver, broken_database_url
):
    client = await served(sentry_dsn=SecretStr(receiver.dsn), database_url=broken_database_url)
    learner = await Learner.registers(client)
    response = await learner.call(
        "POST",
        f"/api/sessions?ticket={SECRET_PROMPT}",
        json={"featureType": "conversation", "title": SECRET_PROMPT},
    )
    assert response.status == 500
    event = await receiver.next_event()
    assert event["tags"] == {"role": "web", "request_id": response.headers["X-Request-Id"]}
    assert event["exception"]["values"][-1]["type"] == "UndefinedColumnError"
    for secret in (SECRET_PROMPT, learner.access_token, learner.email):
        assert secret.encode() not in receiver.bytes_seen


async def test_expected_errors_and_malformed_requests_are_not_reported(served, receiver):
    client = await served(sentry_dsn=SecretStr(receiver.dsn))
    assert (await client.get("/api/nowhere")).status == 404
    assert (await client.post("/api/auth/login", json={})).status == 400
    assert (await answer_to(client.port, b"nonsense\r\n\r\n")).status == 400
    sentry_sdk.flush()
    assert receiver.events.empty()


async def test_without_a_dsn_sentry_is_not_started(client):
    assert (await client.get("/health")).status == 200
    assert not sentry_sdk.is_initialized()
