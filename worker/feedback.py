"""The task that writes feedback."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cara.analytics.waking import RollupWaker
from cara.feedback.work import FeedbackWork
from cara.telemetry import instrumented


async def write_feedback(context: dict[str, Any], job_id: str) -> None:
    """Makes one attempt at a feedback job."""
    work: FeedbackWork = context["feedback_work"]
    waker: RollupWaker = context["rollup_waker"]
    async with instrumented("write_feedback", job_id):
        await work.run(UUID(job_id))
        waker.wake()
