"""Requests and responses of feedback."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypeAliasType

from cara.practice.schemas import DurationSeconds, Transcript
from cara.speech import SpeechMeasures
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
    """A job was taken on; `eventsUrl` works as it is, for a while and for this job alone."""

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

    model_config = example(
        overview={
            "score": 71.5,
            "scoreChange": 4.2,
            "summary": "You say early what you want. Give a reason for it, too.",
        },
        breakdown={
            "communication": {
                "clarity": {"score": 78, "feedback": "Your request comes in the second sentence."},
                "pace": {"score": 93.4, "feedback": "100 words a minute: a little slow."},
                "tone": {"score": 70, "feedback": "Polite and matter-of-fact."},
                "confidence": {
                    "score": 64,
                    "feedback": "“I recommend” stands by what you say; the “um” before it does not.",
                },
            },
            "content": {
                "relevance": {"score": 80, "feedback": "All of it serves the request."},
                "structure": {"score": 62, "feedback": "The request needs a reason behind it."},
            },
        },
        highlights=[
            {
                "quote": "I recommend that we hire two people.",
                "start": 15,
                "end": 51,
                "type": "strength",
                "comment": "A clear request in one sentence.",
            }
        ],
        actionItems=[
            {
                "title": "Begin with a pause",
                "why": "Your first word is a filler.",
                "exercise": "Breathe out before you speak, five times, then say the first sentence.",
            }
        ],
        model="gemini-3.8-flash",
        promptVersion="feedback-4",
    )

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

    code: ProblemCode | str
    detail: str


class FeedbackJob(ResponseModel):
    """A feedback job; the feedback comes with success, the problem with failure."""

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
    feedback: Feedback | None = None
    problem: JobProblem | None = None


class EventsQuery(QueryModel):
    """The ticket that stands in for the Authorization field, which native EventSource cannot send."""

    ticket: Annotated[
        Annotated[str, Field(max_length=1024)] | None,
        Field(description="Stands in the `eventsUrl` of a job, and opens the events of that job alone."),
    ] = None
