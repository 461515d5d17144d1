"""The profile: reading and changing it, and the audit trail of the account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from cara.postgres.database import Database
from cara.users.progress import level_for, streak_at, xp_to_next_level
from cara.web.client_info import MAX_USER_AGENT_CHARACTERS
from tests.accounts.signing import Client, signs_in
from tests.learners import Learner

PROFILE, AUDIT = "/api/users/me", "/api/users/me/audit"


async def test_a_profile_shows_the_progress_of_the_learner(learner: Learner) -> None:
    await learner.opens_session(score=80, durationSeconds=600, completed=True)
    profile = await learner.expects(200, "GET", PROFILE)
    assert profile == {
        **learner.user,
        "xp": 28,
        "level": 1,
        "xpToNextLevel": 72,
        "streak": 1,
        "longestStreak": 1,
        "timezone": "UTC",
    }


async def test_a_missed_day_has_ended_the_streak_wherever_it_is_shown(
    client: Client, learner: Learner, database: Database
) -> None:
    for days_ago, streak in ((0, 3), (1, 3), (2, 0)):
        async with database.acquire() as connection:
            await connection.execute(
                "update users set streak = 3, longest_streak = 7, last_practice_at = $1",
                datetime.now(UTC) - timedelta(days=days_ago),
            )
        profile = await learner.expects(200, "GET", PROFILE)
        assert (profile["streak"], profile["longestStreak"]) == (streak, 7)
        assert (await learner.expects(200, "GET", "/api/auth/verify"))["user"]["streak"] == streak
        assert (await signs_in(client, learner.email, learner.password))[1]["user"]["streak"] == streak


def test_a_streak_lasts_through_the_day_after_its_last_practice() -> None:
    last, zone = datetime(2026, 3, 1, 8, tzinfo=UTC), ZoneInfo("UTC")
    ages = (-1, 0, 1, 2, 30)
    assert [streak_at(last + timedelta(days=age), zone, 5, last) for age in ages] == [5, 5, 5, 0, 0]
    assert streak_at(last, zone, 0, None) == 0


def test_both_days_of_a_streak_are_days_of_the_current_zone() -> None:
    """31 hours from 17:00 in Honolulu are the day after the next, from 16:00 in Auckland the next day."""
    last = datetime(2026, 3, 1, 3, tzinfo=UTC)
    now = last + timedelta(hours=31)
    assert streak_at(now, ZoneInfo("Pacific/Honolulu"), 5, last) == 0
    assert streak_at(now, ZoneInfo("Pacific/Auckland"), 5, last) == 5


@pytest.mark.parametrize(("xp", "level"), [(0, 1), (99, 1), (100, 2), (399, 2), (400, 3), (1_000_000, 101)])
def test_a_level_is_reached_with_its_last_point(xp: int, level: int) -> None:
    assert level_for(xp) == level
    assert level_for(xp + xp_to_next_level(xp)) == level + 1
    assert level_for(xp + xp_to_next_level(xp) - 1) == level


async def test_a_change_touches_only_what_was_sent(learner: Learner) -> None:
    before = await learner.expects(200, "GET", PROFILE)
    for change in ({"name": "Tom & Jerry <3"}, {"timezone": "Pacific/Auckland"}, {"role": "a < b"}, {}):
        before |= change
        assert await learner.expects(200, "PATCH", PROFILE, json=change) == before
    assert (await learner.expects(200, "PATCH", PROFILE, json={"role": None}))["role"] is None
    assert await learner.expects(200, "GET", PROFILE) == {**before, "role": None}


async def test_markup_is_removed_from_a_name(learner: Learner) -> None:
    changed = await learner.expects(200, "PATCH", PROFILE, json={"name": "Ada <script>x()</script>Lovelace"})
    assert changed["name"] == "Ada Lovelace"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "europe/berlin"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "localtime"}, "timezone"),
        ({"timezone": "/usr/share/zoneinfo/UTC"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"timezone": None}, "timezone"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "<b></b>"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"role": 7}, "role"),
        ({"email": "other@example.com"}, "email"),
        ({"isAdmin": True}, "isAdmin"),
        ({"xp": 1_000_000}, "xp"),
    ],
)
async def test_a_refused_change_names_its_field(learner: Learner, change: dict[str, Any], field: str) -> None:
    refused = await learner.expects(400, "PATCH", PROFILE, json=change)
    assert [problem["field"] for problem in refused["errors"]] == [field]


@pytest.mark.parametrize(("method", "path"), [("GET", PROFILE), ("PATCH", PROFILE), ("DELETE", PROFILE)])
async def test_a_profile_needs_a_token(client: Client, method: str, path: str) -> None:
    assert (await client.request(method, path, json={})).status == 401


async def test_the_audit_trail_lists_actions_with_their_origin_newest_first(
    client: Client, learner: Learner
) -> None:
    seen = {"User-Agent": "Curious/1.0", "X-Request-Id": "request-from-a-test"}
    await signs_in(client, learner.email, "guess", **seen)
    page = await learner.expects(200, "GET", AUDIT)
    newest, oldest = page["entries"]
    assert (newest["action"], oldest["action"]) == ("sign_in_failed", "registered")
    assert newest["address"] == "127.0.0.1"
    assert newest["userAgent"] == "Curious/1.0"
    assert newest["requestId"] == "request-from-a-test"
    assert newest["createdAt"].endswith("Z")
    assert page["nextCursor"] is None


async def test_the_audit_trail_is_paged(client: Client, learner: Learner, database: Database) -> None:
    async with database.acquire() as connection:
        await connection.executemany(
            """
            insert into audit_log (id, user_id, action, created_at)
            values ($1, $2::uuid, 'signed_in', now() + make_interval(secs => $3))
            """,
            [(uuid4(), learner.user["id"], number // 3) for number in range(10)],
        )
    seen, cursor = [], ""
    for _ in range(4):
        page = await learner.expects(200, "GET", f"{AUDIT}?limit=3{cursor}")
        seen += page["entries"]
        cursor = f"&cursor={page['nextCursor']}"
    assert page["nextCursor"] is None
    assert len({entry["id"] for entry in seen}) == len(seen) == 11
    assert [entry["createdAt"] for entry in seen] == sorted(
        (entry["createdAt"] for entry in seen), reverse=True
    )


async def test_the_audit_trail_of_another_user_cannot_be_read(client: Client, learner: Learner) -> None:
    other = await Learner.registers(client)
    foreign = (await other.expects(200, "GET", AUDIT))["entries"][0]["id"]
    assert len((await learner.expects(200, "GET", AUDIT))["entries"]) == 1
    assert (await learner.expects(200, "GET", f"{AUDIT}?cursor={foreign}"))["entries"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=nonsense", "before=x"])
async def test_a_wrong_page_is_refused(learner: Learner, query: str) -> None:
    await learner.expects(400, "GET", f"{AUDIT}?{query}")


async def test_a_hostile_user_agent_is_shortened_and_sanitized(client: Client, learner: Learner) -> None:
    hostile = "<script>x()</script>" + "é\udcff" + "A" * 2_000
    await signs_in(client, learner.email, "guess", **{"User-Agent": hostile})
    stored = (await learner.expects(200, "GET", AUDIT))["entries"][0]["userAgent"]
    assert "<" not in stored
    assert len(stored) <= MAX_USER_AGENT_CHARACTERS
