"""The tasks of the housekeeping queue."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from cara.accounts.deletion import purge_expired
from cara.feedback.work.sweeper import sweep
from cara.observability.sentry import instrumented
from cara.postgres.database import Database
from cara.settings import Settings

logger = logging.getLogger(__name__)


async def sweep_jobs(context: dict[str, Any]) -> None:
    """Hands out again what Redis forgot or a dead worker held."""
    database: Database = context["database"]
    settings: Settings = context["settings"]
    async with instrumented("sweep_jobs", context["job_id"]):
        await sweep(database, context["queue"], context["quota"], settings.job_attempts)


async def forget_old_entries(context: dict[str, Any]) -> None:
    """Deletes audit entries beyond their retention, and expired refresh tokens and failed sign-ins."""
    database: Database = context["database"]
    settings: Settings = context["settings"]
    async with instrumented("forget_old_entries", context["job_id"]):
        purged = await purge_expired(
            database, now=datetime.now(UTC), audit_days=settings.audit_retention_days
        )
    logger.info(
        "deleted %d audit entries, %d refresh tokens and %d failed sign-ins",
        purged.audit_entries,
        purged.refresh_tokens,
        purged.sign_in_failures,
    )
