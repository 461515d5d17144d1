"""`cara seed`: fills a development database with learners who have practised for weeks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cara.accounts import queries as accounts
from cara.accounts.passwords import PasswordHasher
from cara.devtools.dev import refuse_production
from cara.feedback.assessment import scores
from cara.feedback.assessment.assess import measured_halves
from cara.postgres.applied_migrations import up_to_date_database
from cara.postgres.database import Connection, Database, new_id
from cara.practice.feedback_schemas import measures_over_time
from cara.samples import SAMPLES, Sample
from cara.settings import Settings
from cara.speech import SpeechMeasures, measure
from cara.users.progress import award_completion

PASSWORD = "practice makes better"  # noqa: S105 - public, for development only
NAMES = ("Ada", "Björn", "Chidi", "Dolores", "Emre", "Farida", "Gwen", "Hana", "Ismael", "Jun")
PRACTICE_PROBABILITY = 0.6
"""Of a session on any one day."""
SLOWEST, FASTEST = 1.3, 0.75
"""Factors on the usual duration of a talk."""


@dataclass(frozen=True)
class PastSession:
    """A completed session; it has only the scores that can be measured, and the measures of lists."""

    title: str
    feature_type: str
    transcript: str
    duration_seconds: int
    started_at: datetime
    scores: dict[str, float | None]
    measures: dict[str, float | None]

    @property
    def completed_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.duration_seconds)


def run(settings: Settings, *, learners: int, weeks: int) -> list[str]:
    """Adds the learners who do not exist yet; returns their emails.

    Raises:
        NotInProduction: the environment is production.
        DatabaseAway, DatabaseBehind: as `up_to_date_database`.
    """
    refuse_production(settings.environment)
    return asyncio.run(_seed(settings, learners, weeks))


async def _seed(settings: Settings, learners: int, weeks: int) -> list[str]:
    passwords = PasswordHasher(threads=1)
    try:
        async with up_to_date_database(settings) as database:
            password_hash = await passwords.hash(PASSWORD)
            added = [await _add(database, number, weeks, password_hash) for number in range(1, learners + 1)]
    finally:
        passwords.close()
    return [email for email in added if email]


async def _add(database: Database, number: int, weeks: int, password_hash: str) -> str | None:
    """Adds one learner with all their practice in one transaction; None if the email exists."""
    email, name = f"learner{number}@example.com", NAMES[(number - 1) % len(NAMES)]
    user_id = new_id()
    async with database.transaction() as connection:
        if await accounts.insert_user(connection, user_id, email, name, "Learner", password_hash) is None:
            return None
        await _add_practice(connection, user_id, random.Random(number), weeks)
    return email


async def _add_practice(connection: Connection, user_id: UUID, chance: random.Random, weeks: int) -> None:
    now = datetime.now(UTC)
    await set_joined_at(connection, user_id, now - timedelta(weeks=weeks, days=1))
    for past in past_sessions(chance, now, weeks):
        await insert_past_session(connection, user_id, new_id(), past)
        await award_completion(
            connection,
            user_id,
            score=past.scores["overall"],
            duration_seconds=past.duration_seconds,
            completed_at=past.completed_at,
        )


def format_result(added: Sequence[str]) -> str:
    """Returns what `cara seed` prints."""
    if not added:
        return "nothing to add: all of these learners exist already"
    return f"added {', '.join(added)}; their password is: {PASSWORD}"


def past_sessions(chance: random.Random, now: datetime, weeks: int) -> Iterator[PastSession]:
    """Yields the sessions of some weeks up to now, oldest first, at most one a day."""
    for days_ago in range(7 * weeks, -1, -1):
        if chance.random() < PRACTICE_PROBABILITY:
            started_at = now - timedelta(days=days_ago, minutes=chance.randint(10, 240))
            yield _session(chance.choice(SAMPLES), chance.uniform(FASTEST, SLOWEST), started_at)


def _session(sample: Sample, speed: float, started_at: datetime) -> PastSession:
    seconds = round(sample.duration_seconds * speed)
    transcript = sample.transcript()
    measures = measure(transcript, duration_seconds=seconds, feature_type=sample.feature_type)
    return PastSession(
        sample.title,
        sample.feature_type,
        transcript,
        seconds,
        started_at,
        _measured_scores(measures, sample.feature_type),
        measures_over_time(measures),
    )


def _measured_scores(measures: SpeechMeasures, feature_type: str) -> dict[str, float | None]:
    clarity, confidence = measured_halves(measures)
    parts: dict[str, float | None] = {
        "clarity": None if clarity is None else round(clarity),
        "pace": scores.pace_score(measures.scorable_words_per_minute, feature_type),
        "confidence": confidence,
    }
    return {**parts, "overall": scores.overall(parts, feature_type)}


async def set_joined_at(connection: Connection, user_id: UUID, joined_at: datetime) -> None:
    await connection.execute("update users set created_at = $2 where id = $1", user_id, joined_at)


async def insert_past_session(
    connection: Connection, user_id: UUID, session_id: UUID, past: PastSession
) -> None:
    """Inserts a completed session as if it had been opened when it began."""
    await connection.execute(
        """
        insert into sessions
            (user_id, id, feature_type, title, duration_seconds, score, clarity, pace, confidence,
             words_per_minute, fillers_per_100_words, hedges_per_100_words, pauses_per_minute,
             transcript, completed, completed_at, practiced_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, true, $15, $16, $16)
        """,
        user_id,
        session_id,
        past.feature_type,
        past.title,
        past.duration_seconds,
        past.scores["overall"],
        past.scores["clarity"],
        past.scores["pace"],
        past.scores["confidence"],
        past.measures["words_per_minute"],
        past.measures["fillers_per_100_words"],
        past.measures["hedges_per_100_words"],
        past.measures["pauses_per_minute"],
        past.transcript,
        past.completed_at,
        past.started_at,
    )
