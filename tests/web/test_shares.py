"""Requests of one caller that wait for one another's rows, beside those of somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from aiohttp.test_utils import TestClient

from cara.app import create_app
from cara.postgres.database import Database
from cara.practice import queries
from cara.settings import Settings
from tests.learners import Learner
from tests.waiting import until_blocked

Clients = Callable[..., Awaitable[TestClient[Any, Any]]]


async def changes_a_session(learner: Learner, session_id: str) -> int:
    return (await learner.call("PATCH", f"/api/sessions/{session_id}", json={"title": "Mine"})).status


async def refreshes(learner: Learner, _: str) -> int:
    token = {"refreshToken": learner.refresh_token}
    return (await learner.client.post("/api/auth/refresh", json=token)).status


async def signs_out_with_an_unknown_token(learner: Learner, _: str) -> int:
    token = {"refreshToken": learner.refresh_token[:-4] + "AAAA"}
    return (await learner.client.post("/api/auth/logout", json=token)).status


@pytest.mark.parametrize("asks", [changes_a_session, refreshes, signs_out_with_an_unknown_token])
async def test_requests_that_wait_for_one_row_leave_connections_to_others(
    aiohttp_client: Clients,
    settings: Settings,
    database: Database,
    asks: Callable[[Learner, str], Awaitable[int]],
) -> None:
    names = ("database_lock_seconds", "database_acquire_seconds", "database_statement_seconds")
    client = await aiohttp_client(create_app(settings.model_copy(update=dict.fromkeys(names, 30.0))))
    one, another = await Learner.registers(client), await Learner.registers(client)
    client.session.cookie_jar.clear()
    session = await one.opens_session()
    async with database.transaction() as connection:
        owner = UUID(one.user["id"])
        await connection.execute("select from users where id = $1 for update", owner)
        await queries.lock_session(connection, owner, UUID(session["id"]))
        waiting = [
            asyncio.create_task(asks(one, session["id"])) for _ in range(settings.database_pool_size * 2)
        ]
        await until_blocked(database, waiting[0])
        for _ in range(3):
            await another.expects(200, "GET", "/api/users/me")
        assert "the database" not in str(await (await client.get("/ready")).json())
        assert not any(task.done() for task in waiting)
    assert {*await asyncio.gather(*waiting)} <= {200, 204}
