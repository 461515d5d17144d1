"""The total of a list, which is kept rather than counted, against the sessions that there are."""

from __future__ import annotations

import asyncio
import random
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from cara.postgres.database import Database, new_id
from cara.practice.list_queries import Filter, page_of_user
from cara.practice.schemas import FEATURE_TYPES
from tests.learners import Learner

FILTERS = [
    {name: value for name, value in (("featureType", kind), ("completed", done)) if value}
    for kind, done in product((None, *FEATURE_TYPES), (None, "true", "false"))
]


async def listed(learner: Learner, query: dict[str, str]) -> int:
    """The total of a list, all of whose sessions fit on its first page; both must agree."""
    page = await learner.expects(200, "GET", "/api/sessions", params={**query, "limit": "100"})
    assert page["total"] == len(page["sessions"]), query
    return int(page["total"])


async def lives_through(learner: Learner, chance: random.Random) -> None:
    """A session that is opened, and maybe completed, deleted, or both."""
    session = await learner.opens_session(chance.choice(FEATURE_TYPES))
    path = f"/api/sessions/{session['id']}"
    if chance.random() < 0.5:
        await learner.expects(200, "PATCH", path, json={"completed": True})
    if chance.random() < 0.4:
        await learner.expects(204, "DELETE", path)


async def test_totals_are_exact_after_simultaneous_changes(learner: Learner) -> None:
    chance = random.Random(7)
    await asyncio.gather(*(lives_through(learner, chance) for _ in range(60)))
    totals = [await listed(learner, query) for query in FILTERS]
    assert 0 < totals[0] < 60
    assert totals[0] == totals[1] + totals[2]


async def test_totals_are_exact_while_sessions_change(learner: Learner, database: Database) -> None:
    """Page and total are of one snapshot: no list tells of a session that its total does not count."""
    user_id = UUID(learner.user["id"])
    chance = random.Random(8)
    changing = asyncio.gather(*(lives_through(learner, chance) for _ in range(30)))
    reads = 0
    while not changing.done():
        async with database.acquire() as connection:
            rows, total = await page_of_user(connection, user_id, Filter(), None, 100, 0)
        assert len(rows) == total
        reads += 1
    await changing
    assert reads > 1


async def test_a_change_that_is_undone_is_not_counted(learner: Learner, database: Database) -> None:
    session = await learner.opens_session("writing")
    insert = "insert into sessions (user_id, id, feature_type) values ($1, $2, 'writing')"
    undone: tuple[tuple[str, list[Any]], ...] = (
        (insert, [new_id()]),
        ("delete from sessions where user_id = $1 and id = $2", [UUID(session["id"])]),
        (
            "update sessions set completed = true, completed_at = now() where user_id = $1 and id = $2",
            [UUID(session["id"])],
        ),
    )
    for statement, arguments in undone:
        async with database.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(statement, UUID(learner.user["id"]), *arguments)
            await transaction.rollback()
        assert [await listed(learner, {"completed": done}) for done in ("true", "false")] == [0, 1]


async def test_many_sessions_in_one_statement_are_counted(learner: Learner, database: Database) -> None:
    """Operators write such statements, to move or to delete what is there."""
    user_id = UUID(learner.user["id"])
    async with database.acquire() as connection:
        await connection.execute(
            """
            insert into sessions (user_id, id, feature_type, completed, completed_at)
            select $1, gen_random_uuid(), (feature_types())[1 + n % 2], n % 3 = 0,
                   case when n % 3 = 0 then now() end
            from generate_series(1, 60) as n
            """,
            user_id,
        )
        await connection.execute(
            "update sessions set feature_type = 'video' where user_id = $1 and completed", user_id
        )
        await connection.execute(
            "delete from sessions where user_id = $1 and feature_type = 'writing'", user_id
        )
    found = {
        (query.get("featureType"), query.get("completed")): await listed(learner, query) for query in FILTERS
    }
    assert (found[None, None], found["video", "true"], found["conversation", "false"]) == (40, 20, 20)
    assert found["writing", None] == 0


async def test_a_deleted_account_takes_its_totals_along(learner: Learner, database: Database) -> None:
    for kind in FEATURE_TYPES:
        await learner.opens_session(kind, completed=True)
    deletion = {"password": learner.password}
    await learner.expects(204, "DELETE", "/api/users/me", json=deletion)
    async with database.acquire() as connection:
        assert await connection.fetchval("select count(*) from session_counts") == 0


@pytest.mark.parametrize("query", FILTERS)
async def test_the_total_does_not_depend_on_the_page(learner: Learner, query: dict[str, str]) -> None:
    for kind, done in product(FEATURE_TYPES, (True, False, True, False)):
        await learner.opens_session(kind, **({"completed": True} if done else {}))
    total = await listed(learner, query)
    period = {"from": "2000-01-01", "to": "2999-01-01"}
    for page in ({"offset": "1", "limit": "1"}, {"offset": "99"}, period, {**period, "offset": "99"}):
        answer = await learner.expects(200, "GET", "/api/sessions", params={**query, **page})
        assert answer["total"] == total, page
    assert answer["sessions"] == []
    first = await learner.expects(200, "GET", "/api/sessions", params={**query, "limit": "1"})
    cursor = first["nextCursor"]
    for after in ({}, period, {"from": "2000-01-01"}, {"to": "2999-01-01"}):
        answer = await learner.expects(
            200, "GET", "/api/sessions", params={**query, **after, "cursor": cursor}
        )
        assert (answer["total"], len(answer["sessions"])) == (total, total - 1)
