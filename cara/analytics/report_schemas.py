"""Requests and responses of statistics and adoption."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cara.errors import InvalidValue
from cara.json_values import Number
from cara.practice.schemas import FeatureType
from cara.users.time_zones import TimeZone
from cara.web.datetimes import DateOrDateTime
from cara.web.models import Instant, QueryModel, ResponseModel, example

_YEARS = range(2000, 2101)


def _within_years(day: date) -> date:
    if day.year not in _YEARS:
        raise InvalidValue("out_of_range", f"must lie between {_YEARS[0]} and {_YEARS[-1]}")
    return day


Day = Annotated[DateOrDateTime, AfterValidator(_within_years)]


class StatisticsQuery(QueryModel):
    """From which day to which, both included, in which IANA time zone; by default the learner's own."""

    from_: Annotated[Day | None, Field(alias="from", description="The first day.")] = None
    to: Annotated[Day | None, Field(description="The last day, which is included.")] = None
    tz: Annotated[TimeZone | None, Field(description="Where days begin; by default your own zone.")] = None


class AdoptionQuery(QueryModel):
    """From which day (UTC) to which, both included, and whose adoption: only administrators see all."""

    from_: Annotated[Day | None, Field(alias="from", description="The first day.")] = None
    to: Annotated[Day | None, Field(description="The last day, which is included.")] = None
    scope: Annotated[Literal["me", "all"], Field(description="Whose: only administrators see all.")] = "me"


class ExportQuery(QueryModel):
    """From which day (UTC) to which, both included."""

    from_: Annotated[Day | None, Field(alias="from", description="The first day.")] = None
    to: Annotated[Day | None, Field(description="The last day, which is included.")] = None


class FeatureStatistics(ResponseModel):
    """A learner's sessions with one feature."""

    model_config = example(sessions=9, completed=7, averageScore=70.4, durationSeconds=1_620)

    feature_type: FeatureType
    sessions: int
    completed: int
    average_score: float | None
    duration_seconds: Number


class DayStatistics(ResponseModel):
    """A learner's sessions of one day.

    The score, words a minute, fillers and hedges per 100 words, and pauses a minute are means over the
    sessions that have them, each of which counts once; null: none has. An implausible pace is left out.
    """

    model_config = example(
        sessions=2,
        completed=1,
        averageScore=71.5,
        durationSeconds=310,
        wordsPerMinute=131.5,
        fillersPer100Words=3.2,
        hedgesPer100Words=1.4,
        pausesPerMinute=None,
    )

    day: date
    sessions: int
    completed: int
    average_score: float | None
    duration_seconds: Number
    words_per_minute: float | None
    fillers_per_100_words: float | None
    hedges_per_100_words: float | None
    pauses_per_minute: float | None


class Trend(ResponseModel):
    """The mean of the later half of the practised days minus that of the earlier half; null: unknown.

    The first four are in points of the scores, the others in the unit that they are named for: fewer fillers
    are a trend below zero.
    """

    model_config = example(
        clarity=3.5,
        pace=1.2,
        confidence=-0.8,
        tone=None,
        wordsPerMinute=6.5,
        fillersPer100Words=-1.1,
        hedgesPer100Words=-0.3,
        pausesPerMinute=None,
    )

    clarity: float | None
    pace: float | None
    confidence: float | None
    tone: float | None
    words_per_minute: float | None
    fillers_per_100_words: float | None
    hedges_per_100_words: float | None
    pauses_per_minute: float | None


class Statistics(ResponseModel):
    """What a learner has practised, everything that was committed before `asOf` included.

    Sessions belong to the day of `practicedAt`. Without `from`, totals and features count from the
    very first session, and days and trend cover the last 30 days.
    """

    model_config = example(
        totalSessions=9,
        completedSessions=7,
        averageScore=70.4,
        totalDurationSeconds=1_620,
        currentStreak=3,
        longestStreak=8,
        level=2,
        xp=154,
        timezone="Europe/Berlin",
    )

    total_sessions: int
    completed_sessions: int
    average_score: float | None
    total_duration_seconds: Number
    current_streak: int
    longest_streak: int
    level: int
    xp: int
    by_feature: list[FeatureStatistics]
    daily: list[DayStatistics]
    trend: Trend
    timezone: str
    as_of: Instant


class FeatureAdoption(ResponseModel):
    """How one feature was used in the period; `firstUsedAt` and `lastUsedAt` are of all time.

    `users` used it in a session or an event; `adoptionRate` is their share of all who were active.
    """

    model_config = example(sessions=140, completed=98, completionRate=0.7, users=52, adoptionRate=0.65)

    feature_type: FeatureType
    sessions: int
    completed: int
    completion_rate: float | None
    users: int
    adoption_rate: float
    first_used_at: Instant | None
    last_used_at: Instant | None


class ActiveUsers(ResponseModel):
    """Distinct active users of the last day of the period, and of the 7 and 30 days that end with it."""

    model_config = example(daily=18, weekly=46, monthly=80)

    daily: int
    weekly: int
    monthly: int


class DayAdoption(ResponseModel):
    """One day (UTC) of whoever was asked about."""

    model_config = example(activeUsers=18, sessions=31, completed=22, events=240)

    day: date
    active_users: int
    sessions: int
    completed: int
    events: int


class Cohort(ResponseModel):
    """Users by the week (its Monday) of their first activity.

    `active` says how many of them were active in that week, in the next one, and so on.
    """

    model_config = example(week="2026-01-26", users=12, active=[12, 7], retention=[1.0, 0.583])

    week: date
    users: int
    active: list[int]
    retention: list[float]


class Adoption(ResponseModel):
    """Which features are used, everything that was committed before `asOf` included.

    `stickiness` is daily active users ÷ monthly active users.
    """

    model_config = example(stickiness=0.225)

    features: list[FeatureAdoption]
    active_users: ActiveUsers
    stickiness: float
    daily: list[DayAdoption]
    retention: list[Cohort]
    as_of: Instant
