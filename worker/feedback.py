"""The task that writes feedback."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cara.feedback.work.run import FeedbackWork
from cara.observability.sentry import instrumented
from cara.redis.rollup_notifier import RollupNotifier


async def write_feedback(context: dict[str, Any], job_id: str) -> None:
    """Makes one attempt at a feedback job."""
    work: FeedbackWork = context["feedback_work"]
    waker: RollupNotifier = context["rollup_notifier"]
    async with instrumented("write_feedback", job_id):
        await work.run(UUID(job_id))
        waker.wake()
