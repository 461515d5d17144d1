"""Open event streams end with their sign-in, at once, and a learner has a bounded number of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientResponse, web
from pydantic import SecretStr

from cara.accounts.refresh_tokens import MAX_FAMILIES
from cara.accounts.sign_outs import sign_out_everywhere
from cara.app import create_app
from cara.feedback.events.broker import JobEventBroker
from cara.postgres.database import Database
from cara.settings import Settings
from cara.web.client_info import ClientInfo
from cara.web.context import service
from tests.accounts.signing import (
    Client,
    add_families,
    outlast_the_grace,
    posts,
    refresh_refusal,
    refreshes,
    signs_in,
)
from tests.learners import TALK, Learner
from tests.waiting import time_limit

OpenClient = Callable[..., Awaitable[Client]]
Ending = Callable[[Learner, Database], Awaitable[Any]]


async def _signs_out(learner: Learner, _: Database) -> None:
    await posts(learner.client, "/api/auth/logout", {"refreshToken": learner.refresh_token})


async def _signs_out_everywhere(learner: Learner, _: Database) -> None:
    await learner.expects(200, "POST", "/api/auth/logout-all")


async def _changes_the_password(learner: Learner, _: Database) -> None:
    change = {"currentPassword": learner.password, "newPassword": "another horse battery"}
    await learner.expects(200, "POST", "/api/auth/password", json=change)


async def _uses_a_spent_token(learner: Learner, database: Database) -> None:
    await refreshes(learner.client, learner.refresh_token)
    await outlast_the_grace(database)
    assert await refresh_refusal(learner.client, learner.refresh_token) == "refresh_token_reused"


async def _signs_in_too_often(learner: Learner, database: Database) -> None:
    await add_families(database, MAX_FAMILIES)
    async with database.acquire() as connection:
        await connection.execute(
            "update refresh_families set last_used_at = now() where created_at < now() - interval '9 seconds'"
        )
    await signs_in(learner.client, learner.email, learner.password)


ENDINGS = [
    _signs_out,
    _signs_out_everywhere,
    _changes_the_password,
    _uses_a_spent_token,
    _signs_in_too_often,
]


@asynccontextmanager
async def _open_stream(client: Client, job: dict[str, Any], **options: Any) -> AsyncIterator[ClientResponse]:
    """A stream that has sent its first event."""
    async with client.get(f"{job['statusUrl']}/events", **options) as response, time_limit():
        assert response.status == 200
        await response.content.readuntil(b"event: status")
        await response.content.readuntil(b"\n\n")
        yield response


def _ticket(job: dict[str, Any]) -> dict[str, str]:
    return {"ticket": job["eventsUrl"].rpartition("=")[2]}


@pytest.mark.parametrize("ends", ENDINGS)
async def test_streams_of_every_process_end_with_their_sign_in_at_once(
    settings: Settings, learner: Learner, database: Database, aiohttp_client: OpenClient, ends: Ending
) -> None:
    """Long before the next look into PostgreSQL, whether a token or a ticket opened them."""
    other = await aiohttp_client(create_app(settings))
    job = await learner.asks_for_feedback()
    async with (
        _open_stream(learner.client, job, headers=learner.authorization) as here,
        _open_stream(other, job, params=_ticket(job)) as there,
    ):
        began = asyncio.get_running_loop().time()
        await ends(learner, database)
        assert [await here.content.read(), await there.content.read()] == [b"", b""]
        assert asyncio.get_running_loop().time() - began < 4
    again = await other.get(job["eventsUrl"])
    assert (again.status, (await again.json())["code"]) == (401, "token_invalid")


async def test_streams_of_another_sign_in_stay_open(learner: Learner, app: web.Application) -> None:
    job = await learner.asks_for_feedback()
    _, other = await signs_in(learner.client, learner.email, learner.password)
    authorization = {"Authorization": f"Bearer {other['accessToken']}"}
    async with (
        _open_stream(learner.client, job, params=_ticket(job)) as ending,
        _open_stream(learner.client, job, headers=authorization) as staying,
    ):
        await posts(learner.client, "/api/auth/logout", {"refreshToken": learner.refresh_token})
        assert await ending.content.read() == b""
        assert service(app, JobEventBroker).open == 1
        service(app, JobEventBroker).close()
        assert (await staying.content.read()).endswith(b"retry: 1000\n\n")


@pytest.mark.parametrize("redis_is_away", [True, False])
async def test_a_sign_out_that_redis_does_not_tell_of_ends_streams_at_the_next_look(
    settings: Settings,
    database: Database,
    aiohttp_client: OpenClient,
    monkeypatch: pytest.MonkeyPatch,
    redis_is_away: bool,
) -> None:
    """Redis is away, or an operator signs the learner out at a terminal."""
    monkeypatch.setattr("cara.feedback.events.broker.POLL_SECONDS", 0.2)
    nowhere = {"redis_url": SecretStr("redis://127.0.0.1:1/0")} if redis_is_away else {}
    learner = await Learner.registers(await aiohttp_client(create_app(settings.model_copy(update=nowhere))))
    job = await learner.asks_for_feedback()
    async with _open_stream(learner.client, job, params=_ticket(job)) as response:
        async with database.transaction() as connection:
            await sign_out_everywhere(connection, UUID(learner.user["id"]), ClientInfo())
        assert b"event: cancelled" not in await response.content.read()


async def test_a_request_that_waits_for_its_job_is_refused_when_its_sign_in_ends(
    learner: Learner, app: web.Application
) -> None:
    session = await learner.opens_session(transcript=TALK)
    asked = {"sessionId": session["id"], "durationSeconds": 6}
    waiting = asyncio.create_task(
        learner.call("POST", "/api/gemini/generate-feedback", json=asked, headers={"Prefer": "wait=30"})
    )
    async with time_limit():
        while not service(app, JobEventBroker).open:
            await asyncio.sleep(0.01)
        await _signs_out(learner, service(app, Database))
        answer = await waiting
    assert (answer.status, (await answer.json())["code"]) == (401, "token_invalid")


async def test_a_learner_has_a_bounded_number_of_streams(
    settings: Settings, aiohttp_client: OpenClient
) -> None:
    few = settings.model_copy(update={"event_streams_per_learner": 2})
    learner = await Learner.registers(await aiohttp_client(create_app(few)))
    bystander = await Learner.registers(learner.client)
    job = await learner.asks_for_feedback()
    async with AsyncExitStack() as opened:
        for options in ({"params": _ticket(job)}, {"headers": learner.authorization}):
            await opened.enter_async_context(_open_stream(learner.client, job, **options))
        for options in ({"params": _ticket(job)}, {"headers": learner.authorization}):
            refused = await learner.client.get(f"{job['statusUrl']}/events", **options)
            assert (refused.status, (await refused.json())["code"]) == (429, "too_many_streams")
            assert int(refused.headers["Retry-After"]) >= 1
        async with _open_stream(
            bystander.client, await bystander.asks_for_feedback(), headers=bystander.authorization
        ):
            pass
    async with time_limit():
        while (await learner.client.get(job["eventsUrl"])).status == 429:
            await asyncio.sleep(0.02)
