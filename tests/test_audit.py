"""The audit trail: an entry for every action, and none that outlives its account."""

from __future__ import annotations

import asyncio
from typing import get_args
from uuid import UUID

from cara import audit
from cara.accounts.administration import create_admin, set_daily_quota
from cara.accounts.refresh_tokens import MAX_FAMILIES
from cara.postgres.database import Database, new_id
from cara.settings import Settings
from cara.users.queries import delete_user
from cara.web.client_info import ClientInfo
from tests.accounts.signing import (
    Client,
    add_families,
    outlast_the_grace,
    posts,
    refresh_refusal,
    refreshes,
    signs_in,
)
from tests.learners import Learner
from tests.waiting import until_blocked

CLIENT = ClientInfo(address="192.0.2.1", user_agent="Curious/1.0", request_id="a-request")
AT_A_TERMINAL = {"made_admin": {}, "quota_set": {"tokens": 1234}}
CHANGE = "/api/auth/password"


def no_password() -> str:
    raise AssertionError("the account exists")


async def _unlock(database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute("delete from sign_in_failures")


async def test_every_action_has_an_entry_that_says_from_where(
    settings: Settings, client: Client, learner: Learner, database: Database
) -> None:
    wrong = {"currentPassword": "guess", "newPassword": "another horse battery"}
    await create_admin(settings, learner.email, no_password)
    await set_daily_quota(settings, learner.email, 1234)
    await learner.expects(200, "GET", "/api/analytics/adoption?scope=all")
    await learner.expects(200, "GET", "/api/users/me/export")
    await learner.expects(401, "POST", CHANGE, json=wrong)
    other = await Learner.registers(client)
    await refresh_refusal(client, other.refresh_token, cookie=learner.refresh_token)
    await refreshes(client, learner.refresh_token)
    await outlast_the_grace(database)
    await refresh_refusal(client, learner.refresh_token)
    await signs_in(client, learner.email, "guess")
    for password in [*["guess"] * 4, learner.password]:
        await signs_in(client, learner.email, password)
    await _unlock(database)
    _, again = await signs_in(client, learner.email, learner.password)
    learner.access_token = again["accessToken"]
    for password in ("guess", learner.password):
        await learner.call("POST", "/api/auth/reauthenticate", json={"password": password})
    await learner.expects(200, "POST", CHANGE, json={**wrong, "currentPassword": learner.password})
    taken = {"email": learner.email, "name": "A", "password": "correct horse battery"}
    await posts(client, "/api/auth/register", taken)
    await add_families(database, MAX_FAMILIES)
    _, again = await signs_in(client, learner.email, "another horse battery")
    await posts(client, "/api/auth/logout", {"refreshToken": again["refreshToken"]})
    _, again = await signs_in(client, learner.email, "another horse battery")
    learner.access_token = again["accessToken"]
    await learner.expects(200, "POST", "/api/auth/logout-all")

    async with database.acquire() as connection:
        entries, cursor = await audit.page_of_entries(connection, UUID(learner.user["id"]), None, 100)
    assert cursor is None
    assert {entry["action"] for entry in entries} | {"deleted"} == set(get_args(audit.Action))
    for entry in entries:
        if entry["action"] in AT_A_TERMINAL:
            origin = (entry["address"], entry["user_agent"], entry["request_id"])
            assert (origin, entry["details"]) == ((None,) * 3, AT_A_TERMINAL[entry["action"]])
        else:
            assert entry["address"] == "127.0.0.1"
            assert entry["user_agent"]
            assert entry["request_id"]
    [read] = [entry for entry in entries if entry["action"] == "admin_read"]
    assert read["details"] == {"path": "/api/analytics/adoption"}


async def test_the_default_quota_is_set_without_a_number_and_a_new_administrator_is_audited_too(
    settings: Settings, learner: Learner, database: Database
) -> None:
    await set_daily_quota(settings, learner.email, None)
    assert await create_admin(settings, "operator@example.com", lambda: "a horse of a battery")
    async with database.acquire() as connection:
        entries = await connection.fetch(
            "select action, details, email from audit_log join users on users.id = user_id"
            " where action <> 'registered' order by audit_log.created_at"
        )
    assert [tuple(entry) for entry in entries] == [
        ("quota_set", {}, learner.email),
        ("made_admin", {}, "operator@example.com"),
    ]


async def test_an_entry_waits_for_a_deletion_and_then_names_nobody(
    learner: Learner, database: Database
) -> None:
    user_id = UUID(learner.user["id"])
    async with database.acquire() as auditing:
        async with database.transaction() as deleting:
            await delete_user(deleting, user_id)
            entry = asyncio.create_task(audit.record(auditing, "sign_in_failed", CLIENT, user_id))
            await until_blocked(database, entry)
        await entry
        await audit.record(auditing, "sign_in_failed", CLIENT, new_id())
        rows = await auditing.fetch("select user_id from audit_log where action = 'sign_in_failed'")
    assert [row["user_id"] for row in rows] == [None, None]


async def test_a_page_ends_where_the_next_one_begins(learner: Learner, database: Database) -> None:
    user_id = UUID(learner.user["id"])
    async with database.acquire() as connection:
        for _ in range(3):
            await audit.record(connection, "signed_in", CLIENT, user_id)
        await connection.execute("update audit_log set created_at = '2026-11-03T12:00:00Z'")
        everything, last = await audit.page_of_entries(connection, user_id, None, 4)
        first, cursor = await audit.page_of_entries(connection, user_id, None, 2)
        second, end = await audit.page_of_entries(connection, user_id, cursor, 2)
    assert (last, end) == (None, None)
    assert cursor == first[-1]["id"]
    assert [entry["id"] for entry in (*first, *second)] == [entry["id"] for entry in everything]
