"""The goal of a session over HTTP: who listens, how long it should take, and what to work on."""

from __future__ import annotations

from typing import Any

from tests.learners import Learner

GOAL = {"audience": "The board", "targetSeconds": 120, "focus": ["fewer fillers", "a clear end"]}
NOTHING = {"audience": None, "targetSeconds": None, "focus": []}


async def test_a_session_opens_with_a_goal_that_everything_shows(learner: Learner) -> None:
    body = {"featureType": "video", "goal": GOAL}
    headers = {"Idempotency-Key": "a-goal"}
    opened = await learner.expects(201, "POST", "/api/sessions", json=body, headers=headers)
    assert opened["goal"] == GOAL
    assert await learner.expects(201, "POST", "/api/sessions", json=body, headers=headers) == opened
    other = {**body, "goal": {**GOAL, "targetSeconds": 121}}
    await learner.expects(409, "POST", "/api/sessions", json=other, headers=headers)
    assert (await learner.expects(200, "GET", f"/api/sessions/{opened['id']}"))["goal"] == GOAL
    page = await learner.expects(200, "GET", "/api/sessions")
    assert [session["goal"] for session in page["sessions"]] == [GOAL]
    exported = await learner.expects(200, "GET", "/api/users/me/export")
    assert [session["goal"] for session in exported["sessions"]] == [GOAL]


async def test_a_goal_is_replaced_as_a_whole_and_removed_by_null(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session(goal=GOAL, title='Stays'))['id']}"
    assert (await learner.expects(200, "PATCH", path, json={"title": "Other"}))["goal"] == GOAL
    changed = await learner.expects(200, "PATCH", path, json={"goal": {"targetSeconds": 60}})
    assert (changed["goal"], changed["title"]) == ({**NOTHING, "targetSeconds": 60}, "Other")
    assert (await learner.expects(200, "PATCH", path, json={"goal": {"focus": ["pauses"]}}))["goal"] == {
        **NOTHING,
        "focus": ["pauses"],
    }
    for nothing in (NOTHING, {"focus": [], "audience": None}):
        assert (await learner.expects(200, "PATCH", path, json={"goal": nothing}))["goal"] is None
    await learner.expects(200, "PATCH", path, json={"goal": GOAL})
    assert (await learner.expects(200, "PATCH", path, json={"goal": None}))["goal"] is None
    assert (await learner.opens_session())["goal"] is None


async def test_markup_is_taken_out_of_a_goal_as_of_a_title(learner: Learner) -> None:
    goal = {"audience": "R&D <b>team</b> of 5 < 10", "focus": ["<i>pauses</i>"]}
    session = await learner.opens_session(goal=goal)
    assert session["goal"] == {**NOTHING, "audience": "R&D team of 5 < 10", "focus": ["pauses"]}


REFUSED: list[tuple[Any, str, str]] = [
    ({"audience": "x" * 201}, "goal.audience", "too_long"),
    ({"audience": " <b></b>"}, "goal.audience", "blank"),
    ({"targetSeconds": 4}, "goal.targetSeconds", "too_small"),
    ({"targetSeconds": 36_001}, "goal.targetSeconds", "too_large"),
    ({"targetSeconds": 60.5}, "goal.targetSeconds", "type"),
    ({"targetSeconds": "60"}, "goal.targetSeconds", "type"),
    ({"focus": ["a", "x" * 101]}, "goal.focus.1", "too_long"),
    ({"focus": [""]}, "goal.focus.0", "blank"),
    ({"focus": list("abcdef")}, "goal.focus", "too_many"),
    ({"focus": "pauses"}, "goal.focus", "type"),
    ({"mood": "calm"}, "goal.mood", "unknown"),
    ("short", "goal", "type"),
]


async def test_what_is_no_goal_is_refused_by_its_member(learner: Learner) -> None:
    session = await learner.opens_session(goal=GOAL)
    path = f"/api/sessions/{session['id']}"
    for goal, field, code in REFUSED:
        for method, at, body in (("POST", "/api/sessions", {"featureType": "video"}), ("PATCH", path, {})):
            problem = await learner.expects(400, method, at, json={**body, "goal": goal})
            assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)], goal
    assert await learner.expects(200, "GET", path) == session
