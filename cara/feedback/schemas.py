"""Requests and responses of feedback."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from typing_extensions import TypeAliasType

from cara.errors import InvalidValue
from cara.practice.feedback_schemas import Feedback
from cara.practice.schemas import (
    MAX_DURATION_SECONDS,
    MAX_TRANSCRIPT_CHARACTERS,
    DurationSeconds,
    Transcript,
)
from cara.transcripts.utterances import TranscriptFormat
from cara.web.models import Instant, ProblemCode, QueryModel, RequestModel, ResponseModel, example

MAX_UTTERANCES = 20_000

JobStatus = TypeAliasType("JobStatus", Literal["queued", "running", "succeeded", "failed", "cancelled"])
JobStage = TypeAliasType(
    "JobStage", Literal["queued", "measuring", "asking", "checking", "saving", "finished"]
)
FINISHED_STATUSES: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


Seconds = Annotated[float, Field(ge=0, le=MAX_DURATION_SECONDS, allow_inf_nan=False)]
SpeakerLabel = Annotated[str, Field(min_length=1, max_length=100)]


class _Timed(RequestModel):
    start: Seconds | None = None
    end: Seconds | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise InvalidValue("out_of_range", "must not end before it starts")
        return self


class SpokenWord(_Timed):
    """A word with its times, in seconds from the beginning of the recording."""

    word: Annotated[str, Field(max_length=200)]


class SpokenUtterance(_Timed):
    """What a speaker said at once; times are in seconds from the beginning of the recording."""

    speaker: SpeakerLabel | None = None
    text: Annotated[str, Field(max_length=MAX_TRANSCRIPT_CHARACTERS)]
    words: Annotated[list[SpokenWord], Field(max_length=MAX_UTTERANCES)] | None = None


class FeedbackRequest(RequestModel):
    """Which session to judge, and what was said in it.

    A transcript comes as text in any format that Cara reads, or as `utterances`. What is given here is stored
    with the session, utterances as JSON; without either the session's transcript is judged.
    `transcriptFormat` is needed only where the format is not found out. `learnerLabel` says which of the
    speakers is the learner, spelled as in the transcript.

    Without `durationSeconds` those of the session count if its transcript is the same, or if it had none. A
    transcript that replaces another one has then its own duration if its times tell one, and else none.
    """

    model_config = example(
        sessionId="019a1f8e-5c3d-7a42-9b1e-3f6d2c8a7b50",
        transcript="Interviewer: Why you?\nAnn: Um, thank you. I recommend that we hire two people now.",
        learnerLabel="Ann",
        durationSeconds=8,
    )

    session_id: UUID
    transcript: Transcript | None = None
    transcript_format: TranscriptFormat | None = None
    utterances: Annotated[list[SpokenUtterance], Field(min_length=1, max_length=MAX_UTTERANCES)] | None = None
    learner_label: SpeakerLabel | None = None
    duration_seconds: DurationSeconds | None = None


class InspectionRequest(RequestModel):
    """A transcript to look at; without a format it is found out."""

    model_config = example(transcript="Bob Roe: Why you?\nAnn Lee: I like the work here.\nBob Roe: Good.")

    transcript: Transcript
    transcript_format: TranscriptFormat | None = None


class Speaker(ResponseModel):
    """A speaker of a transcript: null where the transcript names none. `seconds` needs times of both ends."""

    model_config = example(label="Ann Lee", words=5, seconds=2.4)

    label: str | None
    words: int
    seconds: float | None = None


class InspectedSpeaker(Speaker):
    """A speaker, and whether Cara takes them for the learner without being told."""

    model_config = example(label="Ann Lee", words=5, seconds=None, isLearner=True)

    is_learner: bool


class Inspection(ResponseModel):
    """What Cara reads in a transcript: its format, who speaks how much, and what the learner should know."""

    model_config = example(format="labeled", durationSeconds=None, notes=[])

    format: TranscriptFormat
    speakers: list[InspectedSpeaker]
    duration_seconds: float | None = None
    notes: list[str]


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
