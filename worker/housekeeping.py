"""The tasks that run by the clock."""

from __future__ import annotations

from typing import Any

from cara.database import Database
from cara.feedback.sweeping import sweep
from cara.telemetry import instrumented


async def sweep_jobs(context: dict[str, Any]) -> None:
    """Hands out again what Redis forgot or a dead worker held."""
    database: Database = context["database"]
    async with instrumented("sweep_jobs", context["job_id"]):
        await sweep(database, context["queue"], context["quota"])
