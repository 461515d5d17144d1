"""Requests and responses of practice sessions."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, PlainSerializer
from typing_extensions import TypeAliasType

from cara.errors import InvalidValue
from cara.json_values import FreeObject, Number
from cara.postgres.database import Record
from cara.practice.feedback_schemas import Feedback
from cara.web.datetimes import DateTimeOrStartOfDay, Rfc3339DateTime
from cara.web.free_json import FreeJson
from cara.web.members import Members, members_of
from cara.web.models import Instant, PatchModel, QueryModel, RequestModel, ResponseModel, example
from cara.web.sanitize import FreeText

_FeatureType = Literal["conversation", "writing", "accent", "listening", "video"]
FeatureType = TypeAliasType("FeatureType", Annotated[_FeatureType, Field(description="A kind of practice.")])
"""The kinds of practice. The database has the same list, as `feature_types()`."""

FEATURE_TYPES: tuple[FeatureType, ...] = get_args(_FeatureType)

MAX_TRANSCRIPT_CHARACTERS = 200_000
MAX_DURATION_SECONDS = 86_400
EARLIEST_PRACTICE = datetime(2000, 1, 1, tzinfo=UTC)
"""Statistics begin with this day too."""

MAX_LEAD = timedelta(minutes=5)
"""How far the clock of a client may be ahead of ours."""


def _check_practiced_at(instant: datetime) -> datetime:
    """Returns the time in UTC: however it is spelled, it is the same request under an Idempotency-Key."""
    if instant < EARLIEST_PRACTICE:
        raise InvalidValue("out_of_range", f"must not be before {EARLIEST_PRACTICE:%Y-%m-%d}")
    if instant > datetime.now(UTC) + MAX_LEAD:
        raise InvalidValue("out_of_range", "must not lie in the future")
    return instant.astimezone(UTC)


Title = Annotated[str, FreeText(max_length=200)]
Description = Annotated[str, FreeText(max_length=2_000)]
Transcript = Annotated[str, Field(max_length=MAX_TRANSCRIPT_CHARACTERS)]
"""A document in any format: kept and given back as it was sent, markup included; to be shown as text."""

SessionFeedback = TypeAliasType(
    "SessionFeedback",
    Annotated[
        # Feedback first: readers that take the first alternative that fits would never see it otherwise.
        Feedback | FreeObject,
        Field(description="The feedback of a job, or any object that a client has put in its place."),
    ],
)
Score = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
DurationSeconds = Annotated[Number, Field(ge=0, le=MAX_DURATION_SECONDS, allow_inf_nan=False)]


PracticedAt = Annotated[Rfc3339DateTime, AfterValidator(_check_practiced_at)]


Focus = Annotated[list[Annotated[str, FreeText(1, 100)]], Field(max_length=5)]


class SessionGoal(RequestModel):
    """What the learner practises for: who listens, how long it should take, and what to work on.

    A goal is replaced as a whole. Feedback takes it into account as it is when the job runs, in what is
    judged; no measured number depends on it.
    """

    model_config = example(
        audience="The board, which has not heard of the plan",
        targetSeconds=120,
        focus=["fewer fillers", "a clear request at the end"],
    )

    audience: Annotated[
        Annotated[str, FreeText(1, 200)] | None, Field(description="Who listens, in the learner's words.")
    ] = None
    target_seconds: Annotated[
        Annotated[int, Field(ge=5, le=36_000)] | None,
        Field(description="How long the talk should take. A duration that is known is compared with it."),
    ] = None
    focus: Annotated[Focus, Field(default_factory=list, description="What to work on.")]


def stored_goal(goal: SessionGoal) -> dict[str, Any] | None:
    """Returns the goal as the database keeps it and clients see it; None for one that names nothing."""
    return goal.model_dump(by_alias=True, exclude_defaults=True) or None


Goal = Annotated[SessionGoal, PlainSerializer(stored_goal)]


class NewSession(RequestModel):
    """A practice session to open; `practicedAt` is when the practice took place, by default now."""

    model_config = example(
        featureType="conversation",
        title="Salary Negotiation Practice",
        goal={"audience": "My manager", "targetSeconds": 90},
    )

    feature_type: FeatureType
    title: Title | None = None
    description: Description | None = None
    goal: Goal | None = None
    practiced_at: PracticedAt | None = None


class SessionChanges(PatchModel):
    """What to change of a session; members that are left out stay as they are, null clears them.

    A transcript that replaces another one takes its `durationSeconds` away, unless they are sent along.
    """

    model_config = example(
        title="Salary negotiation, second try", goal={"focus": ["a clear request at the end"]}, completed=True
    )

    title: Title | MISSING | None = MISSING
    description: Description | MISSING | None = MISSING
    goal: Goal | MISSING | None = MISSING
    duration_seconds: DurationSeconds | MISSING | None = MISSING
    score: Score | MISSING | None = MISSING
    completed: bool | MISSING = MISSING
    clarity: Score | MISSING | None = MISSING
    pace: Score | MISSING | None = MISSING
    confidence: Score | MISSING | None = MISSING
    tone: Score | MISSING | None = MISSING
    transcript: Transcript | MISSING | None = MISSING
    feedback_json: Annotated[SessionFeedback, FreeJson()] | MISSING | None = MISSING


_SUMMARY = {
    "title": "Salary Negotiation Practice",
    "durationSeconds": 6,
    "score": 71.5,
    "clarity": 78,
    "pace": 93.4,
    "confidence": 64,
    "tone": 70,
}


class _SessionMembers(ResponseModel):
    id: UUID
    user_id: UUID
    feature_type: FeatureType
    title: str | None
    description: str | None
    goal: SessionGoal | None
    duration_seconds: Number | None
    score: Number | None
    completed: bool
    completed_at: Instant | None
    clarity: Number | None
    pace: Number | None
    confidence: Number | None
    tone: Number | None
    practiced_at: Instant
    created_at: Instant
    updated_at: Instant


class SessionSummary(_SessionMembers):
    """A session without its long parts; scores are 0-100 or null.

    Pace, fillers, hedges and pauses are those of the newest feedback that a job gave, whatever a client has
    put in the place of `feedbackJson` since: null before there is one, and where they could not be measured.
    Pauses need a transcript that tells times of words, and the pace is null if it is implausible.
    """

    model_config = example(
        **_SUMMARY, wordsPerMinute=100, fillersPer100Words=10, hedgesPer100Words=0, pausesPerMinute=None
    )

    words_per_minute: Number | None
    fillers_per_100_words: Number | None
    hedges_per_100_words: Number | None
    pauses_per_minute: Number | None


class PracticeSession(_SessionMembers):
    """A whole session, with its transcript and its feedback; `liveJobId` names a feedback job under way."""

    model_config = example(
        **_SUMMARY, transcript="Um, thank you. I recommend that we hire two people.", feedbackJson=None
    )

    transcript: str | None
    feedback_json: SessionFeedback | None
    live_job_id: UUID | None = None


_SUMMARY_OF, _SESSION_OF = members_of(SessionSummary), members_of(PracticeSession)


def session_summary(row: Record) -> Members:
    """Returns the members of `SessionSummary`."""
    return _with_whole_goal(_SUMMARY_OF(row))


def practice_session(row: Record) -> Members:
    """Returns the members of `PracticeSession`."""
    return _with_whole_goal(_SESSION_OF(row))


def _with_whole_goal(members: Members) -> Members:
    """Adds to a goal what `stored_goal` leaves out."""
    if goal := members["goal"]:
        members["goal"] = {"audience": None, "targetSeconds": None, "focus": [], **goal}
    return members


class SessionsQuery(QueryModel):
    """Which sessions to list, by when they were practised: a page by offset, or everything after a cursor."""

    limit: Annotated[int, Field(ge=1, le=100, description="How many sessions at most.")] = 20
    offset: Annotated[int, Field(ge=0, le=1_000_000, description="How many of the newest to leave out.")] = 0
    cursor: Annotated[
        Annotated[str, Field(max_length=200)] | None,
        Field(description="The `nextCursor` of the page before."),
    ] = None
    feature_type: Annotated[FeatureType | None, Field(description="Only sessions of this kind.")] = None
    completed: Annotated[bool | None, Field(description="Only those that are completed, or are not.")] = None
    from_: Annotated[
        DateTimeOrStartOfDay | None, Field(alias="from", description="Only sessions practised then or later.")
    ] = None
    to: Annotated[
        DateTimeOrStartOfDay | None,
        Field(description="Only sessions practised before; a day is its start in UTC."),
    ] = None


class SessionPage(ResponseModel):
    """A page of sessions, newest practice first; `total` counts all that the filter lets through."""

    model_config = example(total=1, limit=20, offset=0, nextCursor=None)

    sessions: list[SessionSummary]
    total: int
    limit: int
    offset: int
    next_cursor: str | None
