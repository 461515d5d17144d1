"""The audit trail: an entry for every action, not too many, and no name that outlives its account."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import cara
from cara import audit
from cara.accounts.administration import create_admin, set_admin, set_daily_quota, sign_out
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
OPERATOR = {"by": "operator"}
EVERYBODY = ("/api/analytics/adoption?scope=all", "/api/analytics/adoption.csv")
CHANGE, PROFILE = "/api/auth/password", "/api/users/me"
DOCUMENT = Path(cara.__file__).parents[1] / "docs" / "audit.md"

UNSEEN: set[str] = {"deleted"}
"""Actions that the story of the first test leaves out."""


async def entries_of(database: Database, learner: Learner) -> list[tuple[str, dict[str, Any]]]:
    """Actions and details of a learner's trail, oldest first."""
    async with database.acquire() as connection:
        entries, _ = await audit.page_of_entries(connection, UUID(learner.user["id"]), None, 100)
    return [(entry["action"], entry["details"]) for entry in reversed(entries)]


async def _unlock(database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute("delete from sign_in_failures")


async def test_every_action_has_an_entry_that_says_from_where(
    settings: Settings, client: Client, learner: Learner, database: Database
) -> None:
    user_id = UUID(learner.user["id"])
    wrong = {"currentPassword": "a guess", "newPassword": "another horse battery"}
    for path in EVERYBODY:
        await learner.expects(403, "GET", path)
    await set_admin(settings, user_id, is_admin=True)
    await set_daily_quota(settings, learner.email, 1234)
    await learner.expects(200, "GET", EVERYBODY[0])
    await set_admin(settings, user_id, is_admin=False)
    await learner.expects(200, "PATCH", PROFILE, json={"role": "Private", "name": learner.user["name"]})
    await learner.expects(200, "GET", "/api/users/me/export")
    await learner.expects(401, "POST", CHANGE, json=wrong)
    other = await Learner.registers(client)
    await refresh_refusal(client, other.refresh_token, cookie=learner.refresh_token)
    await refreshes(client, learner.refresh_token)
    await outlast_the_grace(database)
    await refresh_refusal(client, learner.refresh_token)
    await signs_in(client, learner.email, "a guess")
    for password in [*["a guess"] * 4, learner.password]:
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
    await sign_out(settings, learner.email)

    async with database.acquire() as connection:
        entries, cursor = await audit.page_of_entries(connection, user_id, None, 100)
    assert cursor is None
    assert {entry["action"] for entry in entries} | UNSEEN == set(get_args(audit.Action))
    for entry in entries:
        origin = entry["address"], bool(entry["user_agent"]), bool(entry["request_id"])
        by_operator = entry["details"].get("by") == "operator"
        assert origin == ((None, False, False) if by_operator else ("127.0.0.1", True, True))
    of_sign_ins = {"family", "lockedSeconds"}
    found = [
        (entry["action"], entry["details"]) for entry in entries if entry["details"].keys() - of_sign_ins
    ]
    assert found == [
        ("signed_out_everywhere", OPERATOR),
        ("profile_changed", {"members": ["role"]}),
        ("removed_admin", OPERATOR),
        ("admin_read", {"path": "/api/analytics/adoption"}),
        ("quota_set", {"tokens": 1234, **OPERATOR}),
        ("made_admin", OPERATOR),
        ("admin_denied", {"path": "/api/analytics/adoption.csv"}),
        ("admin_denied", {"path": "/api/analytics/adoption"}),
    ]
    for secret in ("a guess", "horse", "Private", learner.refresh_token, again["accessToken"]):
        assert secret not in str([dict(entry) for entry in entries])


async def test_the_default_quota_is_set_without_a_number_and_a_new_administrator_is_audited_too(
    settings: Settings, learner: Learner, database: Database
) -> None:
    await set_daily_quota(settings, learner.email, None)
    await create_admin(settings, "operator@example.com", "a horse of a battery")
    async with database.acquire() as connection:
        entries = await connection.fetch(
            "select action, details, email from audit_log join users on users.id = user_id"
            " where address is null order by action"
        )
    assert [tuple(entry) for entry in entries] == [
        ("made_admin", OPERATOR, "operator@example.com"),
        ("quota_set", OPERATOR, learner.email),
        ("registered", OPERATOR, "operator@example.com"),
    ]


async def test_a_profile_that_stays_as_it_is_has_no_entry_and_each_change_its_own(
    learner: Learner, database: Database
) -> None:
    same = {"name": learner.user["name"], "role": learner.user["role"], "timezone": "UTC"}
    await learner.expects(200, "PATCH", PROFILE, json=same)
    await asyncio.gather(
        learner.expects(200, "PATCH", PROFILE, json={"name": "Ada", "timezone": "UTC"}),
        learner.expects(200, "PATCH", PROFILE, json={"role": None, "timezone": "Asia/Tokyo"}),
    )
    (_, _), *changes = await entries_of(database, learner)
    assert sorted(details["members"] for _, details in changes) in (
        [["name"], ["role", "timezone"]],
        [["name", "timezone"], ["role", "timezone"]],
    )


async def test_what_a_client_repeats_without_end_is_counted_in_the_newest_entry(
    learner: Learner, database: Database
) -> None:
    user_id, most = UUID(learner.user["id"]), audit.HOURLY_ENTRIES

    async def denies(client: ClientInfo) -> None:
        async with database.acquire() as connection:
            await audit.record(connection, "admin_denied", client, user_id, path="/")

    for number in range(most):
        await denies(ClientInfo(address="192.0.2.1", user_agent=f"Bored/{number}"))
    await asyncio.gather(*(denies(CLIENT) for _ in range(5)))
    _, *denials = await entries_of(database, learner)
    assert denials == [("admin_denied", {"path": "/"})] * (most - 1) + [
        ("admin_denied", {"path": "/", "repeated": 5})
    ]
    async with database.acquire() as connection:
        await audit.record(connection, "exported", CLIENT, user_id)
        await connection.execute("update audit_log set created_at = created_at - interval '61 minutes'")
    await denies(CLIENT)
    assert (await entries_of(database, learner))[-2:] == [("exported", {}), ("admin_denied", {"path": "/"})]


async def test_everything_that_an_administrator_reads_has_an_entry(
    learner: Learner, database: Database
) -> None:
    reads = audit.HOURLY_ENTRIES + 1
    async with database.acquire() as connection:
        for number in range(reads):
            await audit.record(connection, "admin_read", CLIENT, UUID(learner.user["id"]), path=f"/{number}")
    assert len(await entries_of(database, learner)) == 1 + reads


async def test_a_deleted_administrator_leaves_a_trail_without_personal_data(
    settings: Settings, learner: Learner, database: Database
) -> None:
    await set_admin(settings, UUID(learner.user["id"]), is_admin=True)
    await learner.expects(200, "GET", EVERYBODY[0])
    await learner.expects(204, "DELETE", PROFILE)
    account = {"account": audit.pseudonym(UUID(learner.user["id"]))}
    documented = re.search(r"left\(encode\(sha256\(.*'hex'\), 32\)", DOCUMENT.read_text())
    assert documented
    async with database.acquire() as connection:
        left = await connection.fetch(
            "select user_id, address, user_agent, action, details, request_id from audit_log"
            " order by created_at"
        )
        [by_hand] = await connection.fetchrow(f"select {documented[0].replace('<id>', learner.user['id'])}")
    assert account == {"account": by_hand}
    assert [tuple(entry)[:5] for entry in left] == [
        (None, None, None, "made_admin", account | OPERATOR),
        (None, None, None, "admin_read", account | {"path": "/api/analytics/adoption"}),
        (None, None, None, "deleted", account),
    ]
    assert [bool(entry["request_id"]) for entry in left] == [False, True, True]


def test_every_action_is_documented() -> None:
    _, _, section = DOCUMENT.read_text().partition("## Actions\n")
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(rows) == sorted(get_args(audit.Action))


async def test_an_entry_waits_for_a_deletion_and_then_holds_no_personal_data(
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
        await audit.record(auditing, "sign_in_failed", CLIENT)
        rows = await auditing.fetch(
            "select user_id, host(address), user_agent, request_id from audit_log"
            " where action = 'sign_in_failed' order by created_at"
        )
    of_nobody = (None, None, None, CLIENT.request_id)
    assert [tuple(row) for row in rows] == [
        of_nobody,
        of_nobody,
        (None, CLIENT.address, CLIENT.user_agent, CLIENT.request_id),
    ]


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
