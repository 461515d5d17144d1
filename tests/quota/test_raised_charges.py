"""Two that raise the charge of one call at the same instant: the second one waits and goes by the first."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from cara.postgres.database import Connection, Database, new_id
from cara.quota import queries
from cara.quota.queries import Charge
from cara.quota.quota import Quota
from tests.jobs.rows import insert_learner
from tests.waiting import until_blocked

QUOTA = Quota(1_000)


async def raise_to(connection: Connection, user_id: UUID, id: UUID, total: int) -> None:
    charge = Charge("a-model", 30, total - 30, total)
    await queries.raise_charge(connection, user_id, id, charge)


@pytest.mark.parametrize(("first", "second"), [(50, 90), (90, 50), (70, 70)])
async def test_the_higher_charge_counts_once_whoever_comes_first(
    database: Database, first: int, second: int
) -> None:
    id = new_id()
    async with database.acquire() as waiting:
        user_id = await insert_learner(waiting)
        await QUOTA.settle(waiting, user_id, id, "process", Charge("a-model", 30, 12, 42))
        async with database.transaction() as quicker:
            await raise_to(quicker, user_id, id, first)
            task = asyncio.create_task(raise_to(waiting, user_id, id, second))
            await until_blocked(database, task)
        await task
        status = await QUOTA.status(waiting, user_id, None)
        entry = await waiting.fetchrow("select tokens_used, output_tokens from quota_usage")
    highest = max(first, second)
    assert (status.used, status.by_type) == (highest, {"process": highest})
    assert entry is not None
    assert tuple(entry) == (highest, highest - 30)
