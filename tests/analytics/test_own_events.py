"""Events that Cara writes itself, in the transactions that they report."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic_core import from_json

from cara.analytics import rollups
from cara.postgres.database import Database
from tests.analytics.rollup_tables import contents
from tests.learners import Learner


async def own_events(database: Database, learner: Learner) -> list[tuple[str, dict[str, Any]]]:
    async with database.acquire() as connection:
        rows = await connection.fetch(
            "select event_type, metadata from analytics_events where user_id = $1::uuid"
            " order by occurred_at, event_type",
            learner.user["id"],
        )
    return [(row["event_type"], from_json(row["metadata"].raw)) for row in rows]


async def test_opening_and_completing_a_session_are_events_once_each(
    learner: Learner, database: Database
) -> None:
    session = await learner.opens_session("writing", score=75, completed=True, durationSeconds=60)
    path = f"/api/sessions/{session['id']}"
    await learner.expects(200, "PATCH", path, json={"completed": True, "title": "Again"})
    metadata = {"sessionId": session["id"], "featureType": "writing"}
    assert await own_events(database, learner) == [
        ("cara.session_created", metadata),
        ("cara.session_completed", {**metadata, "score": 75, "durationSeconds": 60}),
    ]


async def test_clients_may_not_use_ids_of_own_events(learner: Learner, database: Database) -> None:
    await learner.opens_session("writing")
    async with database.acquire() as connection:
        ids = await connection.fetch("select id from analytics_events")
    assert [UUID(str(row["id"])).version for row in ids] == [8]


async def test_a_rolled_back_session_leaves_no_event(learner: Learner, database: Database) -> None:
    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "insert into sessions (user_id, id, feature_type) values ($1::uuid, $2, 'video')",
            learner.user["id"],
            uuid4(),
        )
        await transaction.rollback()
    assert await own_events(database, learner) == []
    assert await rollups.fold(database) == 0


@pytest.mark.usefixtures("worker")
async def test_feedback_and_calls_of_gemini_are_events(learner: Learner, database: Database) -> None:
    job = await learner.asks_for_feedback(feature_type="video")
    await learner.follows(job)
    events = dict(await own_events(database, learner))
    assert set(events) == {
        "cara.session_created",
        "cara.session_completed",
        "cara.feedback_succeeded",
        "cara.gemini_called",
    }
    assert events["cara.feedback_succeeded"]["jobId"] == job["jobId"]
    assert events["cara.feedback_succeeded"]["featureType"] == "video"
    assert events["cara.gemini_called"]["requestType"] == "feedback"
    assert events["cara.gemini_called"]["featureType"] == "video"
    assert events["cara.gemini_called"]["tokensUsed"] > 0


async def test_a_dialogue_with_the_coach_counts_for_its_feature(learner: Learner, database: Database) -> None:
    asked = {"prompt": "Can you help me practise?", "featureType": "accent"}
    await learner.expects(200, "POST", "/api/gemini/process", json=asked)
    assert dict(await own_events(database, learner))["cara.gemini_called"]["featureType"] == "accent"
    await rollups.fold(database)
    adoption = await learner.expects(200, "GET", "/api/analytics/adoption")
    (accent,) = (one for one in adoption["features"] if one["featureType"] == "accent")
    assert (accent["users"], accent["sessions"]) == (1, 0)
    assert accent["firstUsedAt"] is not None
    assert accent["firstUsedAt"] == accent["lastUsedAt"]


async def test_practice_works_in_a_month_without_a_partition(learner: Learner, database: Database) -> None:
    async with database.acquire() as connection:
        month = await connection.fetchval("select to_char(now() at time zone 'UTC', 'YYYY_MM')")
        await connection.execute(f"drop table analytics_events_{month}")
    await learner.opens_session()
    assert len(await own_events(database, learner)) == 1


async def test_adoption_works_without_events_of_the_front_end(learner: Learner, database: Database) -> None:
    await learner.opens_session("listening")
    await rollups.fold(database)
    assert {row[1] for row in (await contents(database))["learner_days"]} == {"", "listening"}
