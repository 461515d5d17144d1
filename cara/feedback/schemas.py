"""Requests and responses of feedback."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from cara.practice.schemas import DurationSeconds, Transcript
from cara.speech import SpeechMeasures
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
    """A job was taken on; `eventsUrl` works as it is, for this job alone, also if it has ended meanwhile."""

    job_id: UUID
    status: JobStatus
    status_url: str
    events_url: str
    created_at: Instant


class Aspect(ResponseModel):
    """One aspect of the talk: 0-100, or null where it cannot be known, and what to say about it."""

    score: float | None
    feedback: str


class Overview(ResponseModel):
    """The whole in one number, how it moved against the last five sessions of this feature, and in words."""

    score: float
    score_change: float | None
    summary: str


class Communication(ResponseModel):
    """How it was said."""

    clarity: Aspect
    pace: Aspect
    tone: Aspect
    confidence: Aspect


class Content(ResponseModel):
    """What was said."""

    relevance: Aspect
    structure: Aspect


class Breakdown(ResponseModel):
    """The scores behind the overview."""

    communication: Communication
    content: Content


class Highlight(ResponseModel):
    """A passage that stands in the transcript, at [start, end) in Unicode code points."""

    quote: str
    start: int
    end: int
    type: Literal["strength", "improvement"]
    comment: str


class ActionItem(ResponseModel):
    """Something to practise next, why, and how."""

    title: str
    why: str
    exercise: str


class Feedback(ResponseModel):
    """Feedback on one transcript."""

    overview: Overview
    breakdown: Breakdown
    measures: SpeechMeasures
    highlights: list[Highlight]
    action_items: list[ActionItem]
    model: str
    prompt_version: str

    def session_changes(self) -> dict[str, Any]:
        """Returns the columns of the session that it completes."""
        communication = self.breakdown.communication
        return {
            "score": self.overview.score,
            "clarity": communication.clarity.score,
            "pace": communication.pace.score,
            "confidence": communication.confidence.score,
            "tone": communication.tone.score,
            "feedback_json": self.model_dump(mode="json", by_alias=True),
            "completed": True,
        }


class JobProblem(ResponseModel):
    """Why a job failed: a stable word and a sentence."""

    code: str
    detail: str


class JobSummary(ResponseModel):
    """A feedback job without its feedback; the problem comes with failure.

    `progress` is what the events tell, in percent; it begins anew with each attempt. `eventsUrl` works as it
    is while the job lives and for 15 minutes afterwards, unless its sign-in ends. It is null once the job has
    ended.
    """

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

    ticket: Annotated[str, Field(max_length=1024)] | None = None
