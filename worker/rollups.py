"""The tasks that keep the roll-ups fresh and the partitions in place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cara.analytics import partitions, rollups
from cara.observability.sentry import instrumented
from cara.postgres.database import Database
from cara.settings import Settings


async def fold_rollups(context: dict[str, Any]) -> None:
    """Folds what is pending; woken by ingestion, and by the clock in case that was lost."""
    database: Database = context["database"]
    async with instrumented("fold_rollups", context["job_id"]):
        await rollups.fold(database)


async def keep_partitions(context: dict[str, Any]) -> None:
    """Makes partitions ahead, and drops those past retention."""
    database: Database = context["database"]
    settings: Settings = context["settings"]
    async with instrumented("keep_partitions", context["job_id"]):
        await partitions.keep_partitions(database, settings.analytics_retention_days, datetime.now(UTC))
