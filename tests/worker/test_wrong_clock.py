"""A worker process whose clock is wrong says so, and works on time all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cara.postgres.database import Database
from cara.settings import Settings
from tests.devtools.cli.terminal import REPOSITORY, running
from tests.learners import Learner
from tests.waiting import time_limit

WRONG_CLOCK = Path(__file__).with_name("wrong_clock")


@pytest.mark.parametrize(("ahead_seconds", "where"), [(20, "ahead of"), (-20, "behind")])
async def test_a_worker_with_a_wrong_clock_says_so_and_starts_jobs_on_time(
    tmp_path: Path, settings: Settings, learner: Learner, database: Database, ahead_seconds: int, where: str
) -> None:
    environment = {
        "PYTHONPATH": f"{WRONG_CLOCK}:{REPOSITORY}",
        "CLOCK_AHEAD_SECONDS": str(ahead_seconds),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "JWT_SECRET": settings.jwt_secret.get_secret_value(),
        "GEMINI_API_KEY": "emulator",
        "GEMINI_BASE_URL": str(settings.gemini_base_url),
    }
    with running("-P", "-m", "worker", folder=tmp_path, **environment) as worker:
        await asyncio.to_thread(worker.until, "working on")
        job = await learner.asks_for_feedback()
        async with time_limit():
            assert (await learner.follows(job))[-1].name == "succeeded"
        await asyncio.to_thread(worker.until, f"s {where} that of PostgreSQL")
    async with database.acquire() as connection:
        waited = await connection.fetchval(
            "select extract(epoch from started_at - created_at)::float8 from feedback_jobs"
        )
    assert waited < 2
