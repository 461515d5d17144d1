"""The data of a job's events. The last event of a job has the job itself, as reading it answers."""

from typing import Annotated

from pydantic import MISSING, Field

from cara.feedback.schemas import FeedbackJob, JobStage, JobStatus
from cara.gemini.errors import GeminiUnavailable
from cara.web.models import ResponseModel, example
from cara.web.sse import EventTypes

Attempt = Annotated[int, Field(description="Which attempt of a worker it is about; 0 before the first.")]


class JobStatusEvent(ResponseModel):
    """The job is queued, or an attempt begins.

    With `stage` and `progress` it says how far the job is now, because its events are lost.
    """

    model_config = example(status="running", attempt=1)

    status: JobStatus
    attempt: Attempt
    stage: JobStage | MISSING = MISSING
    progress: Annotated[int, Field(ge=0, le=100)] | MISSING = MISSING


class JobProgressEvent(ResponseModel):
    """The job has come so far, in percent."""

    model_config = example(stage="asking", progress=40, attempt=1)

    stage: JobStage
    progress: Annotated[int, Field(ge=0, le=100)]
    attempt: Attempt


class JobPartialEvent(ResponseModel):
    """More of a text of the feedback while it is written.

    The offset counts the Unicode code points of the part that went before. If it is more than you have,
    events were lost: the last event has the whole text.
    """

    model_config = example(part="summary", text="You say early what you want", offset=0, attempt=1)

    part: str
    text: str
    offset: Annotated[int, Field(ge=0)]
    attempt: Attempt


JOB_EVENTS = EventTypes(
    "JobEvent",
    {
        "status": JobStatusEvent,
        "progress": JobProgressEvent,
        "partial": JobPartialEvent,
        "succeeded": FeedbackJob,
        "failed": FeedbackJob,
        "cancelled": FeedbackJob,
    },
    {
        "failed": {
            "status": "failed",
            "feedback": None,
            "problem": {"code": GeminiUnavailable.code, "detail": GeminiUnavailable.detail},
        },
        "cancelled": {"status": "cancelled", "feedback": None},
    },
)
