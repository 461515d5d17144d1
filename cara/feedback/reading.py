"""Feedback jobs as clients read them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cara.feedback import queries
from cara.feedback.schemas import Feedback, FeedbackJob, JobPage, JobsQuery, JobSummary
from cara.jobs import queries as jobs
from cara.postgres.database import Connection, Record
from cara.web.cursors import decode_cursor, encode_cursor


async def read_job(connection: Connection, user_id: UUID, job_id: UUID) -> FeedbackJob | None:
    """Returns the job, with its feedback if it succeeded."""
    job = await jobs.job_of_user(connection, user_id, job_id)
    if job is None:
        return None
    stored = None
    if job["status"] == "succeeded":
        stored = await queries.feedback_of_job(connection, user_id, job_id)
    return FeedbackJob(**_summary(job), feedback=_feedback(stored) if stored else None)


async def page_of_jobs(connection: Connection, user_id: UUID, query: JobsQuery) -> JobPage:
    """Returns a page of the learner's jobs, the newest first.

    It is empty for a session that does not exist or belongs to another user, as for one without jobs.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    before = decode_cursor(query.cursor) if query.cursor else None
    rows = await jobs.jobs_of_user(
        connection, user_id, query.session_id, query.status, before, query.limit + 1
    )
    page, more = rows[: query.limit], rows[query.limit :]
    return JobPage(
        jobs=[JobSummary(**_summary(row)) for row in page],
        next_cursor=encode_cursor(page[-1]["created_at"], page[-1]["id"]) if more else None,
    )


def _summary(job: Record) -> dict[str, Any]:
    """Returns the members of a job that every client sees, from its row."""
    return {**job, "job_id": job["id"]}


def _feedback(row: Record) -> Feedback:
    """Returns feedback from its row."""
    return Feedback.model_validate(
        {
            "overview": {
                "score": row["score"],
                "scoreChange": row["score_change"],
                "summary": row["summary"],
            },
            "breakdown": {"communication": row["communication"], "content": row["content"]},
            "measures": row["measures"],
            "highlights": row["highlights"],
            "actionItems": row["action_items"],
            "model": row["model"],
            "promptVersion": row["prompt_version"],
        }
    )
