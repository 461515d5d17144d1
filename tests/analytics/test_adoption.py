"""Feature adoption, of one learner and of all."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from cara.analytics import rollups
from cara.analytics.event_queries import insert_events
from cara.analytics.schemas import IncomingEvent
from cara.json_values import JsonText
from cara.postgres.database import Database, new_id
from tests.learners import Learner

ADOPTION, EXPORT = "/api/analytics/adoption", "/api/analytics/adoption.csv"
LAST = datetime(2026, 5, 20, 12, tzinfo=UTC)
PERIOD = {"from": "2026-05-11", "to": "2026-05-20"}
SCOPES = ("me", "all")


@pytest.fixture
async def admin(client: TestClient[Any, Any], database: Database) -> Learner:
    admin = await Learner.registers(client)
    async with database.acquire() as connection:
        await connection.execute("update users set is_admin = true where id = $1::uuid", admin.user["id"])
    return admin


async def uses(learner: Learner, database: Database, days_ago: int, feature: str | None = None) -> None:
    """Stores an event some days before the last day of the period."""
    instant = LAST - timedelta(days=days_ago)
    metadata = JsonText.of({"featureType": feature} if feature else {})
    async with database.transaction() as connection:
        await connection.execute("select create_analytics_partition($1)", instant.date())
        event = IncomingEvent(learner.user["id"], new_id(), "used", metadata, instant)
        await insert_events(connection, [event], instant)


def by_feature(adoption: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["featureType"]: one for one in adoption["features"]}


async def test_unused_features_appear_with_zeros(learner: Learner) -> None:
    adoption = await learner.expects(200, "GET", ADOPTION)
    assert adoption["features"][0] == {
        "featureType": "conversation",
        "sessions": 0,
        "completed": 0,
        "completionRate": None,
        "users": 0,
        "adoptionRate": 0.0,
        "firstUsedAt": None,
        "lastUsedAt": None,
    }
    assert len(adoption["features"]) == 5
    assert len(adoption["daily"]) == 30
    assert adoption["activeUsers"] == {"daily": 0, "weekly": 0, "monthly": 0}
    assert adoption["stickiness"] == 0
    assert adoption["retention"] == []


async def test_a_learner_sees_their_own_adoption(
    client: TestClient[Any, Any], learner: Learner, database: Database
) -> None:
    other = await Learner.registers(client)
    opened = await learner.opens_session("video", completed=True)
    await learner.opens_session("video")
    await other.opens_session("accent")
    await rollups.fold(database)
    adoption = await learner.expects(200, "GET", ADOPTION)
    video, accent = by_feature(adoption)["video"], by_feature(adoption)["accent"]
    assert (video["sessions"], video["completed"], video["completionRate"]) == (2, 1, 0.5)
    assert (video["users"], video["adoptionRate"]) == (1, 1.0)
    assert video["firstUsedAt"] == opened["createdAt"] < video["lastUsedAt"]
    assert accent["sessions"] == accent["users"] == 0
    assert adoption["activeUsers"] == {"daily": 1, "weekly": 1, "monthly": 1}
    assert adoption["daily"][-1]["sessions"] == 2
    (cohort,) = adoption["retention"]
    assert cohort["active"] == [1]


async def test_each_learner_is_counted_once_however_often_they_are_active(
    client: TestClient[Any, Any], admin: Learner, database: Database
) -> None:
    ann, ben, cem, dee = [await Learner.registers(client) for _ in range(4)]
    for days in range(10):
        await uses(ann, database, days, "video")
    await uses(ben, database, 5, "video")
    await uses(ben, database, 5, "accent")
    await uses(cem, database, 0)
    await uses(dee, database, 20, "video")
    await uses(dee, database, 40, "video")
    await rollups.fold(database)

    adoption = await admin.expects(200, "GET", ADOPTION, params={**PERIOD, "scope": "all"})
    assert adoption["activeUsers"] == {"daily": 2, "weekly": 3, "monthly": 4}
    assert adoption["stickiness"] == 0.5
    features = by_feature(adoption)
    assert (features["video"]["users"], features["video"]["adoptionRate"]) == (2, 0.6667)
    assert (features["accent"]["users"], features["accent"]["adoptionRate"]) == (1, 0.3333)
    assert features["writing"]["users"] == 0
    assert [day["day"] for day in adoption["daily"]] == [f"2026-05-{day}" for day in range(11, 21)]
    assert [day["activeUsers"] for day in adoption["daily"]] == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2]
    assert sum(day["events"] for day in adoption["daily"]) == 13


async def test_cohorts_are_counted_from_week_to_week(
    client: TestClient[Any, Any], admin: Learner, database: Database
) -> None:
    ann, ben, cem = [await Learner.registers(client) for _ in range(3)]
    for learner, weeks_ago in ((ann, (3, 1, 0)), (ben, (3, 2)), (cem, (1,))):
        for weeks in weeks_ago:
            await uses(learner, database, 7 * weeks)
    await rollups.fold(database)
    adoption = await admin.expects(200, "GET", ADOPTION, params={**PERIOD, "scope": "all"})
    assert adoption["retention"] == [
        {"week": "2026-04-27", "users": 2, "active": [2, 1, 1, 1], "retention": [1.0, 0.5, 0.5, 0.5]},
        {"week": "2026-05-11", "users": 1, "active": [1, 0], "retention": [1.0, 0.0]},
    ]


async def test_adoption_of_all_learners_requires_an_administrator(learner: Learner) -> None:
    for path in (f"{ADOPTION}?scope=all", EXPORT):
        problem = await learner.expects(403, "GET", path)
        assert problem["code"] == "forbidden"
    await learner.expects(400, "GET", f"{ADOPTION}?scope=team")


async def test_the_csv_export_has_every_day_and_feature(
    learner: Learner, admin: Learner, database: Database
) -> None:
    await uses(learner, database, 0, "video")
    await uses(learner, database, 1, "video")
    await uses(learner, database, 1)
    await rollups.fold(database)
    response = await admin.call("GET", EXPORT, params={"from": "2025-01-01", "to": "2026-05-20"})
    assert response.status == 200
    assert response.content_type == "text/csv"
    assert "adoption-2025-01-01-2026-05-20.csv" in response.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(await response.text())))
    days = (date(2026, 5, 20) - date(2025, 1, 1)).days + 1
    assert len(rows) == days * 6
    used = [tuple(row.values()) for row in rows if row["events"] != "0"]
    assert used == [
        ("2026-05-19", "", "0", "0", "1", "2"),
        ("2026-05-19", "video", "0", "0", "1", "1"),
        ("2026-05-20", "", "0", "0", "1", "1"),
        ("2026-05-20", "video", "0", "0", "1", "1"),
    ]


async def test_head_of_the_csv_export_has_no_body(admin: Learner) -> None:
    response = await admin.client.head(EXPORT, headers=admin.authorization)
    assert response.status == 200
    assert await response.read() == b""


async def test_a_csv_export_that_fails_is_a_problem(admin: Learner, database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute("alter table feature_days rename to feature_days_away")
    failed = await admin.call("GET", EXPORT)
    assert (failed.status >= 500, failed.content_type) == (True, "application/problem+json")


async def reads(database: Database) -> list[tuple[Any, ...]]:
    """Who read what of everybody, as the audit trail tells."""
    async with database.acquire() as connection:
        rows = await connection.fetch(
            """
            select user_id::text, details ->> 'path' as path
            from audit_log
            where action = 'admin_read'
            order by created_at
            """
        )
    return [tuple(row) for row in rows]


async def test_reading_what_concerns_everybody_leaves_an_audit_entry(
    learner: Learner, admin: Learner, database: Database
) -> None:
    await admin.expects(200, "GET", ADOPTION, params={"scope": "all"})
    assert (await admin.call("GET", EXPORT)).status == 200
    assert await reads(database) == [(admin.user["id"], ADOPTION), (admin.user["id"], EXPORT)]

    await admin.expects(200, "GET", ADOPTION)
    await learner.expects(403, "GET", f"{ADOPTION}?scope=all")
    await admin.expects(400, "GET", f"{ADOPTION}?scope=all&from=2026-05-02&to=2026-05-01")
    for path in (f"{ADOPTION}?scope=all", EXPORT):
        await admin.client.head(path, headers=admin.authorization)
    assert len(await reads(database)) == 2


async def test_a_learner_is_active_for_a_day_a_week_and_thirty_days(
    client: TestClient[Any, Any], admin: Learner, database: Database
) -> None:
    expected = {0: (1, 1, 1), 6: (0, 1, 1), 7: (0, 0, 1), 29: (0, 0, 1), 30: (0, 0, 0)}
    learners = {days_ago: await Learner.registers(client) for days_ago in expected}
    for days_ago, learner in learners.items():
        await uses(learner, database, days_ago)
    await rollups.fold(database)
    found = {}
    for days_ago, learner in learners.items():
        own = await learner.expects(200, "GET", ADOPTION, params=PERIOD)
        found[days_ago] = tuple(own["activeUsers"].values())
    assert found == expected
    everybody = await admin.expects(200, "GET", ADOPTION, params={**PERIOD, "scope": "all"})
    assert everybody["activeUsers"] == {"daily": 1, "weekly": 2, "monthly": 4}


async def practised(learner: Learner, database: Database, at: datetime, feature: str) -> None:
    """A session of that time, without the events that Cara writes of it now."""
    session = await learner.opens_session(feature)
    async with database.transaction() as connection:
        await connection.execute(
            "update sessions set practiced_at = $1 where id = $2::uuid", at, session["id"]
        )
        await connection.execute("delete from analytics_events")
        await connection.execute("delete from pending_event_batches")


async def test_a_feature_was_first_and_last_used_by_a_session_or_on_a_day_with_an_event(
    admin: Learner, database: Database
) -> None:
    session_at = LAST - timedelta(days=5, hours=2)
    for feature in ("video", "accent", "writing"):
        await practised(admin, database, session_at, feature)
    for days_ago, feature in ((8, "video"), (7, "video"), (5, "accent"), (4, "writing"), (3, "writing")):
        await uses(admin, database, days_ago, feature)
    await uses(admin, database, 6, "listening")
    await rollups.fold(database)
    session = "2026-05-15T10:00:00Z"
    expected = {
        "video": ("2026-05-12T00:00:00Z", session),
        "accent": (session, session),
        "writing": (session, "2026-05-17T00:00:00Z"),
        "listening": ("2026-05-14T00:00:00Z", "2026-05-14T00:00:00Z"),
        "conversation": (None, None),
    }
    for scope in SCOPES:
        features = by_feature(await admin.expects(200, "GET", ADOPTION, params={**PERIOD, "scope": scope}))
        used = {name: (one["firstUsedAt"], one["lastUsedAt"]) for name, one in features.items()}
        assert used == expected, scope


async def test_a_period_ends_with_the_last_instant_of_its_last_day(
    admin: Learner, database: Database
) -> None:
    begin, end = datetime(2026, 5, 11, tzinfo=UTC), datetime(2026, 5, 21, tzinfo=UTC)
    second = timedelta(seconds=1)
    for at in (begin - second, begin, end - second, end):
        await practised(admin, database, at, "video")
    await rollups.fold(database)
    for scope in SCOPES:
        adoption = await admin.expects(200, "GET", ADOPTION, params={**PERIOD, "scope": scope})
        assert [day["sessions"] for day in adoption["daily"]] == [1, *[0] * 8, 1], scope
        assert by_feature(adoption)["video"]["sessions"] == 2, scope


async def test_cohorts_of_twelve_weeks_are_shown(admin: Learner, database: Database) -> None:
    for weeks_ago in (11, 0):
        await uses(admin, database, 7 * weeks_ago)
    await rollups.fold(database)
    for scope in SCOPES:
        shown = []
        for weeks_later in (-1, 0, 1):
            last = str((LAST + timedelta(weeks=weeks_later)).date())
            period = {"from": last, "to": last, "scope": scope}
            cohorts = (await admin.expects(200, "GET", ADOPTION, params=period))["retention"]
            shown.append([cohort["active"] for cohort in cohorts])
        assert shown == [[[1, *[0] * 10]], [[1, *[0] * 10, 1]], []], scope


async def test_an_export_covers_ten_years_at_the_most(admin: Learner) -> None:
    for first, status in (("2016-05-13", 200), ("2016-05-12", 400)):
        query = {"from": first, "to": "2026-05-20"}
        assert (await admin.call("HEAD", EXPORT, params=query)).status == status
