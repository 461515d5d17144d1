"""The floor of the HTTP benchmark answers what Cara answers, or the comparison is none."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bench.http import members
from bench.http_cells import CELLS, USER_ID, Cell
from cara.analytics import rollups
from cara.postgres.database import Database
from tests.learners import Learner

pytest.importorskip("orjson", reason="the floor needs the extra bench")


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
async def test_answers_have_the_members_of_caras(cell: Cell, learner: Learner, database: Database) -> None:
    from bench.floor import create_app

    scores = {"score": 80.5, "clarity": 70, "durationSeconds": 60, "completed": True}
    session = await learner.opens_session(**scores)
    await rollups.fold(database)
    path = cell.path.replace("{session}", session["id"])
    status = 201 if cell.method == "POST" else 200
    wanted = await learner.expects(status, cell.method, path, json=cell.body)

    async with TestClient(TestServer(create_app(database._pool))) as floor:
        headers = {USER_ID: learner.user["id"]}
        response = await floor.request(cell.method, path, json=cell.body, headers=headers)
        found = await response.json()

    assert response.status == status
    assert members(found) == members(wanted)
    changing = {"id", "eventId", "asOf", "trend", *(name for name in wanted if name.endswith("At"))}
    assert without(found, changing) == without(wanted, changing)


def without(body: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


async def test_a_session_of_somebody_else_is_no_answer(learner: Learner, database: Database) -> None:
    from bench.floor import create_app

    other = await Learner.registers(learner.client)
    session = await learner.opens_session()

    async with TestClient(TestServer(create_app(database._pool))) as floor:
        response = await floor.get(f"/api/sessions/{session['id']}", headers={USER_ID: other.user["id"]})

    assert response.status == 500, "the load refuses to count it"
