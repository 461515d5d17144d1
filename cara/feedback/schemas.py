"""Requests and responses of feedback."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from cara.practice.feedback_schemas import Feedback
from cara.practice.schemas import DurationSeconds, Transcript
from cara.web.models import Instant, QueryModel, RequestModel, ResponseModel

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
JobStage = Literal["queued", "measuring", "asking", "checking", "saving", "finished"]
FINISHED_STATUSES: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


class FeedbackRequest(RequestModel):
    """Which session to judge; a transcript or duration given here is stored with the session."""

    session_id: UUID
    transcript: Transcript | None = None
    duration_seconds: DurationSeconds | None = None


class JobAccepted(ResponseModel):
    """A job was taken on; `eventsUrl` works as it is, for a while and for this job alone."""

    job_id: UUID
    status: JobStatus
    status_url: str
    events_url: str
    created_at: Instant


class JobProblem(ResponseModel):
    """Why a job failed: a stable word and a sentence."""

    code: str
    detail: str


class FeedbackJob(ResponseModel):
    """A feedback job; the feedback comes with success, the problem with failure."""

    job_id: UUID
    session_id: UUID
    status: JobStatus
    progress: Annotated[int, Field(ge=0, le=100)]
    stage: JobStage
    attempts: int
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    feedback: Feedback | None = None
    problem: JobProblem | None = None


class EventsQuery(QueryModel):
    """The ticket that stands in for the Authorization field, which native EventSource cannot send."""

    ticket: Annotated[str, Field(max_length=1024)] | None = None
