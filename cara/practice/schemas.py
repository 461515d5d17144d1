"""Requests and responses of practice sessions."""

from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import MISSING, Field
from typing_extensions import TypeAliasType

from cara.web.datetimes import DateTimeOrStartOfDay
from cara.web.models import Instant, PatchModel, QueryModel, RequestModel, ResponseModel, example
from cara.web.sanitize import FreeText

_FeatureType = Literal["conversation", "writing", "accent", "listening", "video"]
FeatureType = TypeAliasType("FeatureType", Annotated[_FeatureType, Field(description="A kind of practice.")])
"""The kinds of practice. The database has the same list, as `feature_types()`."""

FEATURE_TYPES: tuple[FeatureType, ...] = get_args(_FeatureType)

MAX_TRANSCRIPT_CHARACTERS = 200_000
MAX_DURATION_SECONDS = 86_400

Title = Annotated[str, FreeText(max_length=200)]
Description = Annotated[str, FreeText(max_length=2_000)]
Transcript = Annotated[str, FreeText(max_length=MAX_TRANSCRIPT_CHARACTERS)]
Score = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
DurationSeconds = Annotated[int, Field(ge=0, le=MAX_DURATION_SECONDS)]


class NewSession(RequestModel):
    """A practice session to open."""

    model_config = example(featureType="conversation", title="Salary Negotiation Practice")

    feature_type: FeatureType
    title: Title | None = None
    description: Description | None = None


class SessionChanges(PatchModel):
    """What to change of a session; members that are left out stay as they are, null clears them."""

    model_config = example(title="Salary negotiation, second try", completed=True)

    title: Title | MISSING | None = MISSING
    description: Description | MISSING | None = MISSING
    duration_seconds: DurationSeconds | MISSING | None = MISSING
    score: Score | MISSING | None = MISSING
    completed: bool | MISSING = MISSING
    clarity: Score | MISSING | None = MISSING
    pace: Score | MISSING | None = MISSING
    confidence: Score | MISSING | None = MISSING
    tone: Score | MISSING | None = MISSING
    transcript: Transcript | MISSING | None = MISSING
    feedback_json: Annotated[dict[str, Any], FreeText()] | MISSING | None = MISSING


_SUMMARY = {
    "title": "Salary Negotiation Practice",
    "durationSeconds": 6,
    "score": 71.5,
    "clarity": 78,
    "pace": 93.4,
    "confidence": 64,
    "tone": 70,
}


class SessionSummary(ResponseModel):
    """A session without its long parts; scores are 0-100 or null."""

    model_config = example(**_SUMMARY)

    id: UUID
    user_id: UUID
    feature_type: FeatureType
    title: str | None
    description: str | None
    duration_seconds: int | None
    score: float | None
    completed: bool
    completed_at: Instant | None
    clarity: float | None
    pace: float | None
    confidence: float | None
    tone: float | None
    created_at: Instant
    updated_at: Instant


class PracticeSession(SessionSummary):
    """A whole session, with its transcript and its feedback; `liveJobId` names a feedback job under way."""

    model_config = example(
        **_SUMMARY, transcript="Um, thank you. I recommend that we hire two people.", feedbackJson=None
    )

    transcript: str | None
    feedback_json: dict[str, Any] | None
    live_job_id: UUID | None = None


class SessionsQuery(QueryModel):
    """Which sessions to list: a page by offset, or everything after a cursor."""

    limit: Annotated[int, Field(ge=1, le=100, description="How many sessions at most.")] = 20
    offset: Annotated[int, Field(ge=0, le=1_000_000, description="How many of the newest to leave out.")] = 0
    cursor: Annotated[
        Annotated[str, Field(max_length=200)] | None,
        Field(description="The `nextCursor` of the page before."),
    ] = None
    feature_type: Annotated[FeatureType | None, Field(description="Only sessions of this kind.")] = None
    completed: Annotated[bool | None, Field(description="Only those that are completed, or are not.")] = None
    from_: Annotated[
        DateTimeOrStartOfDay | None, Field(alias="from", description="Only sessions opened then or later.")
    ] = None
    to: Annotated[
        DateTimeOrStartOfDay | None,
        Field(description="Only sessions opened before; a day is its start in UTC."),
    ] = None


class SessionPage(ResponseModel):
    """A page of sessions, newest first; `total` counts all that the filter lets through."""

    model_config = example(total=1, limit=20, offset=0, nextCursor=None)

    sessions: list[SessionSummary]
    total: int
    limit: int
    offset: int
    next_cursor: str | None
