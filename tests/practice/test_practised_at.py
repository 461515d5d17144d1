"""When a practice took place: in answers, lists and reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cara.analytics import rollups
from cara.postgres.database import Database
from cara.practice import queries
from tests.analytics.rollup_tables import compare_with_rebuilt
from tests.learners import Learner

SESSIONS = "/api/sessions"
STATS = "/api/analytics/stats"
ADOPTION = "/api/analytics/adoption"


async def practised(learner: Learner, at: datetime | str, **changes: Any) -> dict[str, Any]:
    body = {"featureType": "video", "practicedAt": at if isinstance(at, str) else at.isoformat()}
    session = await learner.expects(201, "POST", SESSIONS, json=body)
    if changes:
        session = await learner.expects(200, "PATCH", f"{SESSIONS}/{session['id']}", json=changes)
    return dict(session)


async def ids(learner: Learner, **query: str) -> list[str]:
    page = await learner.expects(200, "GET", SESSIONS, params=query)
    return [session["id"] for session in page["sessions"]]


async def test_it_is_told_in_utc_by_every_answer(learner: Learner) -> None:
    session = await practised(learner, "2026-01-31t23:30:00.5+05:30", title="Changed")
    assert session["practicedAt"] == "2026-01-31T18:00:00.500000Z"
    assert session["createdAt"] > session["practicedAt"]
    read = await learner.expects(200, "GET", f"{SESSIONS}/{session['id']}")
    [listed] = (await learner.expects(200, "GET", SESSIONS))["sessions"]
    exported = await learner.expects(200, "GET", "/api/users/me/export")
    for answer in (read, listed, exported["sessions"][0]):
        assert answer["practicedAt"] == session["practicedAt"]


async def test_what_is_no_time_of_practice_is_refused(learner: Learner) -> None:
    for at in (
        "2026-01-31",
        "2026-01-31T09:30:00",
        "2026-01-31T09:30",
        "2026-02-30T09:30:00Z",
        1769851800,
        "",
        "1999-12-31T23:59:59Z",
        "2000-01-01T00:00:00+00:01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ):
        body = {"featureType": "video", "practicedAt": at}
        problem = await learner.expects(400, "POST", SESSIONS, json=body)
        assert [error["field"] for error in problem["errors"]] == ["practicedAt"], at


async def test_a_clock_may_be_five_minutes_ahead(learner: Learner) -> None:
    now = datetime.now(UTC)
    await practised(learner, now + timedelta(minutes=4))
    body = {"featureType": "video", "practicedAt": (now + timedelta(minutes=7)).isoformat()}
    problem = await learner.expects(400, "POST", SESSIONS, json=body)
    assert problem["errors"][0]["message"] == "must not lie in the future"
    await practised(learner, "2000-01-01T00:00:00Z")


async def test_lists_go_by_it(learner: Learner) -> None:
    newest, oldest, between = [
        (await practised(learner, f"2026-03-{day:02}T12:00:00Z"))["id"] for day in (9, 1, 5)
    ]
    assert await ids(learner) == [newest, between, oldest]
    first = await learner.expects(200, "GET", SESSIONS, params={"limit": "1"})
    assert await ids(learner, cursor=first["nextCursor"]) == [between, oldest]
    assert await ids(learner, **{"from": "2026-03-05T12:00:00Z", "to": "2026-03-09T12:00:00Z"}) == [between]


async def test_the_mean_before_it_leaves_out_later_practice(learner: Learner, database: Database) -> None:
    for day, score in ((3, 50), (1, 10), (2, 30), (9, 99)):
        await practised(learner, f"2026-03-{day:02}T12:00:00Z", score=score)
    judged = await practised(learner, "2026-03-04T12:00:00Z", score=80)
    async with database.acquire() as connection:
        mean = await queries.recent_mean_score(
            connection, UUID(learner.user["id"]), "video", UUID(judged["id"]), 2, min_fluent_words=50
        )
    assert mean == 40


async def test_reports_count_it_on_its_day_whatever_becomes_of_it(
    learner: Learner, database: Database
) -> None:
    """Folded, changed, deleted and rebuilt, within the time that events of clients may state and before."""
    now = datetime.now(UTC)
    days = [now - timedelta(days=5), now - timedelta(days=25)]
    sessions = [await practised(learner, day, score=70, durationSeconds=60) for day in days]
    await compare_with_rebuilt(database)
    assert await daily(learner, STATS) == {str(day.date()): 1 for day in days}
    assert await daily(learner, ADOPTION) == {str(day.date()): 1 for day in days}

    await learner.expects(200, "PATCH", f"{SESSIONS}/{sessions[1]['id']}", json={"completed": True})
    await learner.expects(204, "DELETE", f"{SESSIONS}/{sessions[0]['id']}")
    await compare_with_rebuilt(database)
    assert await daily(learner, STATS, "completed") == {str(days[1].date()): 1}
    stats = await learner.expects(200, "GET", STATS)
    assert (stats["totalSessions"], stats["totalDurationSeconds"]) == (1, 60)


async def test_learners_were_active_on_the_day_of_their_practice(
    learner: Learner, database: Database
) -> None:
    await practised(learner, "2026-03-05T12:00:00Z")
    await rollups.fold(database)
    period = {"from": "2026-03-01", "to": "2026-03-07"}
    adoption = await learner.expects(200, "GET", ADOPTION, params=period)
    [video] = [each for each in adoption["features"] if each["featureType"] == "video"]
    assert (video["sessions"], video["users"], video["adoptionRate"]) == (1, 1, 1)
    assert video["firstUsedAt"] == video["lastUsedAt"] == "2026-03-05T12:00:00Z"
    assert [day["activeUsers"] for day in adoption["daily"]] == [0, 0, 0, 0, 1, 0, 0]


async def test_streak_and_experience_go_by_the_completion(learner: Learner) -> None:
    for day in (1, 2, 3):
        await practised(learner, f"2026-03-{day:02}T12:00:00Z", completed=True)
    user = (await learner.expects(200, "GET", "/api/auth/verify"))["user"]
    assert (user["streak"], user["xp"]) == (1, 30)


async def daily(learner: Learner, path: str, member: str = "sessions") -> dict[str, int]:
    report = await learner.expects(200, "GET", path)
    return {day["day"]: day[member] for day in report["daily"] if day[member]}
