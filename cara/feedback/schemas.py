"""Requests and responses of feedback."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypeAliasType

from cara.practice.feedback_schemas import Feedback
from cara.practice.schemas import DurationSeconds, Transcript
from cara.web.models import Instant, ProblemCode, QueryModel, RequestModel, ResponseModel, example

JobStatus = TypeAliasType("JobStatus", Literal["queued", "running", "succeeded", "failed", "cancelled"])
JobStage = TypeAliasType(
    "JobStage", Literal["queued", "measuring", "asking", "checking", "saving", "finished"]
)
FINISHED_STATUSES: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


class FeedbackRequest(RequestModel):
    """Which session to judge; a transcript or duration given here is stored with the session."""

    model_config = example(
        sessionId="019a1f8e-5c3d-7a42-9b1e-3f6d2c8a7b50",
        transcript="Um, thank you. I recommend that we hire two people.",
        durationSeconds=6,
    )

    session_id: UUID
    transcript: Transcript | None = None
    duration_seconds: DurationSeconds | None = None


class JobAccepted(ResponseModel):
    """A job was taken on; `eventsUrl` works as it is, for this job alone, also if it has ended meanwhile."""

    model_config = example(
        jobId="019a1f8e-71b0-7c05-8f4e-2d9a6b1c3e47",
        statusUrl="/api/gemini/jobs/019a1f8e-71b0-7c05-8f4e-2d9a6b1c3e47",
        eventsUrl="/api/gemini/jobs/019a1f8e-71b0-7c05-8f4e-2d9a6b1c3e47/events?ticket=eyJhbGciOiJIUzI1NiIs…",
    )

    job_id: UUID
    status: JobStatus
    status_url: str
    events_url: str
    created_at: Instant


class JobProblem(ResponseModel):
    """Why a job failed: a stable word and a sentence."""

    code: ProblemCode | str
    detail: str


class JobSummary(ResponseModel):
    """A feedback job without its feedback; the problem comes with failure.

    `progress` is what the events tell, in percent; it begins anew with each attempt. `eventsUrl` works as it
    is while the job lives and for 15 minutes afterwards, unless its sign-in ends. It is null once the job has
    ended.
    """

    model_config = example(status="succeeded", progress=100, stage="finished", attempts=1, problem=None)

    job_id: UUID
    session_id: UUID
    status: JobStatus
    progress: Annotated[int, Field(ge=0, le=100)]
    stage: JobStage
    attempts: int
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    events_url: str | None = None
    problem: JobProblem | None = None


class FeedbackJob(JobSummary):
    """A feedback job; the feedback comes with success, the problem with failure."""

    feedback: Feedback | None = None


class JobsQuery(QueryModel):
    """Which jobs to list: those of a session, or of one status; everything after a cursor."""

    limit: Annotated[int, Field(ge=1, le=100, description="How many jobs at most.")] = 20
    cursor: Annotated[
        Annotated[str, Field(max_length=200)] | None,
        Field(description="The `nextCursor` of the page before."),
    ] = None
    session_id: Annotated[UUID | None, Field(description="Only jobs of this session.")] = None
    status: Annotated[JobStatus | None, Field(description="Only jobs in this status.")] = None


class JobPage(ResponseModel):
    """A page of jobs, newest first."""

    jobs: list[JobSummary]
    next_cursor: str | None


class EventsQuery(QueryModel):
    """The ticket that stands in for the Authorization field, which native EventSource cannot send."""

    ticket: Annotated[
        Annotated[str, Field(max_length=1024)] | None,
        Field(description="Stands in the `eventsUrl` of a job, and opens the events of that job alone."),
    ] = None
