"""Practice sessions over HTTP."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from cara.postgres.database import Database
from cara.practice import queries
from cara.practice.schemas import FEATURE_TYPES
from cara.practice.sessions import change_session
from cara.redis.queue import RollupNotifier
from cara.web.context import provide
from cara.web.cursors import encode_cursor
from tests.learners import TALK, Learner

LISTED = {
    "id", "userId", "featureType", "title", "description", "goal", "durationSeconds", "score", "completed",
    "completedAt", "clarity", "pace", "confidence", "tone", "practicedAt", "createdAt", "updatedAt",
}  # fmt: skip
MEASURES = {"wordsPerMinute", "fillersPer100Words", "hedgesPer100Words", "pausesPerMinute"}


async def test_a_new_session_is_returned_with_all_members(learner: Learner) -> None:
    response = await learner.call(
        "POST",
        "/api/sessions",
        json={"featureType": "conversation", "title": "Salary Negotiation Practice"},
    )
    session = await response.json()
    assert response.status == 201
    assert response.headers["Location"] == f"/api/sessions/{session['id']}"
    assert set(session) == LISTED | {"transcript", "feedbackJson", "liveJobId"}
    assert (session["title"], session["userId"]) == ("Salary Negotiation Practice", learner.user["id"])
    assert session["practicedAt"] == session["createdAt"]
    assert session["createdAt"].endswith("Z")
    assert session["score"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "featureType"),
        ({"featureType": "dancing"}, "featureType"),
        ({"featureType": "video", "title": 7}, "title"),
        ({"featureType": "video", "title": "x" * 201}, "title"),
        ({"featureType": "video", "colour": "red"}, "colour"),
    ],
)
async def test_an_invalid_member_is_named(learner: Learner, body: dict[str, Any], field: str) -> None:
    problem = await learner.expects(400, "POST", "/api/sessions", json=body)
    assert problem["code"] == "invalid_input"
    assert [error["field"] for error in problem["errors"]] == [field]
    assert problem["error"] == problem["detail"]


async def test_a_change_keeps_members_that_it_leaves_out(learner: Learner) -> None:
    session = await learner.opens_session(title="Before", description="Stays")
    changed = await learner.expects(
        200, "PATCH", f"/api/sessions/{session['id']}", json={"title": "After", "score": 71.25}
    )
    assert (changed["title"], changed["description"], changed["score"]) == ("After", "Stays", 71.25)
    cleared = await learner.expects(200, "PATCH", f"/api/sessions/{session['id']}", json={"title": None})
    assert (cleared["title"], cleared["score"]) == (None, 71.25)


async def test_a_client_that_sends_the_defaults_of_the_document_changes_the_title_alone(
    learner: Learner,
) -> None:
    document = await learner.expects(200, "GET", "/api/openapi.json")
    members = document["components"]["schemas"]["SessionChanges"]["properties"]
    defaults = {name: schema["default"] for name, schema in members.items() if "default" in schema}
    before = await learner.opens_session(transcript=TALK, description="Stays", score=71, completed=True)
    changed = await learner.expects(
        200, "PATCH", f"/api/sessions/{before['id']}", json={**defaults, "title": "After"}
    )
    assert changed == {**before, "title": "After", "updatedAt": changed["updatedAt"]}


async def test_an_empty_change_changes_nothing(learner: Learner) -> None:
    before = await learner.opens_session(transcript=TALK, completed=True)
    assert await learner.expects(200, "PATCH", f"/api/sessions/{before['id']}", json={}) == before


async def test_completed_false_is_accepted_for_an_open_session(learner: Learner) -> None:
    session = await learner.opens_session(title="Stays", completed=False)
    assert (session["title"], session["completed"]) == ("Stays", False)


async def test_completed_must_be_true_or_false_or_left_out(learner: Learner) -> None:
    session = await learner.opens_session(title="Stays")
    changes = {"title": "After", "completed": None}
    problem = await learner.expects(400, "PATCH", f"/api/sessions/{session['id']}", json=changes)
    assert [error["field"] for error in problem["errors"]] == ["completed"]
    assert await learner.expects(200, "GET", f"/api/sessions/{session['id']}") == session


@pytest.mark.parametrize(
    "changes",
    [
        {"score": 101},
        {"score": -1},
        {"clarity": "high"},
        {"durationSeconds": -0.1},
        {"durationSeconds": 86_400.1},
        {"completed": "yes"},
    ],
)
async def test_values_out_of_bounds_are_refused(learner: Learner, changes: dict[str, Any]) -> None:
    session = await learner.opens_session()
    await learner.expects(400, "PATCH", f"/api/sessions/{session['id']}", json=changes)


async def test_a_duration_comes_back_as_it_was_sent(learner: Learner) -> None:
    session = await learner.opens_session()
    for sent, written in (
        (95, "95"),
        (95.0, "95"),
        (95.25, "95.25"),
        (0.1, "0.1"),
        (0, "0"),
        (86_400, "86400"),
    ):
        answer = await learner.call("PATCH", f"/api/sessions/{session['id']}", json={"durationSeconds": sent})
        assert f'"durationSeconds":{written},' in await answer.text()
    listed = await (await learner.call("GET", "/api/sessions")).text()
    assert '"durationSeconds":86400,' in listed


async def test_completing_awards_once_however_often_it_is_sent(learner: Learner) -> None:
    session = await learner.opens_session(score=80, durationSeconds=150)
    path = f"/api/sessions/{session['id']}"
    await asyncio.gather(*(learner.expects(200, "PATCH", path, json={"completed": True}) for _ in range(8)))
    user = (await learner.expects(200, "GET", "/api/auth/verify"))["user"]
    assert (user["xp"], user["level"], user["streak"]) == (10 + 8 + 2, 1, 1)


async def test_a_completion_cannot_be_undone(learner: Learner) -> None:
    session = await learner.opens_session(completed=True)
    problem = await learner.expects(409, "PATCH", f"/api/sessions/{session['id']}", json={"completed": False})
    assert problem["code"] == "session_completed"


async def test_a_new_transcript_is_another_document_of_which_nothing_is_known(
    learner: Learner, database: Database
) -> None:
    known = "select transcript_format, learner_label from sessions"
    path = f"/api/sessions/{(await learner.opens_session(transcript=TALK))['id']}"
    async with database.acquire() as connection:
        await connection.execute("update sessions set transcript_format = 'webvtt', learner_label = 'Ann'")
        await learner.expects(200, "PATCH", path, json={"title": "Another title"})
        assert tuple(await connection.fetchrow(known)) == ("webvtt", "Ann")
        await learner.expects(200, "PATCH", path, json={"transcript": "Ann: Good morning."})
        assert tuple(await connection.fetchrow(known)) == (None, None)


async def test_a_transcript_takes_the_duration_of_the_one_that_it_replaces_away(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session(durationSeconds=95))['id']}"
    for changes, duration in (
        ({"transcript": " "}, 95),
        ({"transcript": TALK}, 95),
        ({"transcript": TALK}, 95),
        ({"transcript": "Good morning."}, None),
        ({"transcript": TALK, "durationSeconds": 60}, 60),
        ({"transcript": None}, 60),
    ):
        changed = await learner.expects(200, "PATCH", path, json=changes)
        assert changed["durationSeconds"] == duration, changes


async def test_a_change_may_say_what_its_transcript_is(learner: Learner, database: Database) -> None:
    session = await learner.opens_session()
    ids = UUID(learner.user["id"]), UUID(session["id"])
    changes = {"transcript": "WEBVTT", "transcript_format": "webvtt", "learner_label": "Ann"}
    async with database.transaction() as connection:
        await change_session(connection, *ids, changes)
        await change_session(connection, *ids, {"learner_label": "Bob"})
        kept = await queries.lock_talk(connection, *ids)
    assert kept is not None
    assert (kept["transcript_format"], kept["learner_label"]) == ("webvtt", "Bob")


async def test_simultaneous_completions_of_several_sessions_all_count(learner: Learner) -> None:
    sessions = [await learner.opens_session() for _ in range(6)]
    await asyncio.gather(
        *(
            learner.expects(200, "PATCH", f"/api/sessions/{session['id']}", json={"completed": True})
            for session in sessions
        )
    )
    assert (await learner.expects(200, "GET", "/api/auth/verify"))["user"]["xp"] == 60


async def test_a_list_is_newest_first_and_can_be_paged_by_cursor(learner: Learner) -> None:
    opened = [(await learner.opens_session())["id"] for _ in range(7)]
    seen: list[str] = []
    query: dict[str, str] = {"limit": "3"}
    while True:
        page = await learner.expects(200, "GET", "/api/sessions", params=query)
        assert page["total"] == 7
        assert all(set(session) == LISTED | MEASURES for session in page["sessions"])
        seen += [session["id"] for session in page["sessions"]]
        if page["nextCursor"] is None:
            break
        query = {"limit": "3", "cursor": page["nextCursor"]}
    assert seen == opened[::-1]


async def test_a_list_can_be_filtered(learner: Learner) -> None:
    await learner.opens_session("writing")
    done = await learner.opens_session("video", completed=True)
    page = await learner.expects(200, "GET", "/api/sessions", params={"completed": "true"})
    assert [session["id"] for session in page["sessions"]] == [done["id"]]
    page = await learner.expects(200, "GET", "/api/sessions", params={"featureType": "writing"})
    assert (page["total"], len(page["sessions"])) == (1, 1)
    page = await learner.expects(200, "GET", "/api/sessions", params={"to": done["createdAt"], "offset": "1"})
    assert (page["total"], page["sessions"]) == (1, [])
    page = await learner.expects(200, "GET", "/api/sessions", params={"from": "2999-01-01"})
    assert page["total"] == 0


async def test_a_list_accepts_times_at_the_ends_of_the_calendar(learner: Learner) -> None:
    await learner.opens_session()
    ends = {"from": "0001-01-01T10:00:00+10:00", "to": "9999-12-31T18:59:59-05:00"}
    page = await learner.expects(200, "GET", "/api/sessions", params=ends)
    assert page["total"] == 1


def doctored_cursor(created_at: str) -> str:
    return encode_cursor(datetime.fromisoformat(created_at), uuid4())


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"offset": "-1"},
        {"cursor": "nonsense"},
        {"cursor": "é"},
        {"from": "yesterday"},
        {"from": "0"},
        {"from": "2026-W01-1"},
        {"to": "2026-02-30"},
        {"to": "2026-01-31T09:30"},
        {"from": "0001-01-01T00:00:00+10:00"},
        {"to": "9999-12-31T23:59:59-05:00"},
        {"cursor": doctored_cursor("0001-01-01T00:00:00+10:00")},
        {"cursor": doctored_cursor("9999-12-31T23:59:59-05:00")},
        {"colour": "red"},
        {"featureType": "dancing"},
    ],
)
async def test_an_invalid_query_is_refused(learner: Learner, query: dict[str, str]) -> None:
    problem = await learner.expects(400, "GET", "/api/sessions", params=query)
    assert problem["errors"][0]["field"] == next(iter(query))


async def test_a_deleted_session_is_gone(learner: Learner) -> None:
    session = await learner.opens_session()
    await learner.expects(204, "DELETE", f"/api/sessions/{session['id']}")
    await learner.expects(404, "GET", f"/api/sessions/{session['id']}")
    await learner.expects(404, "DELETE", f"/api/sessions/{session['id']}")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_session_of_another_learner_is_not_found(learner: Learner, method: str) -> None:
    other = await Learner.registers(learner.client)
    theirs = (await other.opens_session())["id"]
    for session_id in (theirs, str(uuid4())):
        problem = await learner.expects(404, method, f"/api/sessions/{session_id}", json={})
        assert problem["code"] == "not_found"
    await other.expects(200, "GET", f"/api/sessions/{theirs}")


async def test_markup_is_removed_and_other_text_stays(learner: Learner) -> None:
    session = await learner.opens_session(
        title="Tom & Jerry: a < b <script>alert(1)</script>", feedbackJson={"note": "<b>5 > 3</b>"}
    )
    assert session["title"] == "Tom & Jerry: a < b "
    assert session["feedbackJson"] == {"note": "5 > 3"}


async def test_the_database_has_the_same_list_of_feature_types(database: Database) -> None:
    async with database.acquire() as connection:
        assert tuple(await connection.fetchval("select feature_types()")) == FEATURE_TYPES


async def test_a_completed_session_can_be_changed_and_keeps_the_time_of_its_completion(
    learner: Learner,
) -> None:
    done = await learner.opens_session(completed=True)
    path = f"/api/sessions/{done['id']}"
    changed = await learner.expects(200, "PATCH", path, json={"score": 90})
    assert (changed["completed"], changed["completedAt"]) == (True, done["completedAt"])
    assert (await learner.expects(200, "GET", "/api/auth/verify"))["user"]["xp"] == 10


async def test_a_change_and_a_look_name_the_live_feedback_job_until_it_ends(
    learner: Learner, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    path = f"/api/sessions/{(await learner.expects(200, 'GET', job['statusUrl']))['sessionId']}"
    for session in (
        await learner.expects(200, "GET", path),
        await learner.expects(200, "PATCH", path, json={"title": "Renamed"}),
    ):
        assert session["liveJobId"] == job["jobId"]
    async with database.acquire() as connection:
        await connection.execute("update feedback_jobs set status = 'failed', finished_at = now()")
    assert (await learner.expects(200, "GET", path))["liveJobId"] is None


async def test_sessions_of_one_instant_are_paged_without_a_gap(learner: Learner, database: Database) -> None:
    opened = {(await learner.opens_session())["id"] for _ in range(5)}
    async with database.acquire() as connection:
        await connection.execute("update sessions set practiced_at = '2026-11-03T12:00:00Z'")
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    for _ in range(3):
        page = await learner.expects(200, "GET", "/api/sessions", params=query)
        seen += [session["id"] for session in page["sessions"]]
        query["cursor"] = page["nextCursor"] or ""
    assert page["nextCursor"] is None
    assert seen == sorted(opened, reverse=True)


async def test_a_page_that_holds_the_last_session_has_no_next_one(learner: Learner) -> None:
    for _ in range(2):
        await learner.opens_session()
    for limit, offset, more in ((1, 0, True), (2, 0, False), (3, 0, False), (1, 1, False)):
        query = {"limit": limit, "offset": offset}
        page = await learner.expects(200, "GET", "/api/sessions", params=query)
        assert (page["nextCursor"] is not None) == more, query


async def test_a_period_has_its_first_instant_and_not_its_last(learner: Learner, database: Database) -> None:
    session = await learner.opens_session()
    async with database.acquire() as connection:
        await connection.execute("update sessions set practiced_at = '2026-11-03T12:00:00Z'")
    instant, before, after = (f"2026-11-03T{time}Z" for time in ("12:00:00", "11:59:59", "12:00:01"))
    for start, end, found in (
        (instant, after, True),
        (before, instant, False),
        (before, after, True),
        (after, "2026-11-04", False),
        ("2026-11-03", "2026-11-04", True),
    ):
        page = await learner.expects(200, "GET", "/api/sessions", params={"from": start, "to": end})
        assert [each["id"] for each in page["sessions"]] == [session["id"]] * found, (start, end)
        assert page["total"] == found


async def test_a_cursor_without_a_time_zone_is_refused(learner: Learner) -> None:
    query = {"cursor": doctored_cursor("2026-11-03T12:00:00")}
    problem = await learner.expects(400, "GET", "/api/sessions", params=query)
    assert problem["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("finished", "named"), [(None, True), ("1 hour 59 minutes", True), ("2 hours 1 minute", False)]
)
async def test_a_deletion_names_the_jobs_that_events_are_kept_of(
    learner: Learner, database: Database, finished: str | None, named: bool
) -> None:
    job = await learner.asks_for_feedback()
    await learner.asks_for_feedback()
    session_id = UUID((await learner.expects(200, "GET", job["statusUrl"]))["sessionId"])
    async with database.acquire() as connection:
        if finished:
            await connection.execute(
                f"update feedback_jobs set status = 'failed', finished_at = now() - interval '{finished}'"
            )
        deleted = await queries.delete_session(connection, UUID(learner.user["id"]), session_id)
        assert deleted == ([UUID(job["jobId"])] if named else [])
        assert await connection.fetchval("select count(*) from sessions") == 1


async def test_the_recent_mean_is_that_of_the_newest_other_scored_sessions_of_the_feature(
    learner: Learner, database: Database
) -> None:
    other = await Learner.registers(learner.client)
    await other.opens_session("video", score=1)
    for feature_type, score in (
        ("video", 10), ("video", 40), ("writing", 2), ("video", 60), ("video", None), ("video", 99),
    ):  # fmt: skip
        newest = await learner.opens_session(feature_type, score=score)
    user_id, newest_id = UUID(learner.user["id"]), UUID(newest["id"])
    async with database.acquire() as connection:
        for sessions, mean in ((1, 60), (2, 50), (9, 110 / 3)):
            found = await queries.recent_mean_score(
                connection, user_id, "video", newest_id, sessions, min_fluent_words=50
            )
            assert found == pytest.approx(mean)
        assert (
            await queries.recent_mean_score(connection, user_id, "accent", newest_id, 9, min_fluent_words=50)
            is None
        )


async def test_the_rollups_are_told_of_every_session_that_is_written(learner: Learner) -> None:
    told: list[str] = []

    class Notifier(RollupNotifier):
        def __init__(self) -> None:
            pass

        def wake(self) -> None:
            told.append("wake")

    assert learner.client.app
    provide(learner.client.app, RollupNotifier, Notifier())
    path = f"/api/sessions/{(await learner.opens_session())['id']}"
    assert len(told) == 1
    await learner.expects(200, "PATCH", path, json={"completed": True})
    assert len(told) == 2
    await learner.expects(412, "PATCH", path, json={"score": 1}, headers={"If-Match": '"1"'})
    await learner.expects(200, "GET", path)
    assert len(told) == 2
    await learner.expects(204, "DELETE", path)
    await learner.expects(404, "DELETE", path)
    assert len(told) == 3
